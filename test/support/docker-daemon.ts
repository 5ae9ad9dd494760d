// A docker daemon of the test's own: nothing of it touches the daemon, images, networks or settings that the user has.
import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type CommandResult, runCommand, tryCommand } from './command.ts';
import { startContainerd } from './containerd.ts';
import { type Cleaner, inReverse, privateDirectory, startDaemon } from './processes.ts';
import { findProgram, type Program } from './system-packages.ts';

export interface DockerDaemon {
  /** What the programs run with: the address of the daemon, and settings of the test's own. */
  readonly environment: NodeJS.ProcessEnv;
  /** Where `docker login` keeps what it was told. */
  readonly loginFile: string;
  /** Runs `docker`, which has to succeed. */
  docker(...parameters: readonly string[]): Promise<CommandResult>;
  /** Runs `docker`, which may fail. */
  tryDocker(...parameters: readonly string[]): Promise<CommandResult>;
}

export interface DockerDaemonOptions {
  /**
   * A directory to be found as /etc/docker/certs.d, by the daemon alone: docker looks for the certificates of registries
   * nowhere else. Containers do not start then, since what the daemon mounts is its own too.
   */
  readonly certificates?: string;
}

export const dockerPrograms: readonly Program[] = [
  'docker',
  'dockerd',
  'containerd',
  'ctr',
  'runc',
  'busybox',
];

/**
 * Starts dockerd with its own containerd. Registries on 127.0.0.0/8 need no TLS, by docker's own rule. There is no bridge
 * network, since making one changes the machine's firewall: containers use `--network host`. Needs root.
 */
export async function startDockerDaemon(
  cleaner: Cleaner,
  { certificates }: DockerDaemonOptions = {},
): Promise<DockerDaemon> {
  const reversed = inReverse(cleaner);
  const directory = await privateDirectory('docker', reversed);
  const containerd = await startContainerd(reversed);
  const home = join(directory, 'home');
  const socket = `unix://${join(directory, 'docker.sock')}`;
  const configuration = join(directory, 'daemon.json');
  await mkdir(home);
  await writeFile(configuration, '{}');

  const environment = {
    HOME: home,
    DOCKER_CONFIG: join(home, '.docker'),
    DOCKER_HOST: socket,
    DOCKER_CONTEXT: undefined,
    DOCKER_TLS_VERIFY: undefined,
    // The builder that dockerd itself holds: BuildKit's needs a plug-in that Debian does not bring.
    DOCKER_BUILDKIT: '0',
  };
  const command = [findProgram('dockerd') ?? 'dockerd', '--config-file', configuration, '--host', socket];
  command.push('--containerd', containerd.address, '--data-root', join(directory, 'data'));
  command.push('--exec-root', join(directory, 'exec'), '--pidfile', join(directory, 'pid'));
  command.push(
    '--bridge=none',
    '--iptables=false',
    '--ip6tables=false',
    '--ip-forward=false',
    '--ip-masq=false',
  );
  if (certificates !== undefined) command.unshift(...(await inNamespace(reversed, certificates)));
  await startDaemon(command, environment, () => runCommand(['docker', 'version'], { environment }), reversed);
  return {
    environment,
    loginFile: join(environment.DOCKER_CONFIG, 'config.json'),
    docker: (...parameters) => runCommand(['docker', ...parameters], { environment }),
    tryDocker: (...parameters) => tryCommand(['docker', ...parameters], { environment }),
  };
}

/** What to put in front of a command that is to find the directory as /etc/docker/certs.d. */
async function inNamespace(cleaner: Cleaner, certificates: string): Promise<readonly string[]> {
  const settings = await privateDirectory('etc-docker', cleaner);
  await symlink(certificates, join(settings, 'certs.d'));
  await mkdir('/etc/docker', { recursive: true });
  const script = 'mount --bind "$1" /etc/docker && shift && exec "$@"';
  return ['unshare', '--mount', 'sh', '-c', script, 'sh', settings];
}
