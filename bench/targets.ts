// The registries that are measured: ours and Debian's docker-registry on fresh directories of one file system, with the
// same configuration file, and any that runs already.
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import {
  type RegistryOptions,
  type Service,
  startBerth,
  startDockerRegistry,
} from '../test/support/service.ts';
import type { RunningRegistry } from './options.ts';

export interface Target {
  readonly name: string;
  readonly url: string;
  readonly pid: number | undefined;
  /** The storage root; undefined if the registry is not ours to start. */
  readonly directory: string | undefined;
  /** What it printed so far, if it is ours to start. */
  readonly output?: () => string;
}

export interface Targets extends AsyncDisposable {
  /** Ours first. */
  readonly all: readonly Target[];
}

export interface TargetOptions {
  /** An empty directory that takes the storage of all registries. */
  readonly directory: string;
  readonly withDockerRegistry: boolean;
  readonly against: readonly RunningRegistry[];
  /** Where the profiles of ours go; none are made if absent. */
  readonly profileDirectory: string | undefined;
}

// The `registry` image's own configuration has the cache. Logs are off so that writing and reading them is not measured.
const configuration = {
  log: { level: 'error', accesslog: { disabled: true } },
  storage: { cache: { blobdescriptor: 'inmemory' } },
};

/** Starts them one after the other; what was started is stopped again if one does not start. */
export async function startTargets(options: TargetOptions): Promise<Targets> {
  const services: Service[] = [];
  const all: Target[] = [];
  const stop = async () => {
    await Promise.all(services.map((service) => service.stop()));
  };
  const start = async (
    name: string,
    startRegistry: (options: RegistryOptions) => Promise<Service>,
    environment: NodeJS.ProcessEnv = {},
  ) => {
    const directory = join(options.directory, name);
    await mkdir(directory);
    const service = await startRegistry({ directory, configuration, environment });
    services.push(service);
    all.push({ name, url: service.url, pid: service.pid, directory, output: service.output });
  };
  try {
    await start('berth', startBerth, profileEnvironment(options.profileDirectory));
    if (options.withDockerRegistry) await start('docker-registry', startDockerRegistry);
  } catch (error) {
    await stop();
    throw error;
  }
  all.push(...options.against.map((registry) => ({ ...registry, directory: undefined })));
  return { all, [Symbol.asyncDispose]: stop };
}

function profileEnvironment(directory: string | undefined): NodeJS.ProcessEnv {
  if (directory === undefined) return {};
  return { NODE_OPTIONS: `--cpu-prof --cpu-prof-dir=${directory}` };
}
