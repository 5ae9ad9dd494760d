// Processes of one server as far as their messages go: each with a channel to a primary, all within the test's process.
import { type Channel, createChannel, type Wire } from '../../src/workers/channel.ts';
import { createLockDesk } from '../../src/workers/lock-desk.ts';
import { createWorkerCoordination } from '../../src/workers/worker-coordination.ts';
import type { StorageDriver } from '../../storage-drivers/driver.ts';

/** Two ends of one wire. What goes through is JSON, and comes later. */
export function linkedChannels(): readonly [Channel, Channel] {
  const takers: ((batch: unknown) => void)[] = [() => undefined, () => undefined];
  const end = (own: 0 | 1, other: 0 | 1): Wire => ({
    send(batch) {
      const text = JSON.stringify(batch);
      setImmediate(() => takers[other]?.(JSON.parse(text)));
    },
    onBatch(take) {
      takers[own] = take;
    },
  });
  return [createChannel(end(0, 1)), createChannel(end(1, 0))];
}

/** A primary, and as many workers as are wanted. */
export function openPrimary() {
  const desk = createLockDesk();
  return {
    desk,
    addWorker(driver: StorageDriver) {
      const [here, there] = linkedChannels();
      const { gone } = desk.serve(here);
      return {
        ...createWorkerCoordination(driver, there),
        channel: there,
        /** As when it is killed: nothing more comes from it, and nothing reaches it. */
        die() {
          there.cut();
          here.cut();
          gone();
        },
      };
    },
  };
}
