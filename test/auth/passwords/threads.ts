// Pools whose threads a test can see.
import { Worker } from 'node:worker_threads';
import {
  type BcryptPool,
  type BcryptPoolSettings,
  createBcryptPool,
} from '../../../src/auth/passwords/bcrypt-pool.ts';
import type { Cleaner } from '../../support/processes.ts';

export interface WatchedPool extends BcryptPool {
  /** Every thread that was ever started. */
  readonly started: readonly Worker[];
  /** Hashes that the threads have computed. */
  hashed(): number;
}

const WORKER = new URL('../../../src/auth/passwords/bcrypt-worker.js', import.meta.url);

export function watchedPool(
  cleaner: Cleaner,
  settings: Omit<BcryptPoolSettings, 'startWorker'> = {},
): WatchedPool {
  const started: Worker[] = [];
  let hashed = 0;
  const pool = createBcryptPool({
    ...settings,
    startWorker() {
      const worker = new Worker(WORKER);
      worker.on('message', () => {
        hashed += 1;
      });
      started.push(worker);
      return worker;
    },
  });
  cleaner.after(() => pool.close());
  return { ...pool, started, hashed: () => hashed };
}
