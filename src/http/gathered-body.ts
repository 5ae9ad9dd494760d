// Takes the body of a request as it comes and hands it on in few large pieces: each hand that it goes through would cost every small
// one more than its bytes do. Of a body that is not small each byte is copied once, into memory that is used again; what it came
// in is given up at once, since left to the collector it would start that for every 32 MB.
import { finished, type Readable } from 'node:stream';
import { type Block, isShared, type SharedBlocks } from '../registry/shared-blocks.ts';

/** A body up to this length, in bytes, is one piece, in memory of its own. */
const SMALL_LENGTH = 64 * 1024;
/** In more chunks than these it is as good as large: each of them takes memory beside its bytes. */
const SMALL_CHUNKS = 64;
/** Full blocks that may wait while somebody looks at the one before. With more of them, what comes last is out of the processor's cache. */
const MOST_WAITING = 1;
const NO_BYTES = new Uint8Array(0);

/** The body from now on, to be read once. */
export interface GatheredBody extends AsyncIterableIterator<Uint8Array, undefined> {
  /** A piece is valid until the next one is asked for. Throws what ended the body early, after all that came before. */
  next(): Promise<IteratorResult<Uint8Array, undefined>>;
  /**
   * All of a body that is small, in memory of its own, when it has ended well. `undefined` as soon as it is known to be another one, of
   * which nothing is taken then. To be asked before anything else.
   */
  whole(): Promise<Uint8Array | undefined>;
  /** Reads no more, and leaves the rest to whoever reads the request next. */
  return(): Promise<IteratorReturnResult<undefined>>;
}

export interface GatherOptions {
  /** Told how many bytes have come, as soon as they have. */
  readonly onBytes: (count: number) => void;
  /** How many bytes are to come. What is more is handed on at once, to be refused before the end. */
  readonly announced?: number | undefined;
  /** Asked at the end: whether it came before its time. */
  readonly isBrokenOff?: () => boolean;
}

/** Begins to read. Takes what comes as far as there is room for it, also while nobody asks. */
export function gatherBody(
  request: Readable,
  blocks: SharedBlocks,
  { onBytes, announced = Number.POSITIVE_INFINITY, isBrokenOff = () => false }: GatherOptions,
): GatheredBody {
  /** What came so far, as long as it is small. */
  let small: Uint8Array[] | undefined = [];
  let received = 0;
  let filling: Block | undefined;
  let filled = 0;
  const ready: Uint8Array[] = [];
  let shown: Uint8Array | undefined;
  let outcome: { readonly error?: unknown } | undefined;
  let wake = () => {};

  // Listens for errors to the end of the request, also to one that comes when nobody reads any more.
  finished(request, { writable: false }, (error) => {
    handOn();
    stop(error ? { error } : {});
  });
  request.on('data', take);

  function take(chunk: Uint8Array): void {
    try {
      add(chunk);
    } catch (error) {
      // There is no memory left. Thrown from here it would end the process.
      request.pause();
      stop({ error });
    }
  }

  function add(chunk: Uint8Array): void {
    onBytes(chunk.length);
    received += chunk.length;
    if (small !== undefined && received <= SMALL_LENGTH && small.length < SMALL_CHUNKS) small.push(chunk);
    else {
      for (const earlier of small ?? []) copy(earlier);
      const wasSmall = small !== undefined;
      small = undefined;
      copy(chunk);
      if (wasSmall) wake();
    }
    if (received > announced) handOn();
    if (ready.length > MOST_WAITING) request.pause();
  }

  function copy(chunk: Uint8Array): void {
    for (let taken = 0; taken < chunk.length; ) {
      filling ??= blocks.borrow();
      const part = chunk.subarray(taken, taken + filling.length - filled);
      filling.set(part, filled);
      filled += part.length;
      taken += part.length;
      if (filled === filling.length) handOn();
    }
    giveUp(chunk);
  }

  function handOn(): void {
    if (filling !== undefined) ready.push(filling.subarray(0, filled));
    else if (small !== undefined && small.length > 0) ready.push(joined(small));
    filling = undefined;
    small = undefined;
    filled = 0;
    wake();
  }

  function stop(how: { readonly error?: unknown }): void {
    outcome ??= how;
    request.off('data', take);
    wake();
  }

  function giveBack(piece: Uint8Array | undefined): void {
    if (piece !== undefined && isShared(piece)) blocks.giveBack(piece);
  }

  function woken(): Promise<void> {
    return new Promise((resolve) => {
      wake = resolve;
    });
  }

  return {
    [Symbol.asyncIterator]() {
      return this;
    },

    async whole() {
      while (small !== undefined && outcome === undefined) await woken();
      const isWhole = outcome !== undefined && !('error' in outcome) && !isBrokenOff();
      const [first = NO_BYTES] = ready;
      if (!isWhole || received !== first.length || isShared(first)) return undefined;
      ready.shift();
      return first;
    },

    async next() {
      giveBack(shown);
      shown = undefined;
      while (ready.length === 0 && outcome === undefined) await woken();
      shown = ready.shift();
      if (shown !== undefined) {
        if (request.isPaused() && outcome === undefined) request.resume();
        return { done: false, value: shown };
      }
      if (outcome !== undefined && 'error' in outcome) throw outcome.error;
      if (isBrokenOff()) throw new Error('the client reset its request');
      return { done: true, value: undefined };
    },

    async return() {
      if (outcome === undefined) request.pause();
      stop({});
      for (const piece of [shown, filling, ...ready.splice(0)]) giveBack(piece);
      shown = undefined;
      filling = undefined;
      small = undefined;
      return { done: true, value: undefined };
    },
  };
}

function joined(chunks: readonly Uint8Array[]): Uint8Array {
  const [first, ...others] = chunks;
  return first !== undefined && others.length === 0 ? first : Buffer.concat(chunks);
}

/** Only what is memory of its own: others may be looking at the rest of a larger one. */
function giveUp({ buffer, byteLength }: Uint8Array): void {
  if (buffer instanceof ArrayBuffer && buffer.byteLength === byteLength) buffer.transfer(0);
}
