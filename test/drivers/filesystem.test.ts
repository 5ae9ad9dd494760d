// The filesystem driver keeps the contract that all drivers share.
import { createFilesystemDriver } from '../../storage-drivers/filesystem/filesystem-driver.ts';
import { temporaryDirectory } from '../support/service.ts';
import { driverSuite } from './suite.ts';

driverSuite(
  'filesystem',
  async (context) => {
    const rootDirectory = await temporaryDirectory(context);
    return { open: () => createFilesystemDriver({ rootDirectory }) };
  },
  { skip: [] },
);

driverSuite(
  'filesystem with a log',
  async (context) => {
    const rootDirectory = await temporaryDirectory(context);
    return { open: () => createFilesystemDriver({ rootDirectory, ownPrefix: '' }) };
  },
  { skip: [] },
);
