// A containerd of the test's own, and `ctr` to talk to it.
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type CommandResult, runCommand, tryCommand } from './command.ts';
import { type Cleaner, inReverse, privateDirectory, startDaemon } from './processes.ts';
import { findProgram } from './system-packages.ts';

export interface Containerd {
  /** The path of the socket. */
  readonly address: string;
  /** Runs `ctr`, which has to succeed. */
  ctr(...parameters: readonly string[]): Promise<CommandResult>;
  /** Runs `ctr`, which may fail. */
  tryCtr(...parameters: readonly string[]): Promise<CommandResult>;
}

/** Starts a containerd that shares nothing with one the machine may have. Needs root. */
export async function startContainerd(cleaner: Cleaner): Promise<Containerd> {
  const reversed = inReverse(cleaner);
  const directory = await privateDirectory('containerd', reversed);
  const address = join(directory, 'containerd.sock');
  const configuration = join(directory, 'config.toml');
  await writeFile(configuration, configurationBelow(directory, address));
  const ctr = ['ctr', '--address', address];
  await startDaemon(
    [findProgram('containerd') ?? 'containerd', '--config', configuration],
    {},
    () => runCommand([...ctr, 'version']),
    reversed,
  );
  return {
    address,
    ctr: (...parameters) => runCommand([...ctr, '--namespace', 'berth-test', ...parameters]),
    tryCtr: (...parameters) => tryCommand([...ctr, '--namespace', 'berth-test', ...parameters]),
  };
}

function configurationBelow(directory: string, address: string): string {
  const path = (name: string) => JSON.stringify(join(directory, name));
  return `
version = 2
root = ${path('root')}
state = ${path('state')}
disabled_plugins = [
  "io.containerd.grpc.v1.cri",
  "io.containerd.snapshotter.v1.aufs",
  "io.containerd.snapshotter.v1.btrfs",
  "io.containerd.snapshotter.v1.devmapper",
  "io.containerd.snapshotter.v1.zfs",
]
[grpc]
address = ${JSON.stringify(address)}
[plugins."io.containerd.internal.v1.opt"]
path = ${path('opt')}
`;
}
