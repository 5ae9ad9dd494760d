// A disk of its own whose power can be cut: what its file system has not brought to it by then is gone.
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { mkdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { runCommand } from '../support/command.ts';
import { inReverse, privateDirectory } from '../support/processes.ts';
import { whyNotHere } from '../support/system-packages.ts';

const MIB = 1024 * 1024;

const fileSystems = {
  // By itself it would bring everything to the disk every five seconds.
  ext4: { make: ['mkfs.ext4', '-q'], mount: 'loop,commit=300' },
  xfs: { make: ['mkfs.xfs', '-q'], mount: 'loop' },
} as const;

export type FileSystem = keyof typeof fileSystems;

/** Why there can be none here, in words for node:test's `skip`; `false` if there can. */
export function whyNoDisk(type: FileSystem): string | false {
  const reason = whyNotHere([`mkfs.${type}`, 'umount'], { root: true });
  if (reason !== false) return reason;
  if (!existsSync('/dev/loop-control')) return 'there are no loop devices';
  // A module that is there would be loaded by the mount.
  spawnSync('modprobe', ['--quiet', type]);
  return knownFileSystems().includes(type) ? false : `this kernel has no ${type}`;
}

function knownFileSystems(): string[] {
  return readFileSync('/proc/filesystems', 'utf8').split(/\s+/);
}

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
