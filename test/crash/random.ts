// Random numbers that a seed brings back, so that a run that found something can be made again.

export interface Random {
  /** A whole number from `least` to `most`, both included. */
  integer(least: number, most: number): number;
  /** True so many times out of a hundred. */
  percent(chance: number): boolean;
  /** One of the values; `undefined` if there are none. */
  pick<T>(values: readonly T[]): T | undefined;
  bytes(length: number): Uint8Array;
  /** A generator of its own, which draws the same numbers whatever the others do in the meantime. */
  fork(): Random;
}

/** The same numbers for the same seed (mulberry32). */
export function createRandom(seed: number): Random {
  let state = seed >>> 0;

  function next(): number {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return (mixed ^ (mixed >>> 14)) >>> 0;
  }

  function integer(least: number, most: number): number {
    return least + (next() % (most - least + 1));
  }

  return {
    integer,
    percent: (chance) => integer(1, 100) <= chance,
    pick: (values) => (values.length === 0 ? undefined : values[integer(0, values.length - 1)]),
    fork: () => createRandom(next()),
    bytes(length) {
      const words = new Uint32Array(Math.ceil(length / 4));
      for (let index = 0; index < words.length; index += 1) words[index] = next();
      return new Uint8Array(words.buffer, 0, length);
    },
  };
}
