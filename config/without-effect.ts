// Settings that change nothing because of what others say: worth a word, not worth stopping the start.
import type { Finding } from './problem.ts';
import type { Configuration } from './schema.ts';
import { nodeAt, originAt, type SettingNode } from './setting-tree.ts';

interface Row {
  readonly key: string;
  /** Asked when the key is given. `given` tells whether another one is. */
  readonly when: (configuration: Configuration, given: (key: string) => boolean) => boolean;
  /** Completes "without effect, since". */
  readonly reason: string;
}

const ROWS: readonly Row[] = [
  ...['s3', 's3aws'].map((name) => ({
    key: `storage.${name}.keyid`,
    when: ({ storage }: Configuration) => storage.driver.name === 's3' && !storage.driver.encrypt,
    reason: `storage.${name}.encrypt is not true`,
  })),
  ...['clientauth', 'minimumtls', 'ciphersuites'].map((name) => ({
    key: `http.tls.${name}`,
    when: ({ http }: Configuration) => http.tls === undefined,
    reason: 'http.tls.certificate is not given',
  })),
  {
    key: 'http.tls.clientauth',
    when: ({ http }) => http.tls !== undefined && http.tls.clientcas.length === 0,
    reason: 'http.tls.clientcas is not given',
  },
  {
    key: 'http.debug.prometheus.enabled',
    when: ({ http }) => http.debug.addr === undefined && http.debug.prometheus.enabled,
    reason: 'http.debug.addr is not given',
  },
  { key: 'redis.addr', when: (_, given) => given('redis.addrs'), reason: 'redis.addrs is given' },
  ...['username', 'password', 'mastername'].map((name) => ({
    key: `redis.${name}`,
    when: ({ redis }: Configuration) => redis === undefined,
    reason: 'redis.addrs is not given',
  })),
  ...['sentinelusername', 'sentinelpassword'].map((name) => ({
    key: `redis.${name}`,
    when: ({ redis }: Configuration) => redis?.mode !== 'sentinel',
    reason: 'redis.mastername is not given',
  })),
  {
    key: 'redis.db',
    when: ({ redis }) => redis?.mode === 'cluster' && redis.db !== 0,
    reason: 'a cluster has only one database',
  },
];

/** Looks through a tree of checked keys and the configuration that was made of it. */
export function findWithoutEffect(tree: SettingNode, configuration: Configuration): readonly Finding[] {
  const given = (key: string) => isGiven(nodeAt(tree, key.split('.')));
  return ROWS.filter(({ key, when }) => given(key) && when(configuration, given)).map(({ key, reason }) => ({
    key,
    origin: originAt(tree, key.split('.')),
    text: `without effect, since ${reason}`,
  }));
}

function isGiven(node: SettingNode | undefined): boolean {
  return node?.kind === 'text' || (node?.kind === 'list' && node.items.length > 0);
}
