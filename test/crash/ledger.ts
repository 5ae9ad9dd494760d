// What a registry has to know after a crash: every change that was asked for, when it was asked for and whether it was
// acknowledged. From that follows which states are right; everything else is a wrong answer.
import assert from 'node:assert/strict';

/** Something with a state: a blob or a manifest of a repository, a tag, an upload session. */
export interface Cell {
  readonly kind: 'blob' | 'manifest' | 'tag' | 'upload';
  readonly repository: string;
  /** The digest or the tag; for an upload, its location. */
  readonly name: string;
}

/** What a tag points to; `here` for the other kinds; `undefined` where there is nothing. */
export type State = string | undefined;

/** The state of a blob, a manifest or an upload that exists. */
export const HERE = 'here';

export interface Change {
  /** The registry said that it is done. */
  acknowledge(): void;
  /** The registry said that it is not done. */
  withdraw(): void;
}

export interface Ledger {
  /** Notes that a change is asked for. Unless it is acknowledged or withdrawn it may happen or not. */
  begin(cell: Cell, state: State): Change;
  /** The states in which the cell may be, as long as nobody changes it. */
  possible(cell: Cell): ReadonlySet<State>;
  /** The state of a cell in which it surely is; `'in doubt'` if there are several. */
  settled(cell: Cell): State | 'in doubt';
  /** What was seen: throws AssertionError if it cannot be; from now on it is the truth. */
  observe(cell: Cell, state: State): void;
  cells(): Cell[];
  /** Those of the kind that surely are there, in the repository or in any. */
  present(kind: Cell['kind'], repository?: string): Cell[];
  /** Takes the cell for one that nothing is known of. */
  forget(cell: Cell): void;
}

interface Write {
  readonly state: State;
  readonly begun: number;
  ended: number;
  acknowledged: boolean;
}

export function createLedger(): Ledger {
  const histories = new Map<string, { readonly cell: Cell; writes: Write[] }>();
  let clock = 0;

  function historyOf(cell: Cell) {
    const key = `${cell.kind} ${cell.repository} ${cell.name}`;
    const known = histories.get(key);
    if (known !== undefined) return known;
    const history = { cell, writes: [settledWrite(undefined)] };
    histories.set(key, history);
    return history;
  }

  function settledWrite(state: State): Write {
    clock += 1;
    return { state, begun: clock, ended: clock, acknowledged: true };
  }

  /** A write counts no more when another one, begun after its end, was acknowledged. */
  function possible(cell: Cell): ReadonlySet<State> {
    const { writes } = historyOf(cell);
    const lastWord = Math.max(...writes.filter((write) => write.acknowledged).map((write) => write.begun));
    return new Set(writes.filter((write) => write.ended >= lastWord).map((write) => write.state));
  }

  function settled(cell: Cell): State | 'in doubt' {
    const [first, ...others] = possible(cell);
    return others.length === 0 ? first : 'in doubt';
  }

  return {
    possible,
    settled,

    begin(cell, state) {
      const history = historyOf(cell);
      clock += 1;
      const write = { state, begun: clock, ended: Number.POSITIVE_INFINITY, acknowledged: false };
      history.writes.push(write);
      return {
        acknowledge() {
          clock += 1;
          write.ended = clock;
          write.acknowledged = true;
        },
        withdraw() {
          history.writes = history.writes.filter((other) => other !== write);
        },
      };
    },

    observe(cell, state) {
      const states = possible(cell);
      const right = [...states].map(String).join(' or ');
      assert.ok(states.has(state), `${cell.kind} ${cell.repository} ${cell.name}: ${state}, not ${right}`);
      historyOf(cell).writes = [settledWrite(state)];
    },

    cells: () => [...histories.values()].map(({ cell }) => cell),

    present(kind, repository) {
      return [...histories.values()]
        .map(({ cell }) => cell)
        .filter((cell) => cell.kind === kind && (repository === undefined || cell.repository === repository))
        .filter((cell) => settled(cell) !== undefined && settled(cell) !== 'in doubt');
    },

    forget(cell) {
      histories.delete(`${cell.kind} ${cell.repository} ${cell.name}`);
    },
  };
}
