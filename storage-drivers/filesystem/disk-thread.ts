// Hands small changes to threads that make them one after the other. A call that makes a file, moves it and makes its directory
// costs one message instead of a way through the event loop for each system call: a fifth of the processor time. What may wait
// for the disk itself for long, syncs and large writes, stays with Node's own threads, where many can wait at the same time.
import { Worker } from 'node:worker_threads';

/** What tells a file from any other, and what it was from what it is. */
export interface FileFacts {
  readonly ino: bigint;
  /** In bytes. */
  readonly size: number;
  readonly mtimeNs: bigint;
}

export interface NewFile {
  readonly path: string;
  /** Where it is made. */
  readonly temporary: string;
  readonly content: Uint8Array;
}

/** What can be done. All of them throw system errors; what needs a directory that is missing makes it. */
interface DiskCalls {
  /** Of a file; nothing if there is none. */
  look(path: string): FileFacts | undefined;
  /** All bytes of a file; nothing if there is none. */
  read(path: string): Uint8Array | undefined;
  /** A new file with this content. Gives its descriptor if it is to stay open. */
  create(path: string, content: Uint8Array, keepOpen: boolean): number | undefined;
  /**
   * New files, made aside and moved to their places one after the other. If one fails, those before it are there. What is known of the
   * first, if that `isWanted`.
   */
  put(files: readonly NewFile[], isWanted?: boolean): FileFacts | undefined;
  /**
   * Puts the content after the first `size` bytes of a file, and drops what was behind them. `missing` if it has fewer. A file
   * that could not be written to the end is as long as it was.
   */
  append(
    path: string,
    size: number,
    content: Uint8Array,
    keepOpen: boolean,
  ): { readonly file?: number; readonly missing?: true };
  /** Puts the content at a position of a file that is open. */
  write(file: number, content: Uint8Array, position: number): void;
  /** What is known of the file, if that `isWanted`. */
  move(from: string, to: string, isWanted?: boolean): FileFacts | undefined;
  /** Moves a file that has exactly `size` bytes, as something that was made now. */
  commit(path: string, size: number, target: string): 'done' | 'gone' | 'shorter' | 'longer';
  /**
   * Opens directories and names each for as long as it exists: an inode's number is given out again, but hardly with the same birth.
   * Nothing for one that is not there.
   */
  openDirectories(paths: readonly string[]): readonly (OpenDirectory | undefined)[];
  /** Takes a file or a directory away, in one step. Whether there is a directory at `trashed` now, to be emptied. */
  remove(path: string, trashed: string): boolean;
  /** Removes a directory with the few files in it. Does nothing if it is more than that, and says so. */
  empty(directory: string): boolean;
  unlink(path: string): void;
  /** Removes the directory if it is empty, then the one above it, and so on, but not the root. Gives those that are gone. */
  prune(directory: string, root: string): string[];
}

export interface OpenDirectory {
  readonly file: number;
  readonly identity: string;
}

export interface DiskThread {
  /** Calls of the same turn of the event loop travel together, and are done in their order, whether one of them fails or not. */
  run<Name extends keyof DiskCalls>(
    name: Name,
    ...parameters: Parameters<DiskCalls[Name]>
  ): Promise<ReturnType<DiskCalls[Name]>>;
}

export interface DiskThreadSettings {
  /**
   * After how many milliseconds without an answer another thread is started: the store is one that lets calls wait.
   * @default 50
   */
  readonly slowMs?: number;
  readonly startWorker?: () => Worker;
}

/** On a slow store (a network, a cold disk) so many calls wait at the same time. */
const MOST_THREADS = 3;
/** A thread that has nothing to do for so long ends, and gives its 10 MB back. */
const IDLE_MS = 10_000;

interface Call {
  readonly message: readonly [string, ...unknown[]];
  readonly resolve: (result: unknown) => void;
  readonly reject: (error: Error) => void;
}

interface Thread {
  readonly worker: Worker;
  /** What was handed to it and not answered yet, the oldest first. */
  readonly batches: { readonly calls: Call[]; readonly since: number }[];
  idle: NodeJS.Timeout | undefined;
}

