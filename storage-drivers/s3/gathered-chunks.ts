// Takes the chunks of a body as they come, also while nobody asks for them, and hands on what has come in few large pieces. Each byte
// is copied once, into memory that is used again; what it came in is given up at once and not left to the collector.
import { finished, type Readable } from 'node:stream';
import type { BufferPool } from '../buffer-pool.ts';

/** Full pieces that may wait while somebody looks at the one before. */
const MOST_WAITING = 1;

/** A body from now on, to be read once. */
export interface GatheredChunks {
  /**
   * The next bytes, valid until it is called again; nothing at the end, which has been read then. Throws what ended the body early,
   * after all that came before.
   */
  next(): Promise<Uint8Array | undefined>;
  /** Takes no more. Somebody may still look at the last piece. */
  stop(): void;
}

/** @param length how many bytes are to come */
export function gatherChunks(body: Readable, length: number, pool: BufferPool): GatheredChunks {
  const ready: Piece[] = [];
  let filling: Piece | undefined;
  let shown: Piece | undefined;
  let received = 0;
  let outcome: { readonly error?: unknown } | undefined;
  let wake: (() => void) | undefined;

  finished(body, { writable: false }, (error) => end(error ? { error } : {}));
  body.on('data', take);

  function take(chunk: Uint8Array): void {
    try {
      if (received + chunk.length > length) throw new Error(`the body goes on behind ${length} bytes`);
      copy(chunk);
    } catch (error) {
      // Thrown from here it would end the process.
      end({ error });
      body.destroy();
    }
    if (ready.length > MOST_WAITING) body.pause();
    wakeSoon();
  }

  function copy(chunk: Uint8Array): void {
    for (let rest = chunk; rest.length > 0; ) {
      filling ??= { memory: pool.borrow(length - received), filled: 0 };
      const { memory } = filling;
      const part = rest.subarray(0, memory.length - filling.filled);
      memory.set(part, filling.filled);
      filling.filled += part.length;
      received += part.length;
      rest = rest.subarray(part.length);
      if (filling.filled === memory.length) handOn();
    }
    giveUp(chunk);
  }

  function handOn(): void {
    if (filling !== undefined) ready.push(filling);
    filling = undefined;
  }

  /** Not at once: more has often come already, and is told next. */
  function wakeSoon(): void {
    if (wake !== undefined) setImmediate(wake);
    wake = undefined;
  }

  function end(how: { readonly error?: unknown }): void {
    outcome ??= how;
    body.off('data', take);
    wakeSoon();
  }

  return {
    async next() {
      if (shown !== undefined) pool.giveBack(shown.memory);
      shown = undefined;
      if (ready.length === 0 && filling === undefined && outcome === undefined) {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
      if (ready.length === 0) handOn();
      shown = ready.shift();
      if (shown !== undefined) {
        if (outcome === undefined) body.resume();
        return shown.memory.subarray(0, shown.filled);
      }
      if (outcome !== undefined && 'error' in outcome) throw outcome.error;
      return undefined;
    },

    stop() {
      end({});
      if (shown !== undefined) pool.forget(shown.memory);
      handOn();
      for (const { memory } of ready.splice(0)) pool.giveBack(memory);
      shown = undefined;
    },
  };
}

/** Memory that is being filled, from its beginning on. */
interface Piece {
  readonly memory: Uint8Array<ArrayBuffer>;
  filled: number;
}

/** Only what is memory of its own: others may be looking at the rest of a larger one. */
function giveUp({ buffer, byteLength }: Uint8Array): void {
  if (buffer instanceof ArrayBuffer && buffer.byteLength === byteLength) buffer.transfer(0);
}
