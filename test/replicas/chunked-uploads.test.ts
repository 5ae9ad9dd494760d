// One upload, every request of it at another replica.
import { test } from 'node:test';
import { startReplicas } from '../support/replicas.ts';
import { sharedStores } from '../support/shared-store.ts';
import { chunkedUploadsSuite } from './chunked-uploads-suite.ts';

for (const store of sharedStores) {
  test(`over ${store.name} an upload goes from replica to replica`, { skip: store.skip }, async (t) => {
    await chunkedUploadsSuite(t, await startReplicas(t, { storage: await store.open(t), count: 3 }));
  });
}
