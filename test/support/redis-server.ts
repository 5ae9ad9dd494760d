// Real Redis servers for tests: one alone, three as a cluster, one with a sentinel. All on loopback, and gone with the test.
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import type { Certificates } from './certificates.ts';
import { type Cleaner, inReverse, privateDirectory, startDaemon } from './processes.ts';
import { freePort, stopProcess } from './service.ts';
import { findProgram } from './system-packages.ts';

export interface RedisServer {
  readonly port: number;
  /** A client of the test itself, with which it looks at what is really there. Closed at the end of the test. */
  readonly client: Redis;
  /** `kill -9`. It keeps nothing. */
  kill(): Promise<void>;
  /** Starts it again on its port, with nothing in it. */
  revive(): Promise<void>;
  /** From now on it takes connections and answers nobody. */
  pause(): void;
  resume(): void;
  /** The keys that are there now. */
  keys(pattern?: string): Promise<string[]>;
}

export interface RedisServerOptions {
  readonly password?: string;
  /** Speaks TLS alone. */
  readonly tls?: Certificates;
  /** Further words of the command line, such as `--maxmemory`. */
  readonly words?: readonly string[];
}

interface ClientOptions {
  readonly host: string;
  readonly port: number;
  readonly password?: string;
  readonly tls?: { readonly ca: string };
  readonly lazyConnect?: boolean;
  readonly retryStrategy?: () => number | null;
}

/** Starts a Redis that writes nothing to its disk. */
export async function startRedisServer(
  cleaner: Cleaner,
  { password, tls, words = [] }: RedisServerOptions = {},
): Promise<RedisServer> {
  const orderly = inReverse(cleaner);
  const directory = await privateDirectory('redis', orderly);
  const port = await freePort();
  const reached: ClientOptions = {
    host: '127.0.0.1',
    port,
    ...(password !== undefined && { password }),
    ...(tls !== undefined && { tls: { ca: tls.ca } }),
  };
  const command = [program(), '--bind', '127.0.0.1', '--dir', directory, '--save', '', '--appendonly', 'no'];
  command.push('--port', tls === undefined ? String(port) : '0');
  if (password !== undefined) command.push('--requirepass', password);
  if (tls !== undefined) command.push('--tls-port', String(port), ...tlsWords(tls));
  const start = () => startDaemon([...command, ...words], {}, () => ping(reached), orderly);

  let daemon = await start();
  const client = openClient({ ...reached, retryStrategy: () => 50 });
  orderly.after(async () => client.disconnect());
  // A process that stands still does not end when it is asked to.
  orderly.after(async () => void daemon.kill('SIGCONT'));
  return {
    port,
    client,
    kill: async () => void (await stopProcess(daemon, 'SIGKILL')),
    async revive() {
      daemon = await start();
    },
    pause: () => void daemon.kill('SIGSTOP'),
    resume: () => void daemon.kill('SIGCONT'),
    keys: (pattern = '*') => client.keys(pattern),
  };
}

/** Three servers that share the slots. Gives their ports. */
export async function startRedisCluster(cleaner: Cleaner): Promise<number[]> {
  const busPorts = [await freePort(), await freePort(), await freePort()];
  const nodes = await Promise.all(
    busPorts.map((busPort) =>
      startRedisServer(cleaner, { words: ['--cluster-enabled', 'yes', '--cluster-port', String(busPort)] }),
    ),
  );
  const [first] = nodes;
  for (const [index, { client, port }] of nodes.entries()) {
    const slots = [index * 5462, Math.min(index * 5462 + 5461, 16383)];
    await client.call('CLUSTER', 'ADDSLOTSRANGE', ...slots);
    // Without an epoch of its own a node may take the slots of another for its own.
    await client.call('CLUSTER', 'SET-CONFIG-EPOCH', index + 1);
    await first?.client.call('CLUSTER', 'MEET', '127.0.0.1', port, busPorts[index] ?? 0);
  }
  for (const { client } of nodes) {
    await until(async () => {
      const info = String(await client.call('CLUSTER', 'INFO'));
      return info.includes('cluster_state:ok') && info.includes('cluster_known_nodes:3');
    });
  }
  return nodes.map(({ port }) => port);
}

export interface Sentinel {
  readonly port: number;
  /** How many replicas of the server it has found. */
  replicas(): Promise<number>;
}

/** A sentinel that knows the server as `main`. */
export async function startSentinel(cleaner: Cleaner, server: RedisServer): Promise<Sentinel> {
  const orderly = inReverse(cleaner);
  const directory = await privateDirectory('sentinel', orderly);
  const port = await freePort();
  const file = join(directory, 'sentinel.conf');
  await writeFile(
    file,
    [
      `port ${port}`,
      'bind 127.0.0.1',
      `dir ${directory}`,
      `sentinel monitor main 127.0.0.1 ${server.port} 1`,
      'sentinel down-after-milliseconds main 500',
      'sentinel failover-timeout main 3000',
      '',
    ].join('\n'),
  );
  await startDaemon([program(), file, '--sentinel'], {}, () => ping({ host: '127.0.0.1', port }), orderly);
  const client = openClient({ host: '127.0.0.1', port });
  orderly.after(async () => client.disconnect());
  return {
    port,
    async replicas() {
      const replicas = await client.call('SENTINEL', 'REPLICAS', 'main');
      return Array.isArray(replicas) ? replicas.length : 0;
    },
  };
}

/** Waits until something is so. It is the test's own limit that ends it. */
export async function until(isSo: () => Promise<boolean>): Promise<void> {
  while (!(await isSo())) await new Promise((resolve) => setTimeout(resolve, 20));
}

function openClient(options: ClientOptions): Redis {
  const client = new Redis(options);
  client.on('error', () => undefined);
  return client;
}

function program(): string {
  return findProgram('redis-server') ?? 'redis-server';
}

function tlsWords({ files }: Certificates): string[] {
  const words = ['--tls-cert-file', files.certificate, '--tls-key-file', files.key];
  return [...words, '--tls-ca-cert-file', files.ca, '--tls-auth-clients', 'no'];
}

async function ping(options: ClientOptions): Promise<void> {
  const client = openClient({ ...options, lazyConnect: true, retryStrategy: () => null });
  try {
    await client.connect();
    await client.ping();
  } finally {
    client.disconnect();
  }
}
