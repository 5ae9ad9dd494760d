// Several replicas of the server on one store, with a Redis of their own and nginx in front of them.

import { type Nginx, startNginx } from './nginx.ts';
import { type Cleaner, childrenOf, inReverse } from './processes.ts';
import { type RedisServer, startRedisServer } from './redis-server.ts';

import { createRegistryClient, type RegistryClient } from './registry-client.ts';
import { freePort, type RegistryOptions, type Service, startBerth } from './service.ts';
import type { Program } from './system-packages.ts';

export interface ReplicasOptions {
  /** The driver in the `storage` section of each replica: see shared-store.ts. */
  readonly storage: object;
  /** @default 2 */
  readonly count?: number;
  /** Further sections of the configuration; `storage` is merged with the driver. */
  readonly configuration?: RegistryOptions['configuration'];
}

export interface Replicas {
  /** The balancer, which is what clients know. */
  readonly nginx: Nginx;
  /** `127.0.0.1:<port>` of the balancer, as it stands in front of an image's name. */
  readonly host: string;
  /** A client of the balancer. */
  readonly balanced: RegistryClient;
  readonly redis: RedisServer;
  readonly count: number;
  /** A client of one replica, counted from 0. */
  at(replica: number): RegistryClient;
  service(replica: number): Service;
  /** `kill -9`. */
  kill(replica: number): Promise<void>;
  /** Starts a replica that was killed again, on its port. */
  revive(replica: number): Promise<void>;
  /** Lets all processes of a replica stand still; gives what lets them go on. */
  standStill(replica: number): Promise<() => void>;
}

export const replicaPrograms: readonly Program[] = ['nginx', 'redis-server'];

/** Starts everything; it is stopped at the end of the test. Deletes are enabled. */
export async function startReplicas(cleaner: Cleaner, options: ReplicasOptions): Promise<Replicas> {
  const { storage: driver, count = 2, configuration = {} } = options;
  const orderly = inReverse(cleaner);
  const redis = await startRedisServer(orderly);
  const ports = await Promise.all(Array.from({ length: count }, freePort));
  const start = (port: number) =>
    startBerth({
      port,
      directory: '',
      configuration: {
        redis: { addr: `127.0.0.1:${redis.port}` },
        ...configuration,
        storage: {
          delete: { enabled: true },
          filesystem: undefined,
          ...driver,
          ...configuration['storage'],
        },
      },
    });
  const services = await Promise.all(ports.map(start));
  orderly.after(async () => {
    await Promise.all(services.map((service) => service.stop('SIGKILL')));
  });
  const nginx = await startNginx(ports, orderly);
  const serviceOf = (replica: number): Service => {
    const service = services[replica];
    if (service === undefined) throw new RangeError(`there is no replica ${replica}`);
    return service;
  };
  return {
    nginx,
    host: `127.0.0.1:${nginx.port}`,
    balanced: createRegistryClient(nginx.url),
    redis,
    count,
    at: (replica) => createRegistryClient(serviceOf(replica).url),
    service: serviceOf,
    kill: async (replica) => void (await serviceOf(replica).stop('SIGKILL')),
    async standStill(replica) {
      const { pid } = serviceOf(replica);
      const pids = [pid, ...(await childrenOf(pid))];
      const signal = (name: NodeJS.Signals) => {
        for (const each of pids) process.kill(each, name);
      };
      signal('SIGSTOP');
      return () => signal('SIGCONT');
    },
    async revive(replica) {
      services[replica] = await start(serviceOf(replica).port);
    },
  };
}
