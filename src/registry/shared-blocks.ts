// Memory that large contents are received into. All threads see it, so that they are hashed and written where they lie.

/** Bytes from the beginning of their memory on. Whoever has borrowed them has them alone, until they are given back. */
export type Block = Uint8Array<SharedArrayBuffer>;

export interface SharedBlocks {
  /** 1 MiB, or 64 KiB while many are lent out: so many slow senders cost little, and nobody waits. Not zeroed. */
  borrow(): Block;
  /** Gives back a block, whole or a part of it, when nobody looks at it any more. */
  giveBack(block: Block): void;
}

const LARGE_LENGTH = 1024 * 1024;
const SMALL_LENGTH = 64 * 1024;
/** Bytes lent out at most in large blocks. */
const BUDGET = 16 * LARGE_LENGTH;
const MOST_KEPT_SMALL = 256;
/** What nobody borrowed for so long is given back to the system. */
const IDLE_MS = 30_000;

export function createSharedBlocks(): SharedBlocks {
  const large: Block[] = [];
  const small: Block[] = [];
  let lent = 0;
  let idle: NodeJS.Timeout | undefined;

  function letGo(): void {
    large.length = 0;
    small.length = 0;
  }

  return {
    borrow() {
      clearTimeout(idle);
      if (lent + LARGE_LENGTH > BUDGET) return small.pop() ?? allocate(SMALL_LENGTH);
      lent += LARGE_LENGTH;
      return large.pop() ?? allocate(LARGE_LENGTH);
    },

    giveBack({ buffer }) {
      if (buffer.byteLength === LARGE_LENGTH) {
        lent -= LARGE_LENGTH;
        large.push(new Uint8Array(buffer));
      } else if (small.length < MOST_KEPT_SMALL) small.push(new Uint8Array(buffer));
      clearTimeout(idle);
      idle = setTimeout(letGo, IDLE_MS).unref();
    },
  };
}

function allocate(length: number): Block {
  return new Uint8Array(new SharedArrayBuffer(length));
}

export function isShared(bytes: Uint8Array): bytes is Block {
  return bytes.buffer instanceof SharedArrayBuffer;
}
