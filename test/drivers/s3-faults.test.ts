// The S3 driver on a store that fails: what was acknowledged is there, and no byte is wrong.
import assert from 'node:assert/strict';
import type { IncomingMessage } from 'node:http';
import { after, type TestContext, test } from 'node:test';
import { ListMultipartUploadsCommand } from '@aws-sdk/client-s3';
import { createCheckedDriver } from '../../storage-drivers/checked.ts';
import { newStagedWrite, type StorageDriver } from '../../storage-drivers/driver.ts';
import { DriverError } from '../../storage-drivers/errors.ts';
import { createS3Driver } from '../../storage-drivers/s3/s3-driver.ts';
import { createRandom, type Random } from '../crash/random.ts';
import { type Fault, startFaultProxy } from '../support/s3-fault-proxy.ts';
import { settingsFor, startS3Store, whyNoS3Store } from '../support/s3-store.ts';
import { bytes, chunksOf, equalBytes, gather, MIB, pattern, putLarge } from './content.ts';

const reason = whyNoS3Store();
const STAGED = 'uploads/1/data';
const SEED = 20_261_120;

if (reason !== false) {
  test('the S3 driver on a store that fails', { skip: reason }, () => {});
} else {
  const store = await startS3Store({ after });
  const client = store.client();

  /** A driver on the store itself, and one that reaches it through a proxy which does what `choose` says. */
  const openBoth = async (context: TestContext, choose: (incoming: IncomingMessage) => Fault | undefined) => {
    const bucket = await store.createBucket();
    const chunksize = 5 * MIB;
    const proxy = await startFaultProxy(store.port, choose, context);
    const regionendpoint = `http://127.0.0.1:${proxy.port}`;
    const straight = createCheckedDriver(await createS3Driver(settingsFor(store, { bucket, chunksize })));
    const faulty = createCheckedDriver(
      await createS3Driver(settingsFor(store, { bucket, chunksize, regionendpoint })),
    );
    const uploads = async () => {
      const { Uploads = [] } = await client.send(new ListMultipartUploadsCommand({ Bucket: bucket }));
      return Uploads.map(({ Key }) => Key);
    };
    return { straight, faulty, proxy, uploads };
  };

  for (const fault of [
    'lostAnswer',
    'errorIn200',
    'doneButErrorIn200',
    'slowDown',
    'reset',
    'cutBody',
  ] as const) {
    for (const request of ['complete', 'copy', 'put', 'begin', 'part'] as const) {
      test(`one ${fault} of a ${request} is made good`, async (context) => {
        const { straight, faulty, proxy, uploads } = await openBoth(context, once(request, fault));
        const small = pattern(70_000);
        const large = pattern(11 * MIB);
        await putLarge(faulty, 'small', small);
        const write = await faulty.append(newStagedWrite(STAGED, 'large'), chunksOf(large));
        await faulty.commit(write, 'large');
        assert.equal(proxy.faults(), 1);
        assert.ok(equalBytes(await straight.read('small'), small));
        assert.ok(equalBytes(await gather(await straight.openRead('large')), large));
        // A second one was begun where the answer to the first was lost: nobody ever heard of that.
        if (request !== 'begin') assert.deepEqual(await uploads(), []);
      });
    }
  }

  test('a commit of which every answer is lost is seen to have happened', async (context) => {
    const { straight, faulty } = await openBoth(context, (incoming) =>
      isA('complete', incoming) ? 'lostAnswer' : undefined,
    );
    const content = pattern(11 * MIB);
    const write = await faulty.append(newStagedWrite(STAGED, 'target'), chunksOf(content));
    await faulty.commit(write, 'target');
    assert.ok(equalBytes(await gather(await straight.openRead('target')), content));
  });

  test('a commit that failed can be made again', async (context) => {
    let isDown = false;
    const { straight, faulty } = await openBoth(context, () => (isDown ? 'reset' : undefined));
    for (const target of [undefined, 'target']) {
      const content = pattern(11 * MIB, target === undefined ? 1 : 2);
      const write = await faulty.append(newStagedWrite(STAGED, target), chunksOf(content));
      isDown = true;
      await assert.rejects(faulty.commit(write, 'target'), { code: 'busy' });
      isDown = false;
      await faulty.commit(write, 'target');
      assert.ok(equalBytes(await gather(await straight.openRead('target')), content));
    }
  });

  test('a body that is cut goes on where it broke, and one that is cut for ever ends with an error', async (context) => {
    let cuts = 3;
    const { straight, faulty } = await openBoth(context, (incoming) => {
      if (incoming.method !== 'GET' || !incoming.url?.includes('/large') || cuts === 0) return undefined;
      cuts -= 1;
      return 'cutBody';
    });
    const content = pattern(9 * MIB);
    await putLarge(straight, 'large', content);
    assert.ok(equalBytes(await gather(await faulty.openRead('large')), content));
    assert.equal(cuts, 0);
    cuts = 2;
    assert.ok(equalBytes(await faulty.read('large'), content));
    cuts = 1000;
    // Each answer brings half of what is left: it ends because there is a byte less each time, or with an error.
    await straight.write('large-one', bytes('x'));
    await assert.rejects(gather(await faulty.openRead('large-one')), { name: 'DriverError', code: 'busy' });
  });

  test('a body never goes on with the bytes of another object', async (context) => {
    let hasCut = false;
    const { straight, faulty } = await openBoth(context, (incoming) => {
      if (incoming.method !== 'GET' || !incoming.url?.includes('/changing') || hasCut) return undefined;
      hasCut = true;
      return 'cutBody';
    });
    await putLarge(straight, 'changing', pattern(9 * MIB, 1));
    const reader = await faulty.openRead('changing');
    const iterator = reader.content[Symbol.asyncIterator]();
    await iterator.next();
    await putLarge(straight, 'changing', pattern(9 * MIB, 2));
    await assert.rejects(
      async () => {
        while (!(await iterator.next()).done);
      },
      { name: 'DriverError', code: 'failed' },
    );
  });

  test('bytes that change on their way up are refused', async (context) => {
    const { straight, faulty } = await openBoth(context, (incoming) =>
      isA('put', incoming) || isA('part', incoming) ? 'flippedByte' : undefined,
    );
    await assert.rejects(faulty.write('a', bytes('whole')), { code: 'failed' });
    for (const size of [10, 11 * MIB]) {
      await assert.rejects(faulty.append(newStagedWrite(STAGED, 'b'), chunksOf(pattern(size))), {
        code: 'failed',
      });
    }
    assert.deepEqual(await straight.list(''), []);
  });

  test('wrong keys, a bucket that is not there and a store that is not there are told apart', async () => {
    const bucket = await store.createBucket();
    const opened = (more: object) => createS3Driver({ ...settingsFor(store, { bucket }), ...more });
    await assert.rejects(opened({ secretkey: 'wrong' }), { action: 'open', code: 'denied' });
    await assert.rejects(opened({ regionendpoint: '127.0.0.1:9', secure: false }), {
      action: 'open',
      code: 'busy',
    });
    await assert.rejects(opened({ secretkey: undefined }), { action: 'open', code: 'failed' });
    await assert.rejects(opened({ region: undefined, regionendpoint: undefined }), { code: 'failed' });
    await assert.rejects(opened({ chunksize: MIB }), { action: 'open', code: 'failed' });
    await assert.rejects(opened({ bucket: 'no-such-bucket' }), (error) => {
      assert.ok(error instanceof DriverError && error.code === 'failed' && error.cause instanceof Error);
      assert.match(error.cause.message, /^there is no bucket no-such-bucket at http/);
      return true;
    });
  });

  test('with 1 % of connections reset and 8 % of answers bad, what was acknowledged is there', async (context) => {
    context.diagnostic(`seed ${SEED}`);
    const random = createRandom(SEED);
    let isCalm = true;
    const { straight, faulty, proxy, uploads } = await openBoth(context, (incoming) =>
      isCalm ? undefined : randomFault(random, incoming),
    );
    isCalm = false;
    const acknowledged = new Map<string, Uint8Array>();
    let failed = 0;
    const lanes = Array.from({ length: 6 }, (_, lane) => async () => {
      const mine = random.fork();
      for (let round = 0; round < 25; round += 1) {
        const key = `blobs/${lane}-${round}`;
        const content = pattern(sizeFor(mine), lane * 100 + round);
        try {
          await pushAndPull(faulty, `uploads/${lane}-${round}/data`, key, content, mine);
          acknowledged.set(key, content);
        } catch (error) {
          assert.ok(error instanceof DriverError && error.code === 'busy', `${error}`);
          failed += 1;
        }
      }
    });
    await Promise.all(lanes.map((lane) => lane()));
    isCalm = true;
    context.diagnostic(
      `${proxy.requests()} requests, ${proxy.faults()} faults, ${failed} of 150 pushes failed`,
    );
    assert.ok(proxy.faults() > 30 && failed <= 1);
    for (const [key, content] of acknowledged) {
      assert.ok(equalBytes(await gather(await straight.openRead(key)), content), key);
    }
    await straight.delete('uploads');
    // What nobody ever heard of: uploads that were begun while the answer was lost. None has a part.
    assert.ok((await uploads()).length <= proxy.faults() / 20);
  });
}

