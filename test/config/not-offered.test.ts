import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { loadText, loadVariables, problemsOf } from './load-text.ts';

const REFUSED = {
  'storage.gcs': 'storage: gcs',
  'storage.azure': 'storage: { azure: { accountname: a } }',
  'storage.oss': 'storage: { oss: {} }',
  'storage.swift': 'storage: { swift: {} }',
  'proxy.remoteurl': 'proxy: { remoteurl: https://registry-1.docker.io }',
  'redis.tlsconfig': 'redis: { addrs: [localhost:6379], tlsconfig: { insecureskipverify: true } }',
  'policy.repository.classes': 'policy: { repository: { classes: [image] } }',
};

const WITHOUT_EFFECT = {
  'log.hooks': 'log: { hooks: [{ type: mail }] }',
  'log.reportcaller': 'log: { reportcaller: true }',
  'storage.filesystem.maxthreads': 'storage: { filesystem: { maxthreads: 100 } }',
  'storage.cache.blobdescriptor': 'storage: { cache: { blobdescriptor: redis } }',
  'storage.cache.layerinfo': 'storage: { cache: { layerinfo: redis } }',
  middleware: 'middleware: { storage: [{ name: cloudfront }] }',
  reporting: 'reporting: { bugsnag: { apikey: k } }',
  'redis.readonly': 'redis: { readonly: true }',
  'redis.routerandomly': 'redis: { addrs: [localhost:6379], routerandomly: true }',
  'redis.tls.clientcas': 'redis: { tls: { clientcas: [/ca.pem] } }',
  compatibility: 'compatibility: { schema1: { enabled: true } }',
  'validation.enabled': 'validation: { enabled: true }',
};

const ACCEPTED = [
  'storage: { cache: { blobdescriptor: inmemory, blobdescriptorsize: 10 }, redirect: { disable: "true" } }',
  'storage: { cache: { layerinfo: inmemory } }',
  'redis: { addr: "r:1", pool: { maxidle: 16, maxactive: 64, idletimeout: 300s }, tls: { enabled: false } }',
  'redis: { addrs: [r:1], maxidleconns: 16, poolsize: 64, connmaxidletime: 300s, readonly: false, tlsconfig: }',
  'auth: none',
  'auth: { none: {} }',
  'http: { http2: { disabled: true }, h2c: { enabled: false } }',
  'proxy: { username: "", ttl: 168h }',
  // Sections as templates leave them behind, with nothing in them.
  'http: { tls: { certificate: "", letsencrypt: { hosts: [] } }, debug: }\nproxy: {}\nnotifications: { endpoints: [] }',
  'redis:\nmiddleware: {}\nreporting:\npolicy: { repository: { classes: [] } }\nauth: {}',
];

describe('keys of the registry image that are not offered', () => {
  for (const [key, settings] of Object.entries(REFUSED)) {
    test(`${key} stops the start, since going on without it would be unsafe`, () => {
      const problems = problemsOf(settings);
      assert.equal(problems.length, 1);
      assert.ok(
        (problems[0] ?? '').startsWith(`${key} (config.yml:2): not offered yet by Berth; `),
        problems.join(),
      );
    });
  }

  for (const [key, settings] of Object.entries(WITHOUT_EFFECT)) {
    test(`${key} is a warning`, () => {
      const { warnings } = loadText(settings);
      assert.equal(warnings.length, 1);
      assert.ok(
        (warnings[0] ?? '').startsWith(`${key} (config.yml:2): not offered by Berth and without effect; `),
        warnings.join(),
      );
    });
  }

  test('keys that ask for nothing are accepted without a word', () => {
    for (const settings of ACCEPTED) assert.deepEqual(loadText(settings).warnings, [], settings);
  });

  test('a variable is treated like the key', () => {
    assert.match(problemsOf('', { REGISTRY_STORAGE_AZURE_MAX_RETRIES: '5' }).join(), /^storage\.azure/);
    assert.match(problemsOf('', { REGISTRY_PROXY_REMOTEURL: 'http://a' }).join(), /^proxy\.remoteurl/);
    assert.match(loadVariables({ REGISTRY_LOG_REPORTCALLER: 'true' }).warnings.join(), /^log\.reportcaller/);
  });

  test('a variable can take back what the file has', () => {
    const file = 'proxy: { remoteurl: https://registry-1.docker.io }\nhttp: { tls: { certificate: /c } }';
    assert.deepEqual(loadText(file, { REGISTRY_PROXY: '', REGISTRY_HTTP_TLS: '{}' }).warnings, []);
  });
});
