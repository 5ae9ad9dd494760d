// Upload sessions remembered in the storage itself. What one process alone needs, and what lets an upload go on after a restart
// or in the `registry` image.
import type { StorageDriver } from '../../storage-drivers/driver.ts';
import { orAbsent } from '../registry/content.ts';
import { upload, uploadData, uploadState } from '../registry/layout.ts';
import type { UploadSession, UploadSessions } from '../registry/sessions.ts';
import { formatNote, parseNote, progressOf, readStartedAt, writeStartedAt } from './session-record.ts';

export function createStorageSessions(driver: StorageDriver): UploadSessions {
  return {
    async create(session) {
      await writeStartedAt(driver, session);
    },

    async find(repository, id): Promise<UploadSession | undefined> {
      const key = uploadData(repository, id);
      const [startedAt, noted, data] = await Promise.all([
        readStartedAt(driver, repository, id),
        orAbsent(driver.read(uploadState(repository, id))),
        orAbsent(driver.stat(key)),
      ]);
      if (startedAt === undefined) return undefined;
      const note = noted === undefined ? undefined : parseNote(noted);
      // Within one process no writer loses its lock.
      const { disputed: _never, ...progress } = progressOf(key, note, data?.size);
      return { id, repository, startedAt, ...progress };
    },

    async claim() {},

    async save(session) {
      // Lost with a power cut, it costs reading the upload once more.
      const key = uploadState(session.repository, session.id);
      await driver.write(key, Buffer.from(formatNote(session)), { durable: false });
    },

    async remove({ repository, id }) {
      // What a power cut brings back is purged like any upload that nobody finishes.
      await driver.delete(upload(repository, id), { durable: false });
      await driver.delete(uploadState(repository, id), { durable: false });
    },
  };
}
