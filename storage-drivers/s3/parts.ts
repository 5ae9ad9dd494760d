// Cuts a stream of chunks into the parts of a multipart upload, and sends parts a few at a time.
import { LEAST_PART_LENGTH } from './settings.ts';

export interface Part {
  readonly bytes: Uint8Array;
  /** Whether the content ends with it. */
  readonly isLast: boolean;
}

/** Memory of parts that were sent, for the next ones. Asked for anew it costs more than what is done with it. */
export interface PartMemory {
  /** At least so many bytes, not zeroed. */
  borrow(length: number): Uint8Array;
  /** Gives memory back that nobody looks at any more; memory that did not come from here is left alone. */
  giveBack(bytes: Uint8Array): void;
}

/** What is kept when nobody needs it. */
const KEPT_PARTS = 4;

/** @param length of the parts that are kept; longer ones are made anew each time */
export function createPartMemory(length: number): PartMemory {
  const lent = new WeakSet<ArrayBufferLike>();
  const free: Uint8Array[] = [];
  return {
    borrow(wanted) {
      if (wanted !== length) return Buffer.allocUnsafeSlow(wanted);
      const bytes = free.pop() ?? Buffer.allocUnsafeSlow(length);
      lent.add(bytes.buffer);
      return bytes;
    },

    giveBack({ buffer }) {
      if (!lent.delete(buffer) || free.length >= KEPT_PARTS) return;
      free.push(Buffer.from(buffer));
    },
  };
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
  memory: PartMemory,
): AsyncGenerator<Part> {
  let index = 0;
  // A whole part is held back until it is known that the one behind it is long enough.
  let whole: Uint8Array | undefined;
  let filling = createFilling(lengthOf(index), memory);
  for await (const chunk of content) {
    for (let rest = chunk; rest.length > 0; ) {
      rest = filling.add(rest);
      if (whole !== undefined && filling.length() >= LEAST_PART_LENGTH) {
        yield { bytes: whole, isLast: false };
        whole = undefined;
      }
      if (!filling.isFull()) continue;
      whole = filling.bytes();
      index += 1;
      filling = createFilling(lengthOf(index), memory);
    }
  }
  const last = filling.bytes();
  yield { bytes: whole === undefined ? last : Buffer.concat([whole, last]), isLast: true };
}

/** A part that is being filled. */
interface Filling {
  /** Takes what it has room for, and gives back the rest. */
  add(chunk: Uint8Array): Uint8Array;
  length(): number;
  isFull(): boolean;
  bytes(): Uint8Array;
}

/** Below this the memory of a whole part is not worth asking for. */
const FEW = 256 * 1024;

/** Copies chunks as they come: held until the part is full, they would grow old and cost the collector dearly. */
function createFilling(wanted: number, memory: PartMemory): Filling {
  let few: Uint8Array[] = [];
  let part: Uint8Array | undefined;
  let length = 0;
  return {
    add(chunk) {
      const taken = chunk.subarray(0, wanted - length);
      if (part === undefined && length + taken.length <= FEW) {
        // Valid until the next one is asked for.
        few.push(new Uint8Array(taken));
      } else {
        part ??= startWith(few, memory.borrow(wanted));
        few = [];
        part.set(taken, length);
      }
      length += taken.length;
      return chunk.subarray(taken.length);
    },
    length: () => length,
    isFull: () => length === wanted,
    bytes: () => part?.subarray(0, length) ?? Buffer.concat(few),
  };
}

function startWith(chunks: readonly Uint8Array[], bytes: Uint8Array): Uint8Array {
  let length = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, length);
    length += chunk.length;
  }
  return bytes;
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
