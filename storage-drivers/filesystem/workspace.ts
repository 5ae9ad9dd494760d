// The driver's own folder, `<root>/.berth`, which no key can reach: files on their way to their place, and trees on their
// way out. Several processes may share it, also from different containers or machines.
import { createHash, randomUUID } from 'node:crypto';
import { mkdir, open, readdir, readFile, readlink, rm, stat, unlink } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { hasEnded } from '../process-state.ts';
import { errorCode } from './errors.ts';
import type { Syncs } from './syncs.ts';

/** Nothing is written for so long in one go: what lies here is of a process that is gone, wherever it ran. */
const ABANDONED_AFTER_MS = 60 * 60 * 1000;

const TEMPORARY_NAME = /^([0-9a-f]{12})\.(\d+)\.[0-9a-f-]{36}$/;

export interface Workspace {
  /** Where files are while they are written. */
  readonly incoming: string;
  /** Where removed directories are while they are emptied. */
  readonly trash: string;
  /** Where small writes are put down first (write-log.ts). */
  readonly log: string;
  /** A fresh path in `incoming`, under a name that says which process it belongs to. */
  temporaryFile(): string;
  /** A fresh path in `trash`. */
  trashedDirectory(): string;
}

/**
 * Makes the folder below the root, clears away what crashed processes left in it, and tries whether the store takes bytes.
 * Throws system errors.
 */
export async function openWorkspace(root: string, syncs: Syncs): Promise<Workspace> {
  const scope = await processScope();
  const workspace: Workspace = {
    incoming: join(root, '.berth', 'incoming'),
    trash: join(root, '.berth', 'trash'),
    log: join(root, '.berth', 'log'),
    temporaryFile: () => `${workspace.incoming}/${scope}.${process.pid}.${randomUUID()}`,
    trashedDirectory: () => join(workspace.trash, randomUUID()),
  };
  await mkdir(workspace.incoming, { recursive: true });
  await mkdir(workspace.trash, { recursive: true });
  await mkdir(workspace.log, { recursive: true });
  await clearIncoming(workspace, scope);
  await clearTrash(workspace);
  await tryToWrite(workspace.temporaryFile(), syncs);
  return workspace;
}

/** Removes a tree that is out of sight already. What cannot be removed now is left to the next start. */
export async function discard(path: string): Promise<void> {
  await rm(path, { recursive: true, force: true }).catch(() => undefined);
}

/** Whoever put something into the trash, nobody wants it back: two that empty it at once do no harm. */
async function clearTrash({ trash }: Workspace): Promise<void> {
  for (const name of await readdir(trash)) await discard(join(trash, name));
}

async function clearIncoming({ incoming }: Workspace, scope: string): Promise<void> {
  for (const name of await readdir(incoming)) {
    const path = join(incoming, name);
    const owner = neighbourOf(name, scope);
    const isDead = owner !== undefined && !(await isAlive(owner));
    const oldest = owner === process.pid ? processStart() : Date.now() - ABANDONED_AFTER_MS;
    if (isDead || (await isOlder(path, oldest))) await discard(path);
  }
}

/** The id of the process that the file belongs to, if that says something here. */
function neighbourOf(name: string, scope: string): number | undefined {
  const [, owner, pid] = TEMPORARY_NAME.exec(name) ?? [];
  return owner === scope && pid !== undefined ? Number(pid) : undefined;
}

/**
 * A container that is started again often has the id of its namespace again, and its one process the same id: what is older
 * than this process is of such a predecessor.
 */
function processStart(): number {
  return Date.now() - process.uptime() * 1000;
}

/** @param time milliseconds since the epoch */
async function isOlder(path: string, time: number): Promise<boolean> {
  try {
    const { mtimeMs } = await stat(path);
    return mtimeMs < time;
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return false;
    throw error;
  }
}

async function isAlive(pid: number): Promise<boolean> {
  try {
    process.kill(pid, 0);
  } catch (error) {
    return errorCode(error) !== 'ESRCH';
  }
  return !hasEnded(await readFile(`/proc/${pid}/stat`, 'latin1').catch(() => ''));
}

async function tryToWrite(path: string, syncs: Syncs): Promise<void> {
  const handle = await open(path, 'wx');
  try {
    await handle.writeFile('Berth tries whether this directory is writable.\n');
    await syncs.all(handle.fd);
  } finally {
    await handle.close();
    await unlink(path);
  }
}

/**
 * A process id says something only to processes that count alike: this names the boot of the machine and the container
 * (its process id namespace). Elsewhere than on Linux the machine's name has to do.
 */
async function processScope(): Promise<string> {
  const boot = await readFile('/proc/sys/kernel/random/boot_id', 'utf8').catch(hostname);
  const namespace = await readlink('/proc/self/ns/pid').catch(() => '');
  return createHash('sha256').update(`${boot}\n${namespace}`).digest('hex').slice(0, 12);
}
