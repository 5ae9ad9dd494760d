// The programs that the bench needs beside itself, from Debian's packages.
import { runCommand } from '../test/support/command.ts';
import { findProgram } from '../test/support/system-packages.ts';

const INSTALL_LIMIT_MS = 180_000;

/**
 * Whether the program can be run; installs the package of the same name first if it is missing and we are root. Says what it
 * does through `print`.
 */
export async function provideProgram(
  program: 'wrk' | 'docker-registry' | 'ceph-mon' | 'ceph-osd' | 'radosgw',
  print: (line: string) => void,
): Promise<boolean> {
  if (findProgram(program) !== undefined) return true;
  if (process.getuid?.() !== 0) {
    print(`${program} is not installed, and only root can install it: apt-get install ${program}`);
    return false;
  }
  print(`installing ${program}`);
  try {
    await installPackage(program);
  } catch (error) {
    print(`${program} cannot be installed: ${error instanceof Error ? error.message : String(error)}`);
  }
  return findProgram(program) !== undefined;
}

async function installPackage(name: string): Promise<void> {
  const options = { environment: { DEBIAN_FRONTEND: 'noninteractive' }, limit: INSTALL_LIMIT_MS };
  await runCommand(['apt-get', 'update', '-q'], options);
  await runCommand(['apt-get', 'install', '-y', '-q', '--no-install-recommends', name], options);
}
