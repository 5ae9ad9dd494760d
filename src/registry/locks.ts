// Locks by name: many may share one, or one has it alone. The port, and the locks of a process that works alone.

/** Holding a lock. Where several processes share the locks, one that stands still for long loses what it holds. */
export interface Lease {
  /** Differs from that of every other holder. */
  readonly token: string;
  /** Throws `unavailable` if the lock may be somebody else's by now. To be asked before a step that must not come late. */
  confirm(): Promise<void>;
  /** Whether the lock may be somebody else's by now, as far as the holder knows without asking. */
  isLost(): boolean;
}

export interface Locks {
  /** Runs `work` while nobody has the name alone. */
  shared<T>(name: string, work: (lease: Lease) => Promise<T>): Promise<T>;
  /** Runs `work` while nobody else has the name at all. */
  exclusive<T>(name: string, work: (lease: Lease) => Promise<T>): Promise<T>;
}

/** Of a lock that cannot be lost. */
const FOR_GOOD: Lease = { token: '', confirm: async () => undefined, isLost: () => false };

interface Lock {
  sharers: number;
  held: boolean;
  readonly queue: { readonly exclusive: boolean; readonly enter: () => void }[];
}

/** Locks within this process. Waiters are served in their order. */
export function createLocks(): Locks {
  const locks = new Map<string, Lock>();

  async function run<T>(name: string, exclusive: boolean, work: (lease: Lease) => Promise<T>): Promise<T> {
    const lock = locks.get(name) ?? { sharers: 0, held: false, queue: [] };
    locks.set(name, lock);
    if (lock.queue.length > 0 || !isFree(lock, exclusive)) {
      await new Promise<void>((enter) => lock.queue.push({ exclusive, enter }));
    } else {
      take(lock, exclusive);
    }
    try {
      return await work(FOR_GOOD);
    } finally {
      if (exclusive) lock.held = false;
      else lock.sharers -= 1;
      admitWaiters(lock);
      if (!lock.held && lock.sharers === 0) locks.delete(name);
    }
  }

  return {
    shared: (name, work) => run(name, false, work),
    exclusive: (name, work) => run(name, true, work),
  };
}

function isFree(lock: Lock, exclusive: boolean): boolean {
  return !lock.held && (!exclusive || lock.sharers === 0);
}

function take(lock: Lock, exclusive: boolean): void {
  if (exclusive) lock.held = true;
  else lock.sharers += 1;
}

function admitWaiters(lock: Lock): void {
  for (let first = lock.queue[0]; first !== undefined; first = lock.queue[0]) {
    if (!isFree(lock, first.exclusive)) return;
    lock.queue.shift();
    // Taken on the waiter's behalf, so that nobody slips in before it runs.
    take(lock, first.exclusive);
    first.enter();
  }
}
