// Uploads whose bytes the value itself holds, written down where the store shows them: as the `registry` image has them.
import type { StorageDriver } from '../../storage-drivers/driver.ts';
import { allEnded } from '../registry/all-ended.ts';
import { uploadData } from '../registry/layout.ts';
import type { UploadSession } from '../registry/sessions.ts';
import { writeStartedAt } from './session-record.ts';

/** Durable when it resolves. Throws what the store throws, when nothing is under way any more. */
export async function writeInPlace(driver: StorageDriver, session: UploadSession): Promise<void> {
  const { content } = await driver.openStaged(session.write);
  const empty = { key: uploadData(session.repository, session.id), size: 0 };
  await allEnded(writeStartedAt(driver, session, 'coming'), driver.append(empty, content));
}
