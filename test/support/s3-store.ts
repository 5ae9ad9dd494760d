// A real S3 store for tests: the Ceph RADOS Gateway, with one monitor and one OSD behind it, all on loopback.
import type { ChildProcess } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3';
import type { S3Settings } from '../../storage-drivers/s3/settings.ts';
import { cephConfiguration } from './ceph-configuration.ts';
import { runCommand } from './command.ts';
import { type Cleaner, inReverse, privateDirectory, startDaemon } from './processes.ts';
import { freePort, stopProcess } from './service.ts';
import { findProgram, whyNotHere } from './system-packages.ts';

export interface S3Store {
  /** `http://127.0.0.1:<port>` */
  readonly endpoint: string;
  readonly port: number;
  readonly region: string;
  readonly accessKey: string;
  readonly secretKey: string;
  /** Makes a bucket with nothing in it and resolves to its name. */
  createBucket(): Promise<string>;
  /** A client with the SDK's own defaults where the gateway can bear them, for looking at what is really there. */
  client(): S3Client;
  /** `kill -9` of the gateway. What it answered with success is kept. */
  killGateway(): Promise<void>;
  /** Starts the gateway again, on its port. */
  reviveGateway(): Promise<void>;
}

/** The driver's settings for a bucket of the store. */
export function settingsFor(
  store: S3Store,
  more: Partial<S3Settings> & { readonly bucket: string },
): S3Settings {
  const { endpoint: regionendpoint, region, accessKey: accesskey, secretKey: secretkey } = store;
  return { regionendpoint, region, accesskey, secretkey, ...more };
}

/** Why there can be no store here, in words for node:test's `skip`; `false` if there can. */
export function whyNoS3Store(): string | false {
  return whyNotHere(['ceph-mon', 'ceph-osd', 'radosgw']);
}

/** Formats and starts a store on free ports, in about six seconds. It is stopped and removed at the end of the test. */
export async function startS3Store(cleaner: Cleaner): Promise<S3Store> {
  const orderly = inReverse(cleaner);
  const directory = await privateDirectory('s3', orderly);
  const port = await freePort();
  const id = randomUUID();
  const monitorPort = await freePort();
  const environment = { CEPH_CONF: join(directory, 'ceph.conf'), CEPH_ARGS: '' };
  for (const name of ['mon', 'osd', 'rgw']) await mkdir(join(directory, name));
  await writeFile(environment.CEPH_CONF, cephConfiguration({ id, directory, monitorPort, port }));

  const endpoint = `http://127.0.0.1:${port}`;
  const keys = { accessKey: 'berthtests', secretKey: 'not-a-secret' };
  await formatMonitor();
  await daemon(['ceph-mon', '-f', '-i', 'a'], async () => undefined);
  await run(['ceph-osd', '-i', '0', '--mkfs']);
  await daemon(['ceph-osd', '-f', '-i', '0'], osdIsActive);
  // Started before the OSD is active, the gateway would wait for its next look, five seconds later.
  const startGateway = () => daemon(['radosgw', '-f', '-n', 'client.rgw'], () => fetch(endpoint));
  let gateway = await startGateway();
  await run([
    ...['radosgw-admin', '-n', 'client.rgw.admin', 'user', 'create', '--uid=tests', '--display-name=tests'],
    ...[`--access-key=${keys.accessKey}`, `--secret-key=${keys.secretKey}`],
  ]);

  const store: S3Store = {
    endpoint,
    port,
    region: 'us-east-1',
    ...keys,
    client: () =>
      new S3Client({
        endpoint,
        region: store.region,
        credentials: { accessKeyId: keys.accessKey, secretAccessKey: keys.secretKey },
        forcePathStyle: true,
        requestChecksumCalculation: 'WHEN_REQUIRED',
        responseChecksumValidation: 'WHEN_REQUIRED',
      }),
    async createBucket() {
      const bucket = `tests-${randomUUID()}`;
      const client = store.client();
      await client.send(new CreateBucketCommand({ Bucket: bucket }));
      client.destroy();
      return bucket;
    },
    killGateway: async () => void (await stopProcess(gateway, 'SIGKILL')),
    async reviveGateway() {
      gateway = await startGateway();
    },
  };
  return store;

  async function run(command: readonly string[]): Promise<void> {
    await runCommand(command, { environment });
  }

  async function daemon(
    [name, ...parameters]: readonly ['ceph-mon' | 'ceph-osd' | 'radosgw', ...string[]],
    answers: () => Promise<unknown>,
  ): Promise<ChildProcess> {
    return startDaemon([findProgram(name) ?? name, ...parameters], environment, answers, orderly);
  }

  /** The first map of the cluster holds the OSD already, which spares the tests Ceph's own administration programs. */
  async function formatMonitor(): Promise<void> {
    const monitorMap = join(directory, 'monmap');
    const osdMap = join(directory, 'osdmap');
    const address = `[v2:127.0.0.1:${monitorPort}]`;
    await run(['monmaptool', '--create', '--fsid', id, '--addv', 'a', address, monitorMap]);
    await run(['osdmaptool', '--createsimple', '1', osdMap]);
    await run(['ceph-mon', '--mkfs', '-i', 'a', '--monmap', monitorMap, '--osdmap', osdMap]);
  }

  async function osdIsActive(): Promise<void> {
    const log = await readFile(join(directory, 'osd.0.log'), 'utf8');
    if (!log.includes('booting -> active')) throw new Error('the OSD is not active yet');
  }
}
