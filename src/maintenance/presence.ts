// Servers that share a store without sharing Redis would overwrite each other's uploads and locks. So a server that works alone
// leaves a sign of life in the store, and does not start where it finds a fresh one of another server.
import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import { z } from 'zod';
import type { StorageDriver } from '../../storage-drivers/driver.ts';
import { orAbsent } from '../registry/content.ts';
import { SERVERS, serverSign } from '../registry/layout.ts';

export interface Presence {
  /** Takes the sign away. */
  end(): Promise<void>;
}

export interface PresenceSettings {
  /** How often the sign is renewed; one that is three times as old is nobody's any more. */
  readonly intervalMs: number;
}

/** Another server is at work on the store. */
export class StoreInUseError extends Error {
  override readonly name = 'StoreInUseError';
}

const signSchema = z.object({ host: z.string(), pid: z.int() });
type Sign = z.infer<typeof signSchema>;

/**
 * Leaves a sign of life, and renews it until `end`. If another server's sign is there, waits for it to grow old: after a crash
 * nobody takes it away. Throws StoreInUseError if it is renewed instead.
 */
export async function announcePresence(
  driver: StorageDriver,
  log: Logger,
  { intervalMs }: PresenceSettings,
): Promise<Presence> {
  const id = randomUUID();
  const sign = Buffer.from(JSON.stringify({ host: hostname(), pid: process.pid } satisfies Sign));
  const renew = () => driver.write(serverSign(id), sign, { durable: false });
  await waitForOthers(driver, log, intervalMs);
  await renew();
  const timer = setInterval(() => void renew().catch(() => undefined), intervalMs);
  timer.unref();
  return {
    async end() {
      clearInterval(timer);
      await driver.delete(serverSign(id), { durable: false }).catch(() => undefined);
    },
  };
}

/** Tells by whether a sign changes, not by its age: the clocks of server and store may differ. */
async function waitForOthers(driver: StorageDriver, log: Logger, intervalMs: number): Promise<void> {
  const before = await signsOfOthers(driver);
  if (before.size === 0) return;
  log.warn('another server may be at work on this store; looking whether it shows a sign of life');
  await sleep(intervalMs * 3);
  const after = await signsOfOthers(driver);
  for (const [id, version] of after) {
    if (before.get(id) !== version) {
      throw new StoreInUseError(
        'another server works on this store; several need `redis` in their configuration',
      );
    }
    await driver.delete(serverSign(id), { durable: false });
  }
}

/** The versions of the signs that are not of a process of this machine that is gone. */
async function signsOfOthers(driver: StorageDriver): Promise<Map<string, string>> {
  const signs = new Map<string, string>();
  for (const { name } of await driver.list(SERVERS)) {
    const content = await orAbsent(driver.read(serverSign(name)));
    const stat = await orAbsent(driver.stat(serverSign(name)));
    if (content === undefined || stat === undefined) continue;
    if (isOfDeadNeighbour(content)) await driver.delete(serverSign(name), { durable: false });
    else signs.set(name, stat.version);
  }
  return signs;
}

function isOfDeadNeighbour(content: Uint8Array): boolean {
  const sign = parseSign(content);
  return sign !== undefined && sign.host === hostname() && !isAlive(sign.pid);
}

function parseSign(content: Uint8Array): Sign | undefined {
  try {
    return signSchema.safeParse(JSON.parse(Buffer.from(content).toString())).data;
  } catch {
    return undefined;
  }
}

/** A process with the number of this one is this one: it was restarted, as in a container. */
function isAlive(pid: number): boolean {
  if (pid === process.pid) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}
