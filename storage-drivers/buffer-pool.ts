// The memory that all readers of large objects share.

const LARGE_LENGTH = 1024 * 1024;
const SMALL_LENGTH = 64 * 1024;
/** Bytes lent out at most in large buffers, and kept for the next reader when none reads. */
const BUDGET = 32 * LARGE_LENGTH;
/** Small buffers kept for the next reader: made anew for every read, they would pile up until they are collected. */
const KEPT_SMALL = 256;
/** What nobody borrowed for so long is given back to the system. */
const IDLE_MS = 30_000;

export interface BufferPool {
  /**
   * A buffer for the next bytes of which `wanted` are left: 1 MiB or exactly as much as is wanted; never more than 64 KiB
   * while the budget is used up, so that slow readers cost little and nobody waits for them.
   */
  borrow(wanted: number): Uint8Array<ArrayBuffer>;
  /** Gives a buffer back, when nothing reads into it or looks at it any more. */
  giveBack(buffer: Uint8Array<ArrayBuffer>): void;
  /** Gives up a buffer that somebody may still look at. It is not used again. */
  forget(buffer: Uint8Array): void;
}

export function createBufferPool(): BufferPool {
  const freeLarge: Uint8Array<ArrayBuffer>[] = [];
  const freeSmall: Uint8Array<ArrayBuffer>[] = [];
  let lent = 0;
  let idle: NodeJS.Timeout | undefined;

  function letGo(): void {
    freeLarge.length = 0;
    freeSmall.length = 0;
  }

  return {
    borrow(wanted) {
      clearTimeout(idle);
      const length = Math.min(wanted, LARGE_LENGTH);
      if (length <= SMALL_LENGTH || lent + length > BUDGET) {
        const kept = length >= SMALL_LENGTH ? freeSmall.pop() : undefined;
        return kept ?? allocate(Math.min(length, SMALL_LENGTH));
      }
      lent += length;
      const kept = length === LARGE_LENGTH ? freeLarge.pop() : undefined;
      return kept ?? allocate(length);
    },

    giveBack(buffer) {
      forget(buffer);
      if (buffer.length === LARGE_LENGTH) freeLarge.push(buffer);
      if (buffer.length === SMALL_LENGTH && freeSmall.length < KEPT_SMALL) freeSmall.push(buffer);
    },

    forget,
  };

  function forget(buffer: Uint8Array): void {
    if (buffer.length > SMALL_LENGTH) lent -= buffer.length;
    clearTimeout(idle);
    idle = setTimeout(letGo, IDLE_MS).unref();
  }
}

/**
 * Fresh bytes, not zeroed. Not a Buffer, whose `slice` looks like the copy that `Uint8Array` makes but shares the memory:
 * whoever keeps a chunk by it would see it change.
 */
function allocate(length: number): Uint8Array<ArrayBuffer> {
  return new Uint8Array(Buffer.allocUnsafeSlow(length).buffer);
}
