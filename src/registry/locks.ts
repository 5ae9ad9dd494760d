// Locks by name within this process: many may share one, or one has it alone. Waiters are served in their order.

export interface Locks {
  /** Runs `work` while nobody has the name alone. */
  shared<T>(name: string, work: () => Promise<T>): Promise<T>;
  /** Runs `work` while nobody else has the name at all. */
  exclusive<T>(name: string, work: () => Promise<T>): Promise<T>;
}

interface Lock {
  sharers: number;
  held: boolean;
  readonly queue: { readonly exclusive: boolean; readonly enter: () => void }[];
}

export function createLocks(): Locks {
  const locks = new Map<string, Lock>();

  async function run<T>(name: string, exclusive: boolean, work: () => Promise<T>): Promise<T> {
    const lock = locks.get(name) ?? { sharers: 0, held: false, queue: [] };
    locks.set(name, lock);
    if (lock.queue.length > 0 || !isFree(lock, exclusive)) {
      await new Promise<void>((enter) => lock.queue.push({ exclusive, enter }));
    } else {
      take(lock, exclusive);
    }
    try {
      return await work();
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
