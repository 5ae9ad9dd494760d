// Uploads whose bytes the value itself holds, written down where the store shows them: as the `registry` image has them.
import type { StorageDriver } from '../../storage-drivers/driver.ts';
import { uploadData } from '../registry/layout.ts';
import type { UploadSession } from '../registry/sessions.ts';
import { writeStartedAt } from './session-record.ts';

/** Resolves to the session as it is then, durably. Throws what the store throws. */
export async function writeInPlace(driver: StorageDriver, session: UploadSession): Promise<UploadSession> {
  const { content } = await driver.openStaged(session.write);
  const [, write] = await Promise.all([
    writeStartedAt(driver, session, 'coming'),
    driver.append({ key: uploadData(session.repository, session.id), size: 0 }, content),
  ]);
  return { ...session, write };
}
