// The keys of the `registry` image that are not settings here, and what is said when a file has one. A key that changes who
// may do what, where the data is or what is encrypted stops the start; one whose absence harms nobody is a warning.

export interface NotOffered {
  /** The key, and everything below it. */
  readonly key: string;
  /** `accepted`: means nothing here, and nothing needs to be said. */
  readonly effect: 'error' | 'warning' | 'accepted';
  /**
   * When the row applies. `named`: as soon as the key is there. `set`: when anything below it has a value.
   * `on`: unless it says false. Otherwise: when it has that value.
   */
  readonly when: 'named' | 'set' | 'on' | { readonly value: string };
  /** Completes "not offered yet by Berth;" (errors) or "not offered by Berth and without effect;" (warnings). */
  readonly advice: string;
}

/** How the image's client keeps its connections: `pool` in version 2, the others in version 3. */
const REDIS_CONNECTION_KEYS = [
  'pool',
  'poolfifo',
  'poolsize',
  'pooltimeout',
  'minidleconns',
  'maxidleconns',
  'maxactiveconns',
  'maxconcurrentdials',
  'connmaxidletime',
  'connmaxlifetime',
  'connmaxlifetimejitter',
  'clientname',
  'protocol',
  'minretrybackoff',
  'maxretrybackoff',
  'dialerretries',
  'dialerretrytimeout',
  'contexttimeoutenabled',
  'readbuffersize',
  'writebuffersize',
  'maxredirects',
  'failingtimeoutseconds',
  'disableidentity',
  'disableindentity',
  'identitysuffix',
  'unstableresp3',
];

export const NOT_OFFERED: readonly NotOffered[] = [
  ...['gcs', 'azure', 'oss', 'swift'].map((driver) =>
    refused(`storage.${driver}`, 'named', 'the storage drivers are filesystem, s3 and inmemory'),
  ),
  accepted('storage.s3.loglevel'),
  accepted('storage.s3aws.loglevel'),
  refused('proxy.remoteurl', 'set', 'the server would be empty instead of a cache of another one'),
  ...['username', 'password', 'exec', 'ttl', 'cachewritetimeout'].map((name) => accepted(`proxy.${name}`)),
  refused('policy.repository.classes', 'set', 'images that it keeps out would be taken'),

  harmless('log.hooks', 'set', 'mail is not sent'),
  harmless('log.reportcaller', 'on', 'log lines do not name the place in the source'),
  harmless(
    'storage.filesystem.maxthreads',
    'set',
    'the number of file operations at a time is not a setting',
  ),
  harmless('storage.cache.blobdescriptor', { value: 'redis' }, 'nothing is cached in Redis'),
  harmless('storage.cache.layerinfo', { value: 'redis' }, 'nothing is cached in Redis'),
  accepted('storage.cache.blobdescriptorsize'),
  harmless(
    'middleware',
    'set',
    'clients get content from the server, or from the store under storage.s3.redirectendpoint',
  ),
  harmless('reporting', 'set', 'errors are in the log'),
  refused('redis.tlsconfig', 'set', 'the connection would go unencrypted; use redis.tls'),
  harmless('redis.tls.clientcas', 'set', 'the certificate of Redis is checked with redis.tls.rootcas'),
  ...['readonly', 'routebylatency', 'routerandomly'].map((name) =>
    harmless(`redis.${name}`, 'on', 'what is read must be what was written last, so replicas are not asked'),
  ),
  ...REDIS_CONNECTION_KEYS.map((name) => accepted(`redis.${name}`)),
  harmless('compatibility', 'set', 'manifests of schema version 1 are not taken'),
  harmless('validation.enabled', 'set', 'validation is on unless validation.disabled is true'),
];

function refused(key: string, when: NotOffered['when'], advice: string): NotOffered {
  return { key, effect: 'error', when, advice };
}

function harmless(key: string, when: NotOffered['when'], advice: string): NotOffered {
  return { key, effect: 'warning', when, advice };
}

function accepted(key: string): NotOffered {
  return { key, effect: 'accepted', when: 'set', advice: '' };
}
