// One storage directory that Berth and Debian's docker-registry serve in turn, as when one is put in the other's place.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { type CommandResult, runCommand } from '../support/command.ts';
import { type Cleaner, privateDirectory } from '../support/processes.ts';
import { createRegistryClient, type RegistryClient } from '../support/registry-client.ts';
import { testsReference } from '../support/registry-under-test.ts';
import { startBerth, startDockerRegistry } from '../support/service.ts';
import { whyNotHere } from '../support/system-packages.ts';

export type Server = 'berth' | 'docker-registry';

export interface SharedDirectory {
  readonly directory: string;
  /** `<directory>/docker/registry/v2/<names>` */
  path(...names: readonly string[]): string;
  /** Runs a server on the directory for as long as the work takes, and stops it as its service manager would. */
  serve<Result>(server: Server, work: (client: RegistryClient) => Promise<Result>): Promise<Result>;
  /** Runs `docker-registry garbage-collect` while nobody serves. */
  collectGarbage(...flags: readonly string[]): Promise<CommandResult>;
}

/** Why the tests of this folder cannot run here; `false` if they can. */
export const skip = whyNotHere(['docker-registry']);

/** Both ways to change over: who writes first, and who follows. */
export const directions: readonly (readonly [Server, Server])[] = [
  ['berth', 'docker-registry'],
  ['docker-registry', 'berth'],
];

/** Signs the `_state` of upload locations: uploads go over from one to the other only with the same secret. */
const SECRET = 'known-to-both';

export async function createSharedDirectory(cleaner: Cleaner): Promise<SharedDirectory> {
  const directory = await privateDirectory('shared', cleaner);
  return {
    directory,
    path: (...names) => join(directory, 'docker', 'registry', 'v2', ...names),
    serve: async (server, work) => {
      const start = server === 'berth' && !testsReference ? startBerth : startDockerRegistry;
      const configuration = { storage: { delete: { enabled: true } }, http: { secret: SECRET } };
      const service = await start({ directory, configuration });
      try {
        return await work(createRegistryClient(service.url));
      } finally {
        await service.stop();
      }
    },
    collectGarbage: async (...flags) => {
      const folder = await mkdtemp(join(tmpdir(), 'berth-collect-'));
      const file = join(folder, 'config.yml');
      const storage = { filesystem: { rootdirectory: directory }, delete: { enabled: true } };
      await writeFile(file, stringify({ version: 0.1, storage, http: { addr: '127.0.0.1:0' } }));
      try {
        return await runCommand(['docker-registry', 'garbage-collect', ...flags, file]);
      } finally {
        await rm(folder, { recursive: true });
      }
    },
  };
}
