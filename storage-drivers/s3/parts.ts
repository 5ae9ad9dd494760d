// Cuts a stream of chunks into the parts of a multipart upload, and sends parts a few at a time.
import { LEAST_PART_LENGTH } from './settings.ts';

export interface Part {
  readonly bytes: Uint8Array;
  /** Whether the content ends with it. */
  readonly isLast: boolean;
}

/** Parts of one length: with 10 MiB at first and 10 MiB more after each thousand, 10,000 parts hold 550 GiB. */
const PARTS_OF_ONE_LENGTH = 1000;

/** The length in bytes of part `index` (from 0) of an upload whose first parts have the length `first`. */
export function partLength(index: number, first: number): number {
  return first * (1 + Math.floor(index / PARTS_OF_ONE_LENGTH));
}

/**
 * Cuts the content into parts of the lengths that are asked for. The last one takes what is left: as little as nothing if
 * it is the only one, else no less than 5 MiB. At most that much more than one part is in memory.
 */
export async function* cutIntoParts(
  content: AsyncIterable<Uint8Array>,
  lengthOf: (index: number) => number,
): AsyncGenerator<Part> {
  let held: Uint8Array[] = [];
  let length = 0;
  let index = 0;
  for await (const chunk of content) {
    if (chunk.length === 0) continue;
    held.push(chunk);
    length += chunk.length;
    for (let wanted = lengthOf(index); length >= wanted + LEAST_PART_LENGTH; wanted = lengthOf(index)) {
      const { bytes, rest } = take(held, wanted);
      held = rest;
      length -= wanted;
      index += 1;
      yield { bytes, isLast: false };
    }
  }
  yield { bytes: Buffer.concat(held), isLast: true };
}

/**
 * Runs the tasks as they come, at most `atOnce` at the same time, and resolves to their results in order. After a failure
 * the others are aborted, and it throws when all have ended.
 */
export async function runSome<T>(
  tasks: AsyncIterable<(signal: AbortSignal) => Promise<T>> | Iterable<(signal: AbortSignal) => Promise<T>>,
  atOnce: number,
): Promise<T[]> {
  const abort = new AbortController();
  const running = new Set<Promise<void>>();
  const results: T[] = [];
  let started = 0;
  try {
    for await (const task of tasks) {
      if (running.size >= atOnce) await Promise.race(running);
      const index = started;
      started += 1;
      const run = task(abort.signal).then((result) => {
        results[index] = result;
        running.delete(run);
      });
      // Whoever awaits it next sees the error; until then it must not count as unhandled.
      run.catch(() => undefined);
      running.add(run);
    }
    await Promise.all(running);
    return results;
  } catch (error) {
    abort.abort();
    throw error;
  } finally {
    await Promise.allSettled(running);
  }
}

/** The first `wanted` bytes in one piece of memory, and the rest as it was. */
function take(chunks: readonly Uint8Array[], wanted: number): { bytes: Uint8Array; rest: Uint8Array[] } {
  const bytes = Buffer.allocUnsafeSlow(wanted);
  let done = 0;
  let used = 0;
  for (const chunk of chunks) {
    if (done + chunk.length > wanted) break;
    bytes.set(chunk, done);
    done += chunk.length;
    used += 1;
  }
  const rest = chunks.slice(used);
  const [first] = rest;
  if (first !== undefined && done < wanted) {
    bytes.set(first.subarray(0, wanted - done), done);
    rest[0] = first.subarray(wanted - done);
  }
  return { bytes, rest };
}
