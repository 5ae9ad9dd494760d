// A disk of its own whose power can be cut: what its file system has not brought to it by then is gone.
import { mkdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { runCommand } from '../support/command.ts';
import { inReverse, privateDirectory } from '../support/processes.ts';

const MIB = 1024 * 1024;

export const fileSystems = {
  // By itself it would bring everything to the disk every five seconds.
  ext4: { make: ['mkfs.ext4', '-q'], mount: 'loop,commit=300' },
  xfs: { make: ['mkfs.xfs', '-q'], mount: 'loop' },
} as const;

export type FileSystem = keyof typeof fileSystems;

export interface Disk {
  /** Where it is mounted. */
  readonly directory: string;
  /** Nobody may use the disk meanwhile. Afterwards there is on it what there was at the beginning of this. */
  cut(): Promise<void>;
}

/** Makes and mounts one, for as long as the test runs. The least size of XFS is 300 MB. */
export async function mountDisk(context: TestContext, type: FileSystem, size = 400 * MIB): Promise<Disk> {
  const { make, mount } = fileSystems[type];
  const home = await privateDirectory('disk', inReverse(context));
  const image = join(home, 'image');
  const directory = join(home, 'mounted');
  await mkdir(directory);
  await runCommand(['truncate', '--size', String(size), image]);
  await runCommand([...make, image]);
  const mountImage = () => runCommand(['mount', '-t', type, '-o', mount, image, directory]);
  await mountImage();
  return {
    directory,
    async cut() {
      // What is only in memory is not in the image, and to unmount it would bring it there.
      const saved = join(home, 'saved');
      await runCommand(['cp', '--sparse=always', image, saved]);
      await runCommand(['umount', directory]);
      await rm(image);
      await rename(saved, image);
      await mountImage();
    },
  };
}
