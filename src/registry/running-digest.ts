// The digest of content that is still coming in: computed at once while it is small, on another thread when it turns out large.
import { type Algorithm, createDigester, type Digest, isDigest } from './digest.ts';
import type { HashThread, ThreadHash } from './hash-thread.ts';

export interface RunningDigest {
  /** Takes bytes over, which may be used again afterwards. Something to wait for, or nothing. */
  update(chunk: Uint8Array): Promise<void> | undefined;
  /** Of everything so far; `undefined` if that was lost: the bytes have to be read again then. Does not end it. */
  digest(): Promise<Digest | undefined>;
  /** One of its own that has seen the same bytes. */
  copy(): RunningDigest;
  /** Nobody asks for it any more. */
  forget(): void;
}

/** What has come by then is worth the way to another thread. */
const LARGE_LENGTH = 128 * 1024;

export function createRunningDigest(algorithm: Algorithm, thread: HashThread): RunningDigest {
  const near = createDigester(algorithm);
  /** What may still go to the thread. */
  let held: Uint8Array[] = [];
  let length = 0;
  let mayGo = true;
  let far: RunningDigest | undefined;

  function settleHere(): void {
    for (const chunk of held) near.update(chunk);
    held = [];
    mayGo = length === 0;
  }

  async function goAway(to: RunningDigest, last: Uint8Array): Promise<void> {
    const before = held;
    held = [];
    for (const chunk of before) await to.update(chunk);
    await to.update(last);
  }

  return {
    update(chunk) {
      if (far !== undefined) return far.update(chunk);
      length += chunk.length;
      if (!mayGo) near.update(chunk);
      else if (length <= LARGE_LENGTH) held.push(Uint8Array.from(chunk));
      else {
        far = onThread(algorithm, thread.begin(algorithm));
        return goAway(far, chunk);
      }
      return undefined;
    },
    async digest() {
      if (far !== undefined) return far.digest();
      settleHere();
      return near.digest();
    },
    copy() {
      if (far !== undefined) return far.copy();
      if (length === 0) return createRunningDigest(algorithm, thread);
      settleHere();
      return here(near.copy());
    },
    forget: () => far?.forget(),
  };
}

function here(digester: ReturnType<typeof createDigester>): RunningDigest {
  return {
    update(chunk) {
      digester.update(chunk);
      return undefined;
    },
    digest: async () => digester.digest(),
    copy: () => here(digester.copy()),
    forget() {},
  };
}

function onThread(algorithm: Algorithm, hash: ThreadHash): RunningDigest {
  return {
    update: (chunk) => hash.update(chunk),
    async digest() {
      const text = `${algorithm}:${await hash.digest()}`;
      return isDigest(text) ? text : undefined;
    },
    copy: () => onThread(algorithm, hash.copy()),
    forget: () => hash.forget(),
  };
}
