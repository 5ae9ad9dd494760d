// A docker daemon with bridge networks and published ports, in a network of its own: the machine's firewall stays as it is,
// and every port is free. What is to be reached from the test is reached through the daemon.
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type CommandResult, runCommand, tryCommand } from '../support/command.ts';
import { startContainerd } from '../support/containerd.ts';
import { type Cleaner, inReverse, privateDirectory, startDaemon } from '../support/processes.ts';
import { findProgram } from '../support/system-packages.ts';

export interface BridgedDocker {
  /** Runs `docker`, which has to succeed. */
  docker(...parameters: readonly string[]): Promise<CommandResult>;
  /** Runs `docker`, which may fail. */
  tryDocker(...parameters: readonly string[]): Promise<CommandResult>;
  /** Runs any program in the network of the daemon, where the published ports are on 127.0.0.1. */
  inNetwork(...command: readonly string[]): Promise<CommandResult>;
  /** What to put in front of a command that is to run there. */
  readonly enter: readonly string[];
  /** What docker finds the daemon with, and ctr its containerd. */
  readonly environment: NodeJS.ProcessEnv;
}

/** Needs root, unshare, nsenter and ip. */
export async function startBridgedDocker(cleaner: Cleaner): Promise<BridgedDocker> {
  const reversed = inReverse(cleaner);
  const directory = await privateDirectory('bridged-docker', reversed);
  const containerd = await startContainerd(reversed);
  const path = (name: string) => join(directory, name);
  const socket = `unix://${path('docker.sock')}`;
  await mkdir(path('home'));
  await writeFile(path('daemon.json'), '{}');
  const environment = {
    HOME: path('home'),
    DOCKER_CONFIG: join(path('home'), '.docker'),
    DOCKER_HOST: socket,
    DOCKER_CONTEXT: undefined,
    DOCKER_TLS_VERIFY: undefined,
    DOCKER_BUILDKIT: '0',
    CONTAINERD_ADDRESS: containerd.address,
    CONTAINERD_SNAPSHOTTER: 'native',
  };
  const command = ['unshare', '--net', 'sh', '-c', 'ip link set lo up && exec "$@"', 'sh'];
  command.push(findProgram('dockerd') ?? 'dockerd', '--config-file', path('daemon.json'), '--host', socket);
  command.push('--containerd', containerd.address, '--data-root', path('data'), '--exec-root', path('exec'));
  command.push('--pidfile', path('pid'));
  const answers = () => runCommand(['docker', 'version'], { environment });
  const daemon = await startDaemon(command, environment, answers, reversed);
  const enter = ['nsenter', `--net=/proc/${daemon.pid}/ns/net`];
  return {
    enter,
    environment,
    docker: (...parameters) => runCommand(['docker', ...parameters], { environment }),
    tryDocker: (...parameters) => tryCommand(['docker', ...parameters], { environment }),
    inNetwork: (...words) => runCommand([...enter, ...words], { environment }),
  };
}
