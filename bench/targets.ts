// What is measured: our registry and Debian's docker-registry on fresh places in one store, with the same configuration file,
// any registry that runs already, and the store itself where it is a bucket.
import { tmpdir } from 'node:os';
import {
  type RegistryOptions,
  type Service,
  startBerth,
  startDockerRegistry,
} from '../test/support/service.ts';
import type { RunningRegistry } from './options.ts';
import type { BucketAddress, Store } from './stores/store.ts';

export interface Target {
  readonly name: string;
  readonly url: string;
  readonly pid: number | undefined;
  /** On the file system that takes what is pushed, if the registry is ours to start; else any. */
  readonly directory: string;
  /** What the AWS SDK is measured on, alone. There is no registry then, and `url` is the store's. */
  readonly bucket?: BucketAddress;
  /** Removes blobs behind its back, if the registry is ours to start. */
  readonly discardBlobs?: (digests: readonly string[]) => Promise<void>;
  /** What it printed so far, if it is ours to start. */
  readonly output?: () => string;
}

export interface Targets extends AsyncDisposable {
  /** Ours first. */
  readonly all: readonly Target[];
}

export interface TargetOptions {
  readonly store: Store;
  readonly withDockerRegistry: boolean;
  readonly against: readonly RunningRegistry[];
  /** Where the profiles of ours go; none are made if absent. */
  readonly profileDirectory: string | undefined;
}

// The `registry` image's own configuration has the cache. Logs are off so that writing and reading them is not measured.
const log = { level: 'error', accesslog: { disabled: true } };
const cache = { blobdescriptor: 'inmemory' };

// The store is on this machine, without TLS; but with this set, docker-registry ends at its start.
const withoutBundle = { AWS_CA_BUNDLE: undefined };

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
    const { storage, directory, discardBlobs } = await options.store.createPlace(name);
    const configuration = { log, storage: { ...storage, cache } };
    const service = await startRegistry({ directory, configuration, environment });
    services.push(service);
    all.push({ name, url: service.url, pid: service.pid, directory, discardBlobs, output: service.output });
  };
  try {
    await start('berth', startBerth, profileEnvironment(options.profileDirectory));
    if (options.withDockerRegistry) await start('docker-registry', startDockerRegistry, withoutBundle);
    const bare = await options.store.createBarePlace?.();
    if (bare !== undefined) {
      const { address, ...place } = bare;
      all.push({ name: 'AWS SDK', url: address.endpoint, pid: undefined, bucket: address, ...place });
    }
  } catch (error) {
    await stop();
    throw error;
  }
  all.push(...options.against.map((registry) => ({ ...registry, directory: tmpdir() })));
  return { all, [Symbol.asyncDispose]: stop };
}

function profileEnvironment(directory: string | undefined): NodeJS.ProcessEnv {
  if (directory === undefined) return {};
  return { NODE_OPTIONS: `--cpu-prof --cpu-prof-dir=${directory}` };
}
