// Removes uploads that nobody will finish (`storage.maintenance.uploadpurging`), also those that the `registry` image leaves for
// ever: directories without a start date, as a cancelled upload or a crash makes them there.
import type { Logger } from 'pino';
import type { StorageDriver } from '../../storage-drivers/driver.ts';
import type { Catalog } from '../registry/catalog.ts';
import { orAbsent } from '../registry/content.ts';
import * as layout from '../registry/layout.ts';
import type { Locks } from '../registry/locks.ts';
import type { RepositoryName } from '../registry/name.ts';
import { isSessionId, type SessionId } from '../registry/sessions.ts';
import { parseStartedAt } from '../sessions/session-record.ts';

export interface PurgeSettings {
  /** How long an upload has to have been idle, in milliseconds. */
  readonly ageMs: number;
  readonly dryRun: boolean;
}

export interface PurgeDependencies {
  readonly driver: StorageDriver;
  readonly catalog: Catalog;
  /** One writer per session: what is being written to is not removed. */
  readonly locks: Locks;
  readonly log: Logger;
  readonly now?: () => Date;
}

export interface PurgeResult {
  readonly removed: number;
  readonly kept: number;
}

/** Looks at every upload of every repository once. */
export async function purgeUploads(
  { driver, catalog, locks, log, now = () => new Date() }: PurgeDependencies,
  { ageMs, dryRun }: PurgeSettings,
): Promise<PurgeResult> {
  let removed = 0;
  let kept = 0;

  async function purge(repository: RepositoryName, name: string): Promise<void> {
    const key = `${layout.uploads(repository)}/${name}`;
    const lastTouched = await lastTouch(driver, key);
    if (lastTouched === undefined || now().getTime() - lastTouched.getTime() < ageMs) {
      kept += 1;
      return;
    }
    removed += 1;
    log.info({ repository, upload: name, lastTouched, dryRun }, 'upload was abandoned');
    if (dryRun) return;
    await driver.delete(key);
    if (isSessionId(name)) await driver.delete(layout.uploadState(repository, name));
  }

  for await (const repository of catalog.namesWithUploads()) {
    const uploads = await driver.list(layout.uploads(repository));
    for (const { name } of uploads) await locks.exclusive(name, () => purge(repository, name));
    const known = new Set(uploads.map(({ name }) => name));
    const states = await driver.list(layout.uploadStates(repository));
    const orphans = states.map(({ name }) => name).filter((name) => isSessionId(name) && !known.has(name));
    for (const id of orphans) await removeOrphan(repository, id as SessionId);
  }
  return { removed, kept };

  /** A note whose upload is gone, as when the `registry` image finished it. */
  async function removeOrphan(repository: RepositoryName, id: SessionId): Promise<void> {
    if (dryRun) return;
    await locks.exclusive(id, async () => {
      const data = await orAbsent(driver.stat(layout.uploadData(repository, id)));
      if (data === undefined) await driver.delete(layout.uploadState(repository, id));
    });
  }
}

/** When anything of an upload last changed: the start as it is written down, or a change of one of its objects. */
async function lastTouch(driver: StorageDriver, key: string): Promise<Date | undefined> {
  const started = await orAbsent(driver.read(`${key}/startedat`));
  const times = [started === undefined ? undefined : parseStartedAt(started)];
  for (const entry of await driver.list(key)) {
    const path = `${key}/${entry.name}`;
    times.push(
      entry.kind === 'prefix'
        ? await lastTouch(driver, path)
        : (await orAbsent(driver.stat(path)))?.modifiedAt,
    );
  }
  return times
    .filter((time) => time !== undefined)
    .reduce<Date | undefined>(
      (latest, time) => (latest === undefined || time > latest ? time : latest),
      undefined,
    );
}
