// The two base images of the Dockerfile, made from this machine's own files, since no test pulls an image: one with Node, npm
// and a shell, and one with nothing but the libraries that Node needs.

import { cp, mkdir, realpath, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { execPath } from 'node:process';
import { runCommand, tryCommand } from '../support/command.ts';
import { findProgram } from '../support/system-packages.ts';

export interface LocalBases {
  /** Tar files as `docker import` takes them. */
  readonly build: string;
  readonly run: string;
}

const root = join(import.meta.dirname, '../..');
const AUTHORITIES = '/etc/ssl/certs/ca-certificates.crt';

/**
 * Why they cannot be made here, for node:test's `skip`. The packages of the project have to be in npm's reach once, for the
 * build has no network: they go into the base with Node as a cache.
 */
export async function makeLocalBases(directory: string): Promise<LocalBases | string> {
  const npm = (await tryCommand(['npm', 'root', '--global'])).stdout.trim();
  const cache = join(directory, 'build/root/.npm');
  const filled =
    (await fillCache(root, join(directory, 'packages'), cache)) ??
    (await fillCache(join(root, 'deploy/image/bundler'), join(directory, 'bundler'), cache));
  if (filled !== undefined) return `npm cannot get the packages: ${filled}`;
  const build = join(directory, 'build');
  const run = join(directory, 'run');
  for (const base of [build, run]) await addLibraries(base);
  await cp(join(npm, 'npm'), join(build, 'usr/local/lib/node_modules/npm'), { recursive: true });
  await mkdir(join(build, 'usr/local/bin'), { recursive: true });
  await cp(execPath, join(build, 'usr/local/bin/node'));
  await symlink('../lib/node_modules/npm/bin/npm-cli.js', join(build, 'usr/local/bin/npm'));
  await addShell(build);
  await writeFile(join(build, 'root/.npmrc'), 'offline=true\ncache=/root/.npm\n');
  return { build: await archive(build), run: await archive(run) };
}

/** Installs what `from` names once with the cache; resolves to why that failed, if it did. */
async function fillCache(from: string, folder: string, cache: string): Promise<string | undefined> {
  await mkdir(folder);
  for (const name of ['package.json', 'package-lock.json']) await cp(join(from, name), join(folder, name));
  const words = ['ci', '--omit=dev', '--ignore-scripts', '--no-audit', '--no-fund', '--cache', cache];
  const { code, stderr } = await tryCommand(['npm', ...words], { directory: folder });
  return code === 0
    ? undefined
    : (stderr.split('\n').find((line) => line.includes('error')) ?? `ended with ${code}`);
}

/** The loader and libraries of this machine's Node, at their places; name resolution; authorities; a user list. */
async function addLibraries(base: string): Promise<void> {
  const { stdout } = await runCommand(['ldd', execPath]);
  const libraries = [...stdout.matchAll(/(\/[^\s]+)\s+\(0x/g)].map(([, path = '']) => path);
  for (const library of libraries) await copyFile(library, base);
  const folder = dirname(libraries.find((path) => path.includes('libc.so')) ?? '/lib/x');
  for (const name of ['libnss_files.so.2', 'libnss_dns.so.2', 'libresolv.so.2']) {
    await copyFile(join(folder, name), base).catch(() => undefined);
  }
  await copyFile(AUTHORITIES, base);
  await mkdir(join(base, 'tmp'), { mode: 0o1777 });
  await writeFile(join(base, 'etc/passwd'), 'root:x:0:0:root:/root:/sbin/nologin\n');
}

async function addShell(base: string): Promise<void> {
  await mkdir(join(base, 'bin'), { recursive: true });
  await mkdir(join(base, 'usr/bin'), { recursive: true });
  await cp(findProgram('busybox') ?? '/bin/busybox', join(base, 'bin/busybox'));
  for (const applet of ['sh', 'mkdir', 'cp', 'find', 'head', 'chmod', 'ln', 'rm']) {
    await symlink('busybox', join(base, 'bin', applet));
  }
  await symlink('/bin/busybox', join(base, 'usr/bin/env'));
}

async function copyFile(file: string, base: string): Promise<void> {
  await mkdir(join(base, dirname(file)), { recursive: true });
  await cp(await realpath(file), join(base, file));
}

async function archive(base: string): Promise<string> {
  await runCommand(['tar', '--create', '--file', `${base}.tar`, '--directory', base, '.']);
  return `${base}.tar`;
}
