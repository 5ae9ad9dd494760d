// What one replica was told, the next request at any other knows.
import { test } from 'node:test';
import { startReplicas } from '../support/replicas.ts';
import { sharedStores } from '../support/shared-store.ts';
import { agreementSuite } from './agreement-suite.ts';

for (const store of sharedStores) {
  test(`over ${store.name} all replicas tell the same`, { skip: store.skip }, async (t) => {
    await agreementSuite(t, await startReplicas(t, { storage: await store.open(t), count: 3 }));
  });
}
