// Work that is done a little at a time, so that a flood of it does not take the machine.
import { RegistryError } from '../../registry/errors.ts';

export interface Queue {
  /** Does the work when its turn comes. Throws `tooManyRequests` at once when too many wait already. */
  run<T>(work: () => Promise<T>): Promise<T>;
}

export function createQueue({
  atOnce,
  waiting: most,
}: {
  readonly atOnce: number;
  readonly waiting: number;
}): Queue {
  const waiting: (() => void)[] = [];
  let running = 0;

  async function take(): Promise<void> {
    if (running < atOnce) {
      running += 1;
      return;
    }
    if (waiting.length >= most) throw new RegistryError('tooManyRequests');
    await new Promise<void>((enter) => waiting.push(enter));
  }

  /** Hands the place on to who waits for longest, so that nobody slips in between. */
  function leave(): void {
    const enter = waiting.shift();
    if (enter === undefined) running -= 1;
    else enter();
  }

  return {
    async run(work) {
      await take();
      try {
        return await work();
      } finally {
        leave();
      }
    },
  };
}
