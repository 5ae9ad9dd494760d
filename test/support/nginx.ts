// nginx in front of replicas, with the very configuration that the project deploys.
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Cleaner, inReverse, privateDirectory, startDaemon } from './processes.ts';
import { freePort } from './service.ts';
import { findProgram } from './system-packages.ts';

export interface Nginx {
  readonly port: number;
  /** `http://127.0.0.1:<port>` */
  readonly url: string;
}

const DEPLOYED = join(import.meta.dirname, '..', '..', 'deploy', 'nginx.conf');

/** Starts nginx on a free port of 127.0.0.1; each request goes to the next of the ports there. */
export async function startNginx(ports: readonly number[], cleaner: Cleaner): Promise<Nginx> {
  const orderly = inReverse(cleaner);
  const directory = await privateDirectory('nginx', orderly);
  const port = await freePort();
  const file = join(directory, 'nginx.conf');
  await writeFile(file, onLoopback(await readFile(DEPLOYED, 'utf8'), { directory, port, ports }));
  const url = `http://127.0.0.1:${port}`;
  const command = [findProgram('nginx') ?? 'nginx', '-p', directory, '-c', file, '-g', 'daemon off;'];
  await startDaemon(command, {}, () => fetch(`${url}/nginx-health`), orderly);
  return { port, url };
}

interface Place {
  readonly directory: string;
  readonly port: number;
  readonly ports: readonly number[];
}

/** The names of containers become ports of this machine; `resolve` for these is not known to older versions of nginx. */
function onLoopback(configuration: string, { directory, port, ports }: Place): string {
  const server = /^.*server berth-\d+:5000 resolve(.*)$/gm;
  const [, settings = ''] = server.exec(configuration) ?? [];
  const servers = ports.map((each) => `server 127.0.0.1:${each}${settings}`).join('\n');
  let isFirst = true;
  return configuration
    .replace(server, () => {
      const lines = isFirst ? servers : '';
      isFirst = false;
      return lines;
    })
    .replace('worker_processes auto', 'worker_processes 1')
    .replace('listen 5000', `listen 127.0.0.1:${port}`)
    .replaceAll('/tmp/', `${directory}/`);
}