type Outcome = readonly [unknown, Failure?];
interface Failure {
  readonly code?: string;
  readonly errno?: number;
  readonly syscall?: string;
  readonly message: string;
}

/** Threads start with the first call. None of them keeps the process alive when nobody waits for it. */
export function createDiskThread(settings: DiskThreadSettings = {}): DiskThread {
  const { slowMs = 50, startWorker = startDiskWorker } = settings;
  const threads = new Set<Thread>();
  let gathered: Call[] = [];

  return {
    run<Name extends keyof DiskCalls>(name: Name, ...parameters: Parameters<DiskCalls[Name]>) {
      return new Promise<ReturnType<DiskCalls[Name]>>((resolve, reject) => {
        if (gathered.length === 0) setImmediate(handOut);
        gathered.push({
          message: [name, ...parameters.map(onItsOwn)],
          // The thread answers in the words of DiskCalls.
          resolve: (result) => resolve(result as ReturnType<DiskCalls[Name]>),
          reject,
        });
      });
    },
  };

  function handOut(): void {
    const calls = gathered;
    gathered = [];
    const thread = chooseThread();
    clearTimeout(thread.idle);
    thread.worker.ref();
    thread.batches.push({ calls, since: performance.now() });
    thread.worker.postMessage(calls.map(({ message }) => message));
  }

  function chooseThread(): Thread {
    const [first, ...others] = threads;
    if (first === undefined) return startThread();
    const freest = others.reduce(
      (best, one) => (one.batches.length < best.batches.length ? one : best),
      first,
    );
    const waitsSince = freest.batches[0]?.since ?? Number.POSITIVE_INFINITY;
    const isSlow = performance.now() - waitsSince > slowMs;
    return isSlow && threads.size < MOST_THREADS ? startThread() : freest;
  }

  function startThread(): Thread {
    const worker = startWorker();
    const thread: Thread = { worker, batches: [], idle: undefined };
    threads.add(thread);
    let cause: unknown;
    worker.on('message', (outcomes: readonly Outcome[]) => {
      const oldest = thread.batches[0]?.calls ?? [];
      const calls = oldest.splice(0, outcomes.length);
      if (oldest.length === 0) thread.batches.shift();
      if (thread.batches.length === 0) rest(thread);
      for (const [index, call] of calls.entries()) settle(call, outcomes[index]);
    });
    worker.on('error', (error) => {
      cause = error;
    });
    worker.on('exit', (code) => {
      threads.delete(thread);
      clearTimeout(thread.idle);
      const message = `a thread that changes files ended with code ${code}`;
      for (const { reject } of thread.batches.flatMap(({ calls }) => calls)) {
        reject(Object.assign(new Error(message, { cause }), { code: 'EAGAIN' }));
      }
    });
    return thread;
  }

  function rest(thread: Thread): void {
    thread.worker.unref();
    thread.idle = setTimeout(() => {
      threads.delete(thread);
      void thread.worker.terminate();
    }, IDLE_MS).unref();
  }
}

function settle({ resolve, reject }: Call, outcome: Outcome | undefined): void {
  const [result, failure] = outcome ?? [undefined, { message: 'no answer' }];
  if (failure === undefined) resolve(result);
  else reject(Object.assign(new Error(failure.message), failure));
}

function onItsOwn(parameter: unknown): unknown {
  return parameter instanceof Uint8Array ? withOwnMemory(parameter) : parameter;
}

/** Bytes travel with all of the memory that they are a part of: within another parameter they have to have their own. */
export function withOwnMemory(bytes: Uint8Array): Uint8Array {
  return bytes.length === bytes.buffer.byteLength ? bytes : new Uint8Array(bytes);
}

function startDiskWorker(): Worker {
  return new Worker(new URL('./disk-worker.js', import.meta.url), {
    name: 'disk',
    // Without the options of the process, which are meant for its main thread.
    execArgv: [],
    // Descriptors are closed by whoever has them, on whichever thread.
    trackUnmanagedFds: false,
    resourceLimits: { maxYoungGenerationSizeMb: 2 },
  });
}
