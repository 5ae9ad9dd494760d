// The digest of content that is still coming in: computed at once where it is small, and else on another thread.
import { type Algorithm, createDigester, type Digest, type Digester, isDigest } from './digest.ts';
import type { HashThread, ThreadHash } from './hash-thread.ts';
import { type Block, isShared } from './shared-blocks.ts';

export interface RunningDigest {
  /** Something to wait for until the bytes may be used again, or nothing. */
  update(chunk: Uint8Array): Promise<void> | undefined;
  /** Of everything so far; `undefined` if that was lost: the bytes have to be read again then. Does not end it. */
  digest(): Promise<Digest | undefined>;
  /** One of its own that has seen the same bytes. */
  copy(): RunningDigest;
  /** Nobody asks for it any more. */
  forget(): void;
}

/** A content that begins in memory which threads share is hashed on another one. */
export function createRunningDigest(algorithm: Algorithm, thread: HashThread): RunningDigest {
  let begun: RunningDigest | undefined;
  const here = () => hashedHere(createDigester(algorithm));
  return {
    update(chunk) {
      begun ??= isShared(chunk) ? hashedThere(algorithm, thread.begin(algorithm)) : here();
      return begun.update(chunk);
    },
    digest: () => (begun ?? here()).digest(),
    copy: () => begun?.copy() ?? createRunningDigest(algorithm, thread),
    forget: () => begun?.forget(),
  };
}

function hashedHere(digester: Digester): RunningDigest {
  return {
    update(chunk) {
      digester.update(chunk);
      return undefined;
    },
    digest: async () => digester.digest(),
    copy: () => hashedHere(digester.copy()),
    forget() {},
  };
}

function hashedThere(algorithm: Algorithm, hash: ThreadHash): RunningDigest {
  return {
    update: (chunk) => hash.update(isShared(chunk) ? chunk : sharedCopy(chunk)),
    async digest() {
      const text = `${algorithm}:${await hash.digest()}`;
      return isDigest(text) ? text : undefined;
    },
    copy: () => hashedThere(algorithm, hash.copy()),
    forget: () => hash.forget(),
  };
}

/** Few bytes behind many, such as the last ones of an upload. */
function sharedCopy(bytes: Uint8Array): Block {
  const copy = new Uint8Array(new SharedArrayBuffer(bytes.length));
  copy.set(bytes);
  return copy;
}
