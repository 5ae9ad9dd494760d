// What one process of a server has done, the next request sees in another one.
import { platform } from 'node:os';
import { test } from 'node:test';
import { agreementSuite, type Several } from '../replicas/agreement-suite.ts';
import { chunkedUploadsSuite } from '../replicas/chunked-uploads-suite.ts';
import type { Cleaner } from '../support/processes.ts';
import { createRegistryClient } from '../support/registry-client.ts';
import { linesToEach, startSeveral } from './several-processes.ts';

const COUNT = 3;
const skip = platform() === 'linux' ? false : 'which process has taken a connection is known on Linux only';

async function openSeveral(cleaner: Cleaner): Promise<Several> {
  const server = await startSeveral(cleaner, COUNT);
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

test('all processes of a server tell the same', { skip }, async (t) =>
  agreementSuite(t, await openSeveral(t)),
);

test('an upload goes from process to process', { skip }, async (t) =>
  chunkedUploadsSuite(t, await openSeveral(t)),
);
