// Checks passwords against bcrypt hashes on threads of its own, so that no request waits for the hashing of another one's
// password, and so that a flood of logins is refused instead of queued without end.
import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import { RegistryError } from '../../registry/errors.ts';
import type { BcryptHash } from './bcrypt-hash.ts';

export interface BcryptPool {
  /**
   * Whether the password is the one that was hashed. Always takes the time of the hash's cost. Throws `tooManyRequests` if too
   * many checks wait already, and `unavailable` if the thread died or the pool was closed meanwhile.
   */
  verify(password: string, hash: BcryptHash): Promise<boolean>;
  /** Ends the threads. What was not checked by then fails. */
  close(): Promise<void>;
}

export interface BcryptPoolSettings {
  /**
   * Threads at most; they start with the first check that needs them.
   * @default one less than there are cores, 1 or 2
   */
  readonly threads?: number;
  /**
   * Checks that may wait for a thread, at least 1; 64 take one thread four seconds at cost 10.
   * @default 64
   */
  readonly maxWaiting?: number;
  readonly startWorker?: () => Worker;
}

interface Job {
  readonly password: string;
  readonly hash: BcryptHash;
  readonly resolve: (matches: boolean) => void;
  readonly reject: (error: RegistryError) => void;
}

interface Thread {
  readonly worker: Worker;
  job: Job | undefined;
}

/** bcrypt takes no notice of what comes after 72 bytes, or, in some libraries, after a NUL. */
const MAX_PASSWORD_BYTES = 72;

export function createBcryptPool(settings: BcryptPoolSettings = {}): BcryptPool {
  const {
    threads: maxThreads = Math.min(2, Math.max(1, availableParallelism() - 1)),
    maxWaiting = 64,
    startWorker = startBcryptWorker,
  } = settings;
  const threads = new Set<Thread>();
  const waiting: Job[] = [];
  let isClosed = false;

  return {
    async verify(password, hash) {
      // Also what can never match costs a hash, or the time of the answer would tell it.
      const isWhole = isWholeForBcrypt(password);
      const matches = await compare(isWhole ? password : '', hash);
      return isWhole && matches;
    },
    async close() {
      isClosed = true;
      const left = [...waiting.splice(0), ...[...threads].flatMap(({ job }) => job ?? [])];
      for (const { reject } of left) reject(new RegistryError('unavailable'));
      await Promise.all([...threads].map(({ worker }) => worker.terminate()));
    },
  };

  function compare(password: string, hash: BcryptHash): Promise<boolean> {
    if (isClosed) throw new RegistryError('unavailable');
    if (waiting.length >= maxWaiting) throw new RegistryError('tooManyRequests');
    const { promise, resolve, reject } = Promise.withResolvers<boolean>();
    waiting.push({ password, hash, resolve, reject });
    handOut();
    return promise;
  }

  function handOut(): void {
    while (waiting.length > 0) {
      const thread = idleThread();
      if (thread === undefined) return;
      const job = waiting.shift();
      if (job === undefined) return;
      thread.job = job;
      thread.worker.ref();
      thread.worker.postMessage({ password: job.password, hash: job.hash });
    }
  }

  function idleThread(): Thread | undefined {
    const idle = [...threads].find(({ job }) => job === undefined);
    if (idle !== undefined || threads.size >= maxThreads) return idle;
    return startThread();
  }

  function startThread(): Thread {
    const thread: Thread = { worker: startWorker(), job: undefined };
    threads.add(thread);
    let failure: unknown;
    thread.worker.on('message', (matches) => {
      const job = thread.job;
      thread.job = undefined;
      // An idle thread keeps no process alive; a busy one does, since somebody waits for it.
      thread.worker.unref();
      job?.resolve(matches === true);
      handOut();
    });
    thread.worker.on('error', (error) => {
      failure = error;
    });
    thread.worker.on('exit', (code) => {
      threads.delete(thread);
      const cause = failure ?? new Error(`a thread that checks passwords ended with code ${code}`);
      thread.job?.reject(new RegistryError('unavailable', { cause }));
      handOut();
    });
    return thread;
  }
}

/** Whether bcrypt looks at every byte of the password: else a part of it would do as well. */
function isWholeForBcrypt(password: string): boolean {
  return Buffer.byteLength(password) <= MAX_PASSWORD_BYTES && !password.includes('\0');
}

function startBcryptWorker(): Worker {
  // Without the options of the process, which are meant for its main thread.
  return new Worker(new URL('./bcrypt-worker.js', import.meta.url), { name: 'bcrypt', execArgv: [] });
}
