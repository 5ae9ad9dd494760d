// docker, podman, buildah, skopeo and containerd's ctr as clients that log in, push, pull and log out, all in one way.
import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { makeBaseArchive } from './base-image.ts';
import { type CommandResult, runCommand, tryCommand } from './command.ts';
import { type ContainerTools, podmanPrograms } from './container-tools.ts';
import type { Containerd } from './containerd.ts';
import { type DockerDaemon, dockerPrograms } from './docker-daemon.ts';
import { makeImage, makeIndex, writeLayout } from './sample-image.ts';
import type { Program } from './system-packages.ts';

/** What each gives may have failed: whoever calls looks at the code. */
export interface AccessClient {
  readonly name: string;
  login(user: string, secret: string): Promise<CommandResult>;
  logout(): Promise<CommandResult>;
  /** Pushes an image of the client's own. */
  push(name: string): Promise<CommandResult>;
  /** Pulls whole what is nowhere on the client's side. */
  pull(name: string): Promise<CommandResult>;
}

export const accessPrograms: readonly Program[] = [
  ...dockerPrograms,
  ...podmanPrograms,
  'buildah',
  'skopeo',
  'tar',
];

/** @param host the registry, as in front of an image's name; without TLS */
export async function createDockerClient(
  { environment, docker, tryDocker }: DockerDaemon,
  host: string,
  directory: string,
): Promise<AccessClient> {
  const folder = await mkdtemp(join(directory, 'docker-'));
  const archive = await makeBaseArchive(folder, `for ${host}\n`);
  return {
    name: 'docker',
    login: (user, secret) =>
      tryCommand(['docker', 'login', '--username', user, '--password-stdin', host], {
        environment,
        input: secret,
      }),
    logout: () => tryDocker('logout', host),
    async push(name) {
      await docker('import', '--change', `LABEL for=${name}`, archive, `${host}/${name}`);
      return tryDocker('push', `${host}/${name}`);
    },
    async pull(name) {
      await docker('image', 'prune', '--all', '--force');
      return tryDocker('pull', `${host}/${name}`);
    },
  };
}

export function succeeded({ code, stdout, stderr }: CommandResult): void {
  assert.equal(code, 0, `${stdout}${stderr}`);
}

/** Fails unless the client failed, and told its user why. */
export function refused({ code, stdout, stderr }: CommandResult, reason: RegExp = NOT_ALLOWED): void {
  assert.notEqual(code, 0, `${stdout}${stderr}`);
  assert.match(`${stdout}${stderr}`, reason);
}

/** What clients say when they are not let through: of an answer to HEAD only what its status says. */
const NOT_ALLOWED = /denied|unauthorized|authorization failed|forbidden/i;
/** What they say of a wrong name or password. */
export const WRONG_LOGIN = /unauthorized|invalid username\/password/i;

type Tool = keyof ContainerTools['commands'];

export interface ToolOptions {
  /** How TLS is to be spoken, in words of the program. @default without */
  readonly tls?: readonly string[];
}

/** podman or buildah. */
export async function createToolClient(
  program: Exclude<Tool, 'skopeo'>,
  { commands, environment, directory, buildah }: ContainerTools,
  host: string,
  { tls = ['--tls-verify=false'] }: ToolOptions = {},
): Promise<AccessClient> {
  const folder = await mkdtemp(join(directory, `${program}-`));
  await writeFile(join(folder, 'greeting'), `by ${program} for ${host}\n`);
  await writeFile(join(folder, 'Containerfile'), 'FROM scratch\nCOPY greeting /\n');
  const attempt = (...words: string[]) => tryCommand([...commands[program], ...words], { environment });
  return {
    name: program,
    login: (user, secret) => logIn(commands[program], environment, host, tls, user, secret),
    logout: () => attempt('logout', host),
    async push(name) {
      await buildah('bud', '--quiet', '--tag', `${host}/${name}`, folder);
      return attempt('push', ...tls, `${host}/${name}`);
    },
    async pull(name) {
      await runCommand([...commands.podman, 'rmi', '--all', '--force'], { environment });
      return attempt('pull', ...tls, `${host}/${name}`);
    },
  };
}

export async function createSkopeoClient(
  { commands, environment, directory }: ContainerTools,
  host: string,
  { tls = ['--tls-verify=false'] }: ToolOptions = {},
): Promise<AccessClient> {
  const folder = await mkdtemp(join(directory, 'skopeo-'));
  await writeLayout(join(folder, 'layout'), 'sample', makeIndex([makeImage(`by skopeo for ${host}`)]));
  const attempt = (...words: string[]) => tryCommand([...commands.skopeo, ...words], { environment });
  const sided = (side: 'src' | 'dest') => tls.map((word) => word.replace('--', `--${side}-`));
  return {
    name: 'skopeo',
    login: (user, secret) => logIn(commands.skopeo, environment, host, tls, user, secret),
    logout: () => attempt('logout', host),
    push: (name) =>
      attempt('copy', '--all', ...sided('dest'), `oci:${folder}/layout:sample`, `docker://${host}/${name}`),
    async pull(name) {
      const pulled = join(folder, 'pulled');
      await rm(pulled, { recursive: true, force: true });
      return attempt('copy', '--all', ...sided('src'), `docker://${host}/${name}`, `dir:${pulled}`);
    },
  };
}

/** ctr has no login: it shows the name and the secret with each command. */
export async function createCtrClient(
  { ctr, tryCtr }: Containerd,
  host: string,
  directory: string,
  { tls = ['--plain-http'] }: ToolOptions = {},
): Promise<AccessClient> {
  const folder = await mkdtemp(join(directory, 'ctr-'));
  let who: readonly string[] = [];
  let layouts = 0;
  const done: CommandResult = { code: 0, stdout: '', stderr: '' };
  const forget = (name: string) => tryCtr('images', 'remove', '--sync', `${host}/${name}`);
  return {
    name: 'ctr',
    async login(user, secret) {
      who = ['--user', `${user}:${secret}`];
      return done;
    },
    async logout() {
      who = [];
      return done;
    },
    async push(name) {
      layouts += 1;
      const layout = join(folder, `layout-${layouts}`);
      await mkdir(layout);
      await writeLayout(layout, `${host}/${name}`, makeIndex([makeImage(`by ctr as ${name}`)]));
      await runCommand(['tar', '--create', '--file', `${layout}.tar`, '--directory', layout, '.']);
      await ctr('images', 'import', '--all-platforms', '--no-unpack', `${layout}.tar`);
      const pushed = await tryCtr('images', 'push', ...tls, ...who, `${host}/${name}`);
      await forget(name);
      return pushed;
    },
    async pull(name) {
      const pulled = await tryCtr('images', 'pull', ...tls, ...who, `${host}/${name}`);
      await forget(name);
      return pulled;
    },
  };
}

function logIn(
  command: readonly string[],
  environment: NodeJS.ProcessEnv,
  host: string,
  tls: readonly string[],
  user: string,
  secret: string,
): Promise<CommandResult> {
  const words = ['login', ...tls, '--username', user, '--password-stdin', host];
  return tryCommand([...command, ...words], { environment, input: secret });
}
