// Hashes large contents on a thread of its own, while the main one reads the socket: hashing takes longer than everything else
// that is done with the bytes of a push. They are copied into memory that both threads share, and that is used again.
import { Worker } from 'node:worker_threads';
import type { Algorithm } from './digest.ts';

export interface ThreadHash {
  /** Takes the bytes over, which may be used again afterwards. Something to wait for where too many are on their way. */
  update(chunk: Uint8Array): Promise<void> | undefined;
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

const BLOCK_LENGTH = 256 * 1024;
/** All contents together; the thread takes some 0.1 ms for a block. */
const BLOCKS = 24;
/** A thread that is not needed for so long ends, and gives its memory back. */
const IDLE_MS = 30_000;

/** What is being hashed on one thread, from its start to its end. */
interface Life {
  readonly worker: Worker;
  readonly memory: Uint8Array;
  readonly free: number[];
  /** Send off the blocks that are being filled. */
  readonly holders: Set<() => void>;
  /** Who waits for a block. */
  readonly waiting: (() => void)[];
  readonly digests: Map<number, ((hex: string | undefined) => void)[]>;
  isOver: boolean;
  /** Messages that are not answered yet. */
  open: number;
  idle: NodeJS.Timeout | undefined;
}

type Answer = readonly ['free', number] | readonly ['digest', number, string | undefined];

/** The thread starts with the first content, and keeps the process alive only while somebody waits for it. */
export function createHashThread(startWorker = startHashWorker): HashThread {
  let current: Life | undefined;
  let ids = 0;

  return {
    begin(algorithm) {
      current ??= start();
      const id = nextId();
      current.worker.postMessage(['begin', id, algorithm]);
      return hashOn(current, id);
    },
  };

  function nextId(): number {
    ids += 1;
    return ids;
  }

  function hashOn(life: Life, id: number): ThreadHash {
    let block: number | undefined;
    let filled = 0;

    function update(chunk: Uint8Array): Promise<void> | undefined {
      for (let taken = 0; taken < chunk.length && !life.isOver; ) {
        block ??= take(life, send);
        if (block === undefined) {
          const rest = chunk.subarray(taken);
          return new Promise<void>((resolve) => life.waiting.push(resolve)).then(() => update(rest));
        }
        const piece = chunk.subarray(taken, taken + BLOCK_LENGTH - filled);
        life.memory.set(piece, block * BLOCK_LENGTH + filled);
        filled += piece.length;
        taken += piece.length;
        if (filled === BLOCK_LENGTH) send();
      }
      // Nobody keeps a block half full while others wait for one.
      if (life.waiting.length > 0) send();
      return undefined;
    }

    function send(): void {
      if (block === undefined) return;
      life.holders.delete(send);
      if (!life.isOver) ask(life, ['update', id, block, filled]);
      block = undefined;
      filled = 0;
    }

    return {
      update,
      digest() {
        if (life.isOver) return Promise.resolve(undefined);
        send();
        const { promise, resolve } = Promise.withResolvers<string | undefined>();
        life.digests.set(id, [...(life.digests.get(id) ?? []), resolve]);
        ask(life, ['digest', id]);
        return promise;
      },
      copy() {
        send();
        const copied = nextId();
        if (!life.isOver) life.worker.postMessage(['copy', id, copied]);
        return hashOn(life, copied);
      },
      forget() {
        send();
        if (!life.isOver) life.worker.postMessage(['forget', id]);
      },
    };
  }

  /** A free block. If there is none, those that hold one half full, perhaps for a client that sends no more, have to send it. */
  function take(life: Life, send: () => void): number | undefined {
    const block = life.free.pop();
    if (block !== undefined) life.holders.add(send);
    else for (const holder of [...life.holders]) holder();
    return block;
  }

  function ask(life: Life, message: readonly unknown[]): void {
    clearTimeout(life.idle);
    life.worker.ref();
    life.open += 1;
    life.worker.postMessage(message);
  }

  function start(): Life {
    const memory = new SharedArrayBuffer(BLOCKS * BLOCK_LENGTH);
    const life: Life = {
      worker: startWorker({ memory, blockLength: BLOCK_LENGTH }),
      memory: new Uint8Array(memory),
      free: Array.from({ length: BLOCKS }, (_, index) => index),
      holders: new Set(),
      waiting: [],
      digests: new Map(),
      isOver: false,
      open: 0,
      idle: undefined,
    };
    life.worker.unref();
    life.worker.on('message', (answer: Answer) => hear(life, answer));
    // What it was told is forgotten then: whoever asks hears so, and reads the content again.
    life.worker.on('error', () => end(life));
    life.worker.on('exit', () => end(life));
    return life;
  }

  function hear(life: Life, [name, number, hex]: Answer): void {
    if (name === 'free') free(life, number);
    else {
      const [first, ...others] = life.digests.get(number) ?? [];
      if (others.length === 0) life.digests.delete(number);
      else life.digests.set(number, others);
      first?.(hex);
    }
    life.open -= 1;
    if (life.open > 0) return;
    life.worker.unref();
    life.idle = setTimeout(() => end(life), IDLE_MS).unref();
  }

  function free(life: Life, block: number): void {
    life.free.push(block);
    life.waiting.shift()?.();
  }

  function end(life: Life): void {
    if (life.isOver) return;
    life.isOver = true;
    if (current === life) current = undefined;
    void life.worker.terminate();
    for (const resolve of life.waiting.splice(0)) resolve();
    for (const resolve of [...life.digests.values()].flat()) resolve(undefined);
    life.digests.clear();
  }
}

function startHashWorker(workerData: {
  readonly memory: SharedArrayBuffer;
  readonly blockLength: number;
}): Worker {
  return new Worker(new URL('./hash-worker.js', import.meta.url), {
    name: 'hash',
    workerData,
    // Without the options of the process, which are meant for its main thread.
    execArgv: [],
    resourceLimits: { maxYoungGenerationSizeMb: 2 },
  });
}