/** Pushes in one of the ways there are, and reads everything back. */
async function pushAndPull(
  driver: StorageDriver,
  staged: string,
  key: string,
  content: Uint8Array,
  random: Random,
): Promise<void> {
  let write = random.percent(50) ? newStagedWrite(staged, key) : newStagedWrite(staged);
  while (write.size < content.length) {
    const end = random.percent(60) ? content.length : random.integer(write.size + 1, content.length);
    write = await driver.append(write, chunksOf(content.subarray(write.size, end)));
  }
  await driver.commit(write, key);
  assert.equal((await driver.stat(key)).size, content.length);
  assert.ok(equalBytes(await gather(await driver.openRead(key)), content), key);
}

function sizeFor(random: Random): number {
  return random.percent(15) ? random.integer(5 * MIB, 24 * MIB) : random.integer(1, 200_000);
}

function randomFault(random: Random, incoming: IncomingMessage): Fault | undefined {
  const roll = random.integer(1, 1000);
  if (roll <= 10) return 'reset';
  if (roll <= 60) return 'slowDown';
  if (roll <= 70) return 'lostAnswer';
  if (roll <= 80) return 'cutBody';
  if (roll > 130 || !(isA('complete', incoming) || isA('copy', incoming))) return undefined;
  return roll <= 105 ? 'errorIn200' : 'doneButErrorIn200';
}

type RequestKind = 'complete' | 'copy' | 'put' | 'begin' | 'part';

function isA(kind: RequestKind, { method, url = '', headers }: IncomingMessage): boolean {
  const isCopy = headers['x-amz-copy-source'] !== undefined;
  switch (kind) {
    case 'complete':
      return method === 'POST' && url.includes('uploadId=');
    case 'begin':
      return method === 'POST' && url.includes('uploads');
    case 'part':
      return method === 'PUT' && url.includes('partNumber=') && !isCopy;
    case 'copy':
      return isCopy;
    case 'put':
      return method === 'PUT' && !url.includes('partNumber=') && !isCopy;
  }
}

/** The fault for the first request of the kind, and none after it. */
function once(kind: RequestKind, fault: Fault): (incoming: IncomingMessage) => Fault | undefined {
  let isDone = false;
  return (incoming) => {
    if (isDone || !isA(kind, incoming)) return undefined;
    isDone = true;
    return fault;
  };
}
