// The registry that the client tests talk to: Berth. With BERTH_TEST_AGAINST=docker-registry the same tests run against
// the reference registry, which shows whether a failure is ours or the test's.
import type { Cleaner } from './processes.ts';
import { inReverse, privateDirectory } from './processes.ts';
import { type RegistryOptions, type Service, startBerth, startDockerRegistry } from './service.ts';

export interface RegistryUnderTest extends Service {
  /** `127.0.0.1:<port>`, as it stands in front of an image's name. */
  readonly host: string;
  readonly directory: string;
}

export const testsReference = process.env['BERTH_TEST_AGAINST'] === 'docker-registry';

/** For tests of what the reference registry does not offer: the reason to skip them when it is the one under test. */
export const notInReference = testsReference && 'docker-registry does not offer this';

/** Starts a registry on a fresh directory, with deletes enabled; both go at the end of the test. */
export async function startRegistryUnderTest(
  cleaner: Cleaner,
  configuration: RegistryOptions['configuration'] = {},
): Promise<RegistryUnderTest> {
  const reversed = inReverse(cleaner);
  const directory = await privateDirectory('registry', reversed);
  const start = testsReference ? startDockerRegistry : startBerth;
  const storage = { delete: { enabled: true }, ...configuration['storage'] };
  const service = await start({ directory, configuration: { ...configuration, storage } });
  reversed.after(async () => void (await service.stop()));
  return { ...service, host: `127.0.0.1:${service.port}`, directory };
}
