// Removes uploads that nobody will finish (`storage.maintenance.uploadpurging`), also those that the `registry` image leaves for
// ever: directories without a start date, as a cancelled upload or a crash makes them there.
import type { Logger } from 'pino';
import type { StorageDriver } from '../../storage-drivers/driver.ts';
import type { Catalog } from '../registry/catalog.ts';
import { orAbsent } from '../registry/content.ts';
import * as layout from '../registry/layout.ts';
import type { Locks } from '../registry/locks.ts';
import type { RepositoryName } from '../registry/name.ts';
import { isSessionId, type UploadSessions } from '../registry/sessions.ts';
import { parseStartedAt } from '../sessions/session-record.ts';

export interface PurgeSettings {
  /** How long an upload has to have been idle, in milliseconds. */
  readonly ageMs: number;
  readonly dryRun: boolean;
}

export interface PurgeDependencies {
  readonly driver: StorageDriver;
  readonly catalog: Catalog;
  readonly sessions: Pick<UploadSessions, 'remove'>;
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
  { driver, catalog, sessions, locks, log, now = () => new Date() }: PurgeDependencies,
  { ageMs, dryRun }: PurgeSettings,
): Promise<PurgeResult> {
  let removed = 0;
  let kept = 0;

  async function purge(repository: RepositoryName, name: string): Promise<void> {
    const key = `${layout.uploads(repository)}/${name}`;
    const note = isSessionId(name) ? layout.uploadState(repository, name) : undefined;
    const lastTouched = latest([
      ...(await touches(driver, key)),
      note === undefined ? undefined : (await orAbsent(driver.stat(note)))?.modifiedAt,
    ]);
    if (lastTouched === undefined || now().getTime() - lastTouched.getTime() < ageMs) {
      kept += 1;
      return;
    }
    removed += 1;
    log.info({ repository, upload: name, lastTouched, dryRun }, 'upload was abandoned');
    if (dryRun) return;
    if (isSessionId(name)) await sessions.remove({ repository, id: name });
    // Also what the session does not know of: the rests of attempts that failed.
    await driver.delete(key);
  }

  for await (const repository of catalog.namesWithUploads()) {
    // There may be bytes without a note, and a note without bytes.
    const uploads = await driver.list(layout.uploads(repository));
    const notes = await driver.list(layout.uploadStates(repository));
    const names = new Set([...uploads, ...notes].map(({ name }) => name));
    for (const name of names) await locks.exclusive(name, () => purge(repository, name));
  }
  return { removed, kept };
}

/** When anything of an upload changed: the start as it is written down, and the changes of its objects. */
async function touches(driver: StorageDriver, key: string): Promise<(Date | undefined)[]> {
  const started = await orAbsent(driver.read(`${key}/startedat`));
  const times = [started === undefined ? undefined : parseStartedAt(started)];
  for (const entry of await driver.list(key)) {
    const path = `${key}/${entry.name}`;
    if (entry.kind === 'prefix') times.push(...(await touches(driver, path)));
    else times.push((await orAbsent(driver.stat(path)))?.modifiedAt);
  }
  return times;
}

function latest(times: readonly (Date | undefined)[]): Date | undefined {
  return times
    .filter((time) => time !== undefined)
    .reduce<Date | undefined>((last, time) => (last === undefined || time > last ? time : last), undefined);
}
