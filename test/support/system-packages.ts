// Which Debian package brings which program that the tests run, and how the missing ones are installed.
import { accessSync, constants, existsSync, readFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { runCommand } from './command.ts';

const packageOf = {
  buildah: 'buildah',
  busybox: 'busybox-static',
  'ceph-mon': 'ceph-mon',
  'ceph-osd': 'ceph-osd',
  containerd: 'containerd',
  crun: 'crun',
  ctr: 'containerd',
  curl: 'curl',
  docker: 'docker.io',
  'docker-compose': 'docker-compose',
  'docker-registry': 'docker-registry',
  dockerd: 'docker.io',
  'mkfs.ext4': 'e2fsprogs',
  'mkfs.xfs': 'xfsprogs',
  nginx: 'nginx-light',
  openssl: 'openssl',
  podman: 'podman',
  prometheus: 'prometheus',
  promtool: 'prometheus',
  radosgw: 'radosgw',
  'redis-server': 'redis-server',
  runc: 'runc',
  skopeo: 'skopeo',
  strace: 'strace',
  tar: 'tar',
  umount: 'mount',
  unshare: 'util-linux',
  wrk: 'wrk',
} as const;

export type Program = keyof typeof packageOf;

const SYSTEM_DIRECTORIES = ['/usr/local/sbin', '/usr/sbin', '/sbin', '/usr/bin', '/bin'];

export const allPrograms: readonly Program[] = Object.keys(packageOf).filter(isProgram);

/** Those of the programs that this machine does not have. */
export function missingPrograms(programs: readonly Program[] = allPrograms): Program[] {
  return programs.filter((program) => findProgram(program) === undefined);
}

/**
 * Why a test that runs these programs cannot run here, in words for node:test's `skip`; `false` if it can.
 * @param needs.root the test mounts file systems or starts a container daemon
 */
export function whyNotHere(programs: readonly Program[], needs: { root?: boolean } = {}): string | false {
  const missing = missingPrograms(programs);
  if (missing.length > 0) return `not installed: ${packagesFor(missing).join(', ')}`;
  if (needs.root === true && process.getuid?.() !== 0) return 'needs root';
  return false;
}

/** Where the program is. Daemons live in directories that are not on the PATH of every user. */
export function findProgram(program: Program): string | undefined {
  const directories = [...(process.env['PATH'] ?? '').split(delimiter), ...SYSTEM_DIRECTORIES];
  const found = directories.map((directory) => join(directory, program)).find(isExecutable);
  if (program === 'busybox' && found !== undefined && !isStatic(found)) return undefined;
  return found;
}

/**
 * Installs what is missing where that may be done (root on a system with apt), and otherwise names it. Never fails: the
 * tests themselves say what they could not do.
 */
export async function installMissing(say: (line: string) => void): Promise<void> {
  const packages = packagesFor(missingPrograms());
  if (packages.length === 0) return;
  const names = packages.join(' ');
  if (process.getuid?.() !== 0 || !existsSync('/usr/bin/apt-get')) {
    say(`not installed, so some tests will be skipped: ${names} (on Debian: apt-get install ${names})`);
    return;
  }
  say(`installing Debian packages that the tests need: ${names}`);
  // Offline, systemctl does not start what was installed: docker-registry would take port 5000 from `npm start`.
  const environment = { DEBIAN_FRONTEND: 'noninteractive', SYSTEMD_OFFLINE: '1' };
  try {
    await runCommand(['apt-get', 'update', '-q'], { environment });
    const install = ['apt-get', 'install', '-y', '-q', '--no-install-recommends'];
    await runCommand([...install, ...packages], { environment, limit: 900_000 });
  } catch (error) {
    say(
      `could not install them, so some tests will be skipped: ${error instanceof Error ? error.message : error}`,
    );
  }
}

function packagesFor(programs: readonly Program[]): string[] {
  return [...new Set(programs.map((program) => packageOf[program]))].sort();
}

function isProgram(name: string): name is Program {
  return Object.hasOwn(packageOf, name);
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/**
 * An image made of busybox alone has no dynamic linker, so the ordinary build of busybox is of no use in it: a static ELF
 * file has no program header of the type PT_INTERP (elf(5), 64 bits, little endian).
 */
function isStatic(file: string): boolean {
  const elf = readFileSync(file);
  const first = Number(elf.readBigUInt64LE(0x20));
  const size = elf.readUInt16LE(0x36);
  const headers = Array.from({ length: elf.readUInt16LE(0x38) }, (_, index) => first + index * size);
  return !headers.some((header) => elf.readUInt32LE(header) === 3);
}
