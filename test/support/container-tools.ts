// podman, buildah and skopeo with storage, home and configuration of the test's own.
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type CommandResult, runCommand, tryCommand } from './command.ts';
import { type Cleaner, inReverse, privateDirectory } from './processes.ts';
import type { Program } from './system-packages.ts';

export interface ContainerTools {
  /** Where the tools keep everything, and where a test may put its files. */
  readonly directory: string;
  /** How each program is called, before its own words. */
  readonly commands: { readonly [program in 'podman' | 'buildah' | 'skopeo']: readonly string[] };
  readonly environment: NodeJS.ProcessEnv;
  /** Where logins are kept. */
  readonly loginFile: string;
  /** Each runs the program, which has to succeed. */
  podman(...parameters: readonly string[]): Promise<CommandResult>;
  buildah(...parameters: readonly string[]): Promise<CommandResult>;
  skopeo(...parameters: readonly string[]): Promise<CommandResult>;
  /** Runs skopeo, which may fail. */
  trySkopeo(...parameters: readonly string[]): Promise<CommandResult>;
}

export const podmanPrograms: readonly Program[] = ['podman', 'crun'];

/** `vfs` works on every file system, also inside a container; its images are copies, so keep them small. */
const STORAGE_DRIVER = 'vfs';

export async function createContainerTools(cleaner: Cleaner): Promise<ContainerTools> {
  const directory = await privateDirectory('tools', inReverse(cleaner));
  const path = (...names: string[]) => join(directory, ...names);
  const configuration = path('home', '.config', 'containers');
  await mkdir(configuration, { recursive: true });
  await mkdir(path('runtime'), { mode: 0o700 });
  await writeFile(join(configuration, 'policy.json'), '{"default": [{"type": "insecureAcceptAnything"}]}');
  await writeFile(join(configuration, 'registries.conf'), 'unqualified-search-registries = []\n');
  await writeFile(join(configuration, 'containers.conf'), containersConfiguration(path('libpod')));
  await writeFile(
    join(configuration, 'storage.conf'),
    `[storage]\ndriver = "${STORAGE_DRIVER}"\ngraphroot = "${path('graph')}"\nrunroot = "${path('run')}"\n`,
  );
  const environment = {
    HOME: path('home'),
    DOCKER_CONFIG: path('home', '.docker'),
    XDG_CONFIG_HOME: path('home', '.config'),
    XDG_DATA_HOME: path('home', '.local', 'share'),
    XDG_RUNTIME_DIR: path('runtime'),
    CONTAINERS_CONF: join(configuration, 'containers.conf'),
    CONTAINERS_REGISTRIES_CONF: join(configuration, 'registries.conf'),
    CONTAINERS_STORAGE_CONF: join(configuration, 'storage.conf'),
    REGISTRY_AUTH_FILE: path('home', 'auth.json'),
  };
  await writeFile(environment.REGISTRY_AUTH_FILE, '{}');
  const storage = ['--root', path('graph'), '--runroot', path('run'), '--storage-driver', STORAGE_DRIVER];
  const podman = ['podman', ...storage, '--tmpdir', path('libpod'), '--cgroup-manager', 'cgroupfs'];
  const buildah = ['buildah', ...storage];
  return {
    directory,
    commands: { podman, buildah, skopeo: ['skopeo'] },
    environment,
    loginFile: environment.REGISTRY_AUTH_FILE,
    podman: (...parameters) => runCommand([...podman, ...parameters], { environment }),
    buildah: (...parameters) => runCommand([...buildah, ...parameters], { environment }),
    skopeo: (...parameters) => runCommand(['skopeo', ...parameters], { environment }),
    trySkopeo: (...parameters) => tryCommand(['skopeo', ...parameters], { environment }),
  };
}

function containersConfiguration(temporary: string): string {
  return `
[engine]
cgroup_manager = "cgroupfs"
events_logger = "file"
runtime = "crun"
tmp_dir = "${temporary}"
`;
}
