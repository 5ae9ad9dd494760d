// The S3 driver keeps the contract that all drivers share, on a real store.
import { after, test } from 'node:test';
import { createS3Driver } from '../../storage-drivers/s3/s3-driver.ts';
import { settingsFor, startS3Store, whyNoS3Store } from '../support/s3-store.ts';
import { driverSuite } from './suite.ts';

const reason = whyNoS3Store();
if (reason !== false) {
  test('the s3 driver', { skip: reason }, () => {});
} else {
  const store = await startS3Store({ after });
  const bucket = await store.createBucket();
  let stores = 0;

  driverSuite(
    's3',
    async () => {
      stores += 1;
      const rootdirectory = `/tests/${stores}`;
      return { open: () => createS3Driver(settingsFor(store, { bucket, rootdirectory })) };
    },
    { skip: [] },
  );
}
