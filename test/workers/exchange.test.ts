// What one process of a server has done, the next request sees in another one: over a directory and over a bucket. What they tell
// each other is kept by the process that started them, or in Redis.
import { platform } from 'node:os';
import { test } from 'node:test';
import { agreementSuite, type Several } from '../replicas/agreement-suite.ts';
import { chunkedUploadsSuite } from '../replicas/chunked-uploads-suite.ts';
import { type Cleaner, inReverse } from '../support/processes.ts';
import { startRedisServer } from '../support/redis-server.ts';
import { createRegistryClient } from '../support/registry-client.ts';
import { startS3Store, whyNoS3Store } from '../support/s3-store.ts';
import { bucketOf } from '../support/shared-store.ts';
import { whyNotHere } from '../support/system-packages.ts';
import { linesToEach, startSeveral } from './several-processes.ts';

/** Sections of a configuration. */
type Sections = Record<string, object>;

interface Scene {
  readonly name: string;
  readonly skip: string | false;
  /** Starts what the servers of the scene share, for the time of a test; gives what makes the sections of one with an empty store. */
  readonly open: (cleaner: Cleaner) => Promise<() => Promise<Sections>>;
}

const COUNT = 3;
const elsewhere =
  platform() === 'linux' ? false : 'which process has taken a connection is known on Linux only';

const scenes: readonly Scene[] = [
  { name: 'a directory', skip: elsewhere, open: async () => async () => ({}) },
  {
    name: 'a directory, with Redis',
    skip: elsewhere || whyNotHere(['redis-server']),
    async open(cleaner) {
      const { port } = await startRedisServer(cleaner);
      return async () => ({ redis: { addr: `127.0.0.1:${port}` } });
    },
  },
  {
    name: 'a bucket',
    skip: elsewhere || whyNoS3Store(),
    async open(cleaner) {
      const store = await startS3Store(cleaner);
      // The clients follow no redirects.
      const shared = { filesystem: undefined, redirect: { disable: true } };
      return async () => ({ storage: { ...shared, ...(await bucketOf(store)) } });
    },
  },
];

async function openSeveral(cleaner: Cleaner, sections: Sections): Promise<Several> {
  const server = await startSeveral(cleaner, COUNT, sections);
  const clients = (await linesToEach(cleaner, server)).map(({ client }) => client);
  return {
    count: COUNT,
    balanced: createRegistryClient(server.url),
    at(number) {
      const client = clients[number];
      if (client === undefined) throw new RangeError(`there is no worker ${number}`);
      return client;
    },
  };
}

for (const { name, skip, open } of scenes) {
  test(`several processes over ${name}`, { skip }, async (t) => {
    const sections = await open(inReverse(t));
    await t.test('all tell the same', async (t) => agreementSuite(t, await openSeveral(t, await sections())));
    await t.test('an upload goes from one to the other', async (t) =>
      chunkedUploadsSuite(t, await openSeveral(t, await sections())),
    );
  });
}
