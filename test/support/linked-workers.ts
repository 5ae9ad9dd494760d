// Processes of one server as far as their messages go: each with a channel to a primary, all within the test's process.

import { createUploadQuota, type UploadQuota } from '../../src/http/upload-quota.ts';
import type { Coordination } from '../../src/sessions/coordination.ts';
import { recoverJournals } from '../../src/sessions/journal-recovery.ts';
import { type Channel, createChannel, type Wire } from '../../src/workers/channel.ts';
import { createLockDesk } from '../../src/workers/lock-desk.ts';
import { createSharedQuota, serveQuota } from '../../src/workers/quota-desk.ts';
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

/** What a worker shares with the others. */
export interface Share {
  readonly coordination: Coordination;
  readonly quota: UploadQuota;
}

/** What so many workers of one server share. */
export function openShares(driver: StorageDriver, count: number, openUploads: number): readonly Share[] {
  const { addWorker } = openPrimary(openUploads);
  return Array.from({ length: count }, () => {
    const { quota, ...coordination } = addWorker(driver);
    return { coordination, quota };
  });
}

/** A primary, and as many workers as are wanted. */
export function openPrimary(openUploads = 0) {
  let store: StorageDriver | undefined;
  const desk = createLockDesk(async (owner) => {
    if (store !== undefined) await recoverJournals(store, owner);
  });
  const quota = createUploadQuota({ most: openUploads });
  return {
    desk,
    addWorker(driver: StorageDriver) {
      store ??= driver;
      const [here, there] = linkedChannels();
      const served = [desk.serve(here), serveQuota(here, quota)];
      return {
        ...createWorkerCoordination(driver, there),
        quota: createSharedQuota(there),
        channel: there,
        /** As when it is killed: nothing more comes from it, and nothing reaches it. */
        die() {
          there.cut();
          here.cut();
          for (const { gone } of served) gone();
        },
      };
    },
  };
}
