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
import type { BucketAddress, Place, Store } from './stores/store.ts';

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
  /** Its twin with accounts, if one was asked for. */
  readonly guarded?: GuardedRegistry;
  /** Starts one more of the same, on a place that is the same each time, if the registry is ours to start. */
  readonly startAnother?: () => Promise<Service>;
  /** What it printed so far, if it is ours to start. */
  readonly output?: () => string;
}

/** A second server of the same registry on a place of its own, that asks who is there. */
export interface GuardedRegistry {
  readonly url: string;
  readonly pid: number;
  /** Of an account. */
  readonly name: string;
  readonly password: string;
}

export interface Targets extends AsyncDisposable {
  /** Ours first. */
  readonly all: readonly Target[];
}

export interface TargetOptions {
  readonly store: Store;
  readonly withDockerRegistry: boolean;
  /** Whether ours gets a twin that asks for a login. */
  readonly withLogin: boolean;
  /** Whether ours waits for no disk. */
  readonly relaxed: boolean;
  readonly against: readonly RunningRegistry[];
  /** Where the profiles of ours go; none are made if absent. */
  readonly profileDirectory: string | undefined;
}

// The `registry` image's own configuration has the cache. Logs are off so that writing and reading them is not measured.
const log = { level: 'error', accesslog: { disabled: true } };
const cache = { blobdescriptor: 'inmemory' };

// Everybody may push, so that both twins are filled in the same way. A token that comes is looked at all the same.
const auth = {
  berth: {},
  policy: { rules: [{ repositories: ['bench/**'], for: ['everyone'], actions: ['all'] }] },
};

// The store is on this machine, without TLS; but with this set, docker-registry ends at its start.
const withoutBundle = { AWS_CA_BUNDLE: undefined };

/** What a start is measured to, in milliseconds. */
const LOOK_EVERY_MS = 2;

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
    guarded?: GuardedRegistry,
    relaxed = false,
  ) => {
    const place = await options.store.createPlace(name);
    const another = await options.store.createPlace(`${name}-another`);
    const settings = (where: Place) => {
      const driver = relaxed ? { filesystem: { rootdirectory: where.directory, durability: 'relaxed' } } : {};
      return {
        directory: where.directory,
        configuration: { log, storage: { ...where.storage, ...driver, cache } },
        environment,
      };
    };
    const service = await startRegistry(settings(place));
    services.push(service);
    all.push({
      name,
      url: service.url,
      pid: service.pid,
      directory: place.directory,
      discardBlobs: place.discardBlobs,
      startAnother: () => startRegistry({ ...settings(another), lookEveryMs: LOOK_EVERY_MS }),
      output: service.output,
      ...(guarded && { guarded }),
    });
  };
  const startGuarded = async (environment: NodeJS.ProcessEnv): Promise<GuardedRegistry> => {
    const { storage, directory } = await options.store.createPlace('berth-with-accounts');
    const service = await startBerth({ directory, configuration: { log, storage, auth }, environment });
    services.push(service);
    return { url: service.url, pid: service.pid, ...readFirstLogin(service.output()) };
  };
  try {
    const profiled = profileEnvironment(options.profileDirectory);
    const guarded = options.withLogin ? await startGuarded(profiled) : undefined;
    await start(options.relaxed ? 'berth-relaxed' : 'berth', startBerth, profiled, guarded, options.relaxed);
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

/** The account that a server prints at its first start. */
function readFirstLogin(output: string): Pick<GuardedRegistry, 'name' | 'password'> {
  const [, name, password] = /docker login -u (\S+) -p (\S+)/.exec(output) ?? [];
  if (name === undefined || password === undefined) throw new Error(`no first login was printed:\n${output}`);
  return { name, password };
}
