// A server of several processes, and clients that know which of them they talk to: a connection stays with the one that took it.
import { once } from 'node:events';
import { readdir, readFile, readlink } from 'node:fs/promises';
import { Agent, type IncomingMessage, request } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Cleaner, childrenOf } from '../support/processes.ts';
import { createClientOver, type RegistryClient, type SendOptions } from '../support/registry-client.ts';
import { type RegistryOptions, type Service, startBerth, temporaryDirectory } from '../support/service.ts';

/** A client with one connection. */
export interface Line {
  /** The process number of the worker at its other end. */
  readonly worker: number;
  readonly client: RegistryClient;
}

const LOOK_MS = 2;

/** Starts a server with deletes enabled, which is killed at the end of the test if it is there then. */
export async function startSeveral(
  cleaner: Cleaner,
  workers: number,
  configuration: NonNullable<RegistryOptions['configuration']> = {},
): Promise<Service> {
  const server = await startBerth({
    directory: await temporaryDirectory(cleaner),
    configuration: {
      ...configuration,
      storage: { delete: { enabled: true }, ...configuration['storage'] },
      http: { workers, ...configuration['http'] },
    },
  });
  cleaner.after(async () => void (await server.stop('SIGKILL')));
  return server;
}

/** A connection to each worker that there is now. */
export async function linesToEach(cleaner: Cleaner, { pid, port }: Service): Promise<readonly Line[]> {
  const workers = await childrenOf(pid);
  const lines: Line[] = [];
  // However long it takes until each of them takes one: one that has just begun may not listen yet.
  while (lines.length < workers.length) {
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    const ports: number[] = [];
    const send: RegistryClient['send'] = (...words) => exchange(agent, port, ports, ...words);
    await send('GET', '/v2/');
    const worker = await holderOf(workers, port, ports[0]);
    if (worker === undefined || lines.some((line) => line.worker === worker)) {
      agent.destroy();
      await sleep(LOOK_MS);
      continue;
    }
    cleaner.after(async () => agent.destroy());
    lines.push({ worker, client: createClientOver(send) });
  }
  return lines;
}

/** @param ports gets the client's end of the connection */
async function exchange(
  agent: Agent,
  port: number,
  ports: number[],
  method: string,
  path: string,
  { headers = {}, body = new Uint8Array(0) }: SendOptions = {},
): Promise<Response> {
  const length = { 'content-length': body.length };
  const asked = request({ agent, host: '127.0.0.1', port, method, path, headers: { ...length, ...headers } });
  asked.end(body);
  const [answer]: IncomingMessage[] = await once(asked, 'response');
  if (answer === undefined) throw new TypeError('a response without a message');
  ports.push(answer.socket.localPort ?? 0);
  const chunks: Buffer[] = [];
  for await (const chunk of answer) chunks.push(chunk);
  const { statusCode: status = 500 } = answer;
  const content = status === 204 || status === 304 ? null : Buffer.concat(chunks);
  return new Response(content, {
    status,
    headers: Object.entries(answer.headers).map(([name, value]) => [name, String(value)]),
  });
}

/** Which of the processes has the other end of a connection (proc_pid_net(5)). */
async function holderOf(pids: readonly number[], port: number, peer = 0): Promise<number | undefined> {
  const rows = (await readFile('/proc/net/tcp', 'utf8')).split('\n').map((row) => row.trim().split(/\s+/));
  const portOf = (address = '') => Number.parseInt(address.split(':')[1] ?? '', 16);
  const row = rows.find(([, local, remote]) => portOf(local) === port && portOf(remote) === peer);
  const socket = `socket:[${row?.[9]}]`;
  for (const pid of pids) {
    const descriptors = await readdir(`/proc/${pid}/fd`).catch(() => []);
    for (const descriptor of descriptors) {
      if ((await readlink(`/proc/${pid}/fd/${descriptor}`).catch(() => '')) === socket) return pid;
    }
  }
  return undefined;
}
