// The memory driver keeps the contract that all drivers share.
import { createMemoryDriver } from '../../storage-drivers/memory/memory-driver.ts';
import { driverSuite } from './suite.ts';

driverSuite(
  'memory',
  async () => {
    const driver = createMemoryDriver();
    return { open: async () => driver };
  },
  { skip: [] },
);
