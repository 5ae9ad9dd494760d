// Hashes large contents on a thread of its own, while the main one reads the socket: hashing takes longer than everything else
// that is done with the bytes of a push. They are in memory that both threads see.
import { Worker } from 'node:worker_threads';
import type { Algorithm } from './digest.ts';
import type { Block } from './shared-blocks.ts';

export interface ThreadHash {
  /** Resolves when nobody looks at the bytes any more. They begin where their memory begins. */
  update(bytes: Block): Promise<void>;
  /** Lower-case hex of everything so far; `undefined` if the thread has ended meanwhile, and forgotten it. */
  digest(): Promise<string | undefined>;
  /** One of its own that has seen the same bytes. */
  copy(): ThreadHash;
  /** Nobody asks for it any more. */
  forget(): void;
}

export interface HashThread {
  begin(algorithm: Algorithm): ThreadHash;
}

/** A thread that nobody needs ends after so many milliseconds. */
const IDLE_MS = 30_000;
/** One that knows contents which nothing was added to for so long forgets them, and ends: a slow client may still be sending. */
const FORGOTTEN_MS = 30 * 60_000;

export interface HashThreadSettings {
  readonly startWorker?: () => Worker;
  readonly idleMs?: number;
}

/** What is being hashed on one thread, from its start to its end. */
interface Life {
  readonly worker: Worker;
  /** Who waits for an answer: they come in the order in which they were asked for. */
  readonly asked: ((answer: string | undefined) => void)[];
  /** What it knows. */
  readonly hashes: Set<number>;
  isOver: boolean;
  idle: NodeJS.Timeout | undefined;
}

/** The thread starts with the first content, and keeps the process alive only while somebody waits for it. */
export function createHashThread(settings: HashThreadSettings = {}): HashThread {
  const { startWorker = startHashWorker, idleMs = IDLE_MS } = settings;
  let current: Life | undefined;
  let ids = 0;

  return {
    begin(algorithm) {
      current ??= start();
      ids += 1;
      tell(current, ['begin', ids, algorithm]);
      return hashOn(current, ids);
    },
  };

  function hashOn(life: Life, id: number): ThreadHash {
    life.hashes.add(id);
    return {
      async update({ buffer, length }) {
        await ask(life, ['update', id, buffer, length]);
      },
      digest: () => ask(life, ['digest', id]),
      copy() {
        ids += 1;
        tell(life, ['copy', id, ids]);
        return hashOn(life, ids);
      },
      forget() {
        life.hashes.delete(id);
        tell(life, ['forget', id]);
        rest(life);
      },
    };
  }

  function tell(life: Life, message: readonly unknown[]): void {
    if (!life.isOver) life.worker.postMessage(message);
  }

  function ask(life: Life, message: readonly unknown[]): Promise<string | undefined> {
    if (life.isOver) return Promise.resolve(undefined);
    clearTimeout(life.idle);
    if (life.asked.length === 0) life.worker.ref();
    life.worker.postMessage(message);
    return new Promise((resolve) => life.asked.push(resolve));
  }

  function start(): Life {
    const life: Life = {
      worker: startWorker(),
      asked: [],
      hashes: new Set(),
      isOver: false,
      idle: undefined,
    };
    life.worker.unref();
    life.worker.on('message', (answer: string | undefined) => hear(life, answer));
    // What it was told is forgotten then: whoever asks hears so, and reads the content again.
    life.worker.on('error', () => end(life));
    life.worker.on('exit', () => end(life));
    return life;
  }

  function hear(life: Life, answer: string | undefined): void {
    life.asked.shift()?.(answer);
    rest(life);
  }

  function rest(life: Life): void {
    if (life.isOver || life.asked.length > 0) return;
    life.worker.unref();
    clearTimeout(life.idle);
    life.idle = setTimeout(() => end(life), life.hashes.size === 0 ? idleMs : FORGOTTEN_MS).unref();
  }

  function end(life: Life): void {
    if (life.isOver) return;
    life.isOver = true;
    if (current === life) current = undefined;
    void life.worker.terminate();
    for (const resolve of life.asked.splice(0)) resolve(undefined);
  }
}

function startHashWorker(): Worker {
  return new Worker(new URL('./hash-worker.js', import.meta.url), {
    name: 'hash',
    // Without the options of the process, which are meant for its main thread.
    execArgv: [],
    resourceLimits: { maxYoungGenerationSizeMb: 2 },
  });
}
