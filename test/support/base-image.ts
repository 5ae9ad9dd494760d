// The files of a base image made on the spot, from the machine's own static busybox: no test pulls from the network.
import { copyFile, mkdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { runCommand } from './command.ts';
import { findProgram } from './system-packages.ts';

const APPLETS = ['sh', 'cat', 'echo', 'env', 'httpd', 'ls', 'sha256sum', 'sleep', 'tar', 'test', 'wc'];

/**
 * Writes a root file system with busybox as a tar file into the directory, as `docker import` takes it.
 * @param content stands in `/etc/berth-test`, so that two bases differ
 * @returns the path of the tar file
 */
export async function makeBaseArchive(directory: string, content = 'base\n'): Promise<string> {
  const root = join(directory, 'base-root');
  const archive = join(directory, 'base.tar');
  for (const folder of ['bin', 'etc', 'tmp', 'srv']) await mkdir(join(root, folder), { recursive: true });
  await copyFile(findProgram('busybox') ?? '/bin/busybox', join(root, 'bin', 'busybox'));
  for (const applet of APPLETS) await symlink('busybox', join(root, 'bin', applet));
  await writeFile(join(root, 'etc', 'passwd'), 'root:x:0:0:root:/:/bin/sh\n');
  await writeFile(join(root, 'etc', 'berth-test'), content);
  await runCommand(['tar', '--create', '--file', archive, '--directory', root, '.']);
  return archive;
}
