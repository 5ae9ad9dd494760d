// The image `berth`, built from the Dockerfile in a daemon of the test's own, beside an image `content:1` to push.
import { chmod } from 'node:fs/promises';
import { join } from 'node:path';
import { makeBaseArchive } from '../support/base-image.ts';
import { dockerPrograms } from '../support/docker-daemon.ts';
import { type Cleaner, privateDirectory } from '../support/processes.ts';
import type { Program } from '../support/system-packages.ts';
import { type BridgedDocker, startBridgedDocker } from './bridged-docker.ts';
import { makeLocalBases } from './local-bases.ts';

export interface BuiltImage {
  readonly daemon: BridgedDocker;
  /** For files of the test; readable for every user. */
  readonly directory: string;
}

export const imagePrograms: readonly Program[] = [...dockerPrograms, 'docker-registry', 'unshare', 'curl'];

/** Builds it, or tells why that is impossible here. */
export async function buildImage(cleaner: Cleaner): Promise<BuiltImage | string> {
  const directory = await privateDirectory('image', cleaner);
  await chmod(directory, 0o755);
  const bases = await makeLocalBases(directory);
  if (typeof bases === 'string') return bases;
  const daemon = await startBridgedDocker(cleaner);
  const { docker } = daemon;
  await docker('import', bases.build, 'test-node');
  await docker('import', bases.run, 'test-base');
  await docker('import', await makeBaseArchive(directory), 'content:1');
  const build = ['--build-arg', 'NODE_IMAGE=test-node', '--build-arg', 'BASE_IMAGE=test-base'];
  await docker('build', ...build, '--tag', 'berth', join(import.meta.dirname, '../..'));
  return { daemon, directory };
}
