// Finds repositories by a part of their name (docker registry API v1, "Search").
//
// Every name has to be looked at, so no more than one look at all of them is under way: it serves all searches that came
// before it began, and each of them remembers no more than it may answer.
import type { RepositoryName } from './name.ts';

/** Whether somebody may know of the repository. Absent: of all of them. */
export type Visible = (name: RepositoryName) => boolean;

/** Up to `limit` visible names that contain the term, the best match first. */
export type Search = (term: string, limit: number, visible: Visible) => Promise<RepositoryName[]>;

/** Repositories that are looked at for one search. Who has more of them is not kept waiting for the rest. */
const MOST_LOOKED_AT = 250_000;

interface Match {
  readonly name: RepositoryName;
  readonly rank: number;
}

/** Is shown every name. */
type Seeker = (name: RepositoryName) => void;

interface Round {
  readonly seekers: Seeker[];
  readonly ended: Promise<void>;
}

/** @param names all repositories, from the store anew each time */
export function createSearch(names: () => AsyncIterable<RepositoryName>): Search {
  let running: Promise<void> = Promise.resolve();
  let waiting: Round | undefined;

  /** The seeker is shown every name that is there from now on. */
  function join(seeker: Seeker): Promise<void> {
    if (waiting === undefined) {
      const seekers: Seeker[] = [];
      const ended = running.then(() => {
        waiting = undefined;
        return lookAtAll(seekers);
      });
      waiting = { seekers, ended };
      // Whoever waits for a round hears of its failure; the next round begins all the same.
      running = ended.catch(() => undefined);
    }
    waiting.seekers.push(seeker);
    return waiting.ended;
  }

  async function lookAtAll(seekers: readonly Seeker[]): Promise<void> {
    let looked = 0;
    for await (const name of names()) {
      for (const show of seekers) show(name);
      looked += 1;
      if (looked === MOST_LOOKED_AT) return;
    }
  }

  return async (term, limit, visible) => {
    const wanted = term.toLowerCase();
    const best: Match[] = [];
    await join((name) => {
      if (!name.includes(wanted) || !visible(name)) return;
      const match = { name, rank: rankOf(name, wanted) };
      best.splice(placeFor(best, match), 0, match);
      if (best.length > limit) best.pop();
    });
    return best.map(({ name }) => name);
  };
}

function placeFor(sorted: readonly Match[], match: Match): number {
  const place = sorted.findIndex((other) => compare(match, other) < 0);
  return place === -1 ? sorted.length : place;
}

function compare(a: Match, b: Match): number {
  return a.rank - b.rank || a.name.length - b.name.length || (a.name < b.name ? -1 : 1);
}

/** 0 for the very name, then its last component, then names and last components that begin with the term, then the rest. */
function rankOf(name: string, term: string): number {
  const last = name.slice(name.lastIndexOf('/') + 1);
  if (name === term) return 0;
  if (last === term) return 1;
  if (name.startsWith(term)) return 2;
  if (last.startsWith(term)) return 3;
  return 4;
}
