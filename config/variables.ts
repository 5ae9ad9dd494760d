// Which variables of an environment are settings, in which order they count, and what a mistyped one was meant to be.
import { type KnownSection, listKeys } from './known-keys.ts';
import { nearest } from './nearest.ts';

export type Environment = Readonly<Record<string, string | undefined>>;

const PREFIX = 'REGISTRY_';

/** Not settings: where the file is, and the version, which the image does not let a variable change either. */
const OTHER_VARIABLES = new Set(['REGISTRY_CONFIGURATION_PATH', 'REGISTRY_VERSION']);

/** What Kubernetes and docker links set for a service called `registry` or `registry-…`. No setting ends like this. */
const SERVICE_LINK =
  /^REGISTRY_(?:.*_)?(?:SERVICE_HOST|SERVICE_PORT(?:_.*)?|PORT(?:_\d+_(?:TCP|UDP|SCTP)(?:_(?:PROTO|PORT|ADDR))?)?)$/;
const DOCKER_LINK = /^REGISTRY_(?:\d+_)?(?:NAME|ENV_.*)$/;

/** The path of the configuration file that the environment names, if it does. */
export function configurationPath(environment: Environment): string | undefined {
  return environment['REGISTRY_CONFIGURATION_PATH'] || undefined;
}

/** The REGISTRY_* variables that may be settings, parents first; `_2_` before `_10_`. */
export function settingVariables(environment: Environment): [string, string][] {
  const named = Object.entries(environment).filter(
    (entry): entry is [string, string] =>
      entry[0].startsWith(PREFIX) &&
      entry[1] !== undefined &&
      !OTHER_VARIABLES.has(entry[0]) &&
      !SERVICE_LINK.test(entry[0]) &&
      !DOCKER_LINK.test(entry[0]),
  );
  const sortable = named.map((entry) => ({ entry, parts: entry[0].split('_') }));
  return sortable.sort((a, b) => compareParts(a.parts, b.parts)).map(({ entry }) => entry);
}

/** `['HTTP', 'ADDR']` for `REGISTRY_HTTP_ADDR`. Version 3.0 of the image wants `REDIS_OPTIONS_ADDRS` for `redis.addrs`. */
export function splitName(name: string): readonly string[] {
  return name
    .slice(PREFIX.length)
    .replace(/^REDIS_OPTIONS_/, 'REDIS_')
    .split('_');
}

/** What is said about a variable that is not a setting. */
export function describeUnknownVariable(name: string, known: KnownSection): string {
  const names = listKeys(known).map(
    (key) => `${PREFIX}${key.replaceAll('[]', '.0').replaceAll('.', '_').toUpperCase()}`,
  );
  const near = nearest(name.replace(/_\d+(?=_|$)/g, '_0'), names);
  return `not a setting, ignored${near === undefined ? '' : `; did you mean ${near}?`}`;
}

function compareParts(a: readonly string[], b: readonly string[]): number {
  for (const [index, part] of a.entries()) {
    const other = b[index];
    if (other === undefined) return 1;
    if (part === other) continue;
    const numeric = /^\d+$/.test(part) && /^\d+$/.test(other) ? Number(part) - Number(other) : 0;
    return numeric !== 0 ? numeric : part < other ? -1 : 1;
  }
  return a.length - b.length;
}
