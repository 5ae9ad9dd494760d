import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Configuration } from '../../config/schema.ts';
import { loadText, loadVariables, problemsOf } from './load-text.ts';

type Redis = NonNullable<Configuration['redis']>;

const DEFAULTS = {
  db: 0,
  keyprefix: 'berth:',
  dialtimeout: 5000,
  readtimeout: 3000,
  writetimeout: 3000,
  maxretries: 3,
  tls: undefined,
};
const ONE = [{ host: 'localhost', port: 6379 }];

function redisOf(settings: string): Redis {
  return given(loadText(`redis: { ${settings} }`).configuration.redis);
}

function redisOfVariables(environment: Record<string, string>): Redis {
  return given(loadVariables(environment).configuration.redis);
}

function given(redis: Configuration['redis']): Redis {
  if (redis === undefined) throw new assert.AssertionError({ message: 'there is no Redis' });
  return redis;
}

describe('Redis', () => {
  test('is not there without an address', () => {
    for (const settings of [
      '',
      'redis:',
      'redis: {}',
      'redis: { addr: "", addrs: [], db: 1, readtimeout: 1s }',
    ]) {
      const { configuration, warnings } = loadText(settings);
      assert.equal(configuration.redis, undefined);
      assert.deepEqual(warnings, []);
    }
  });

  test('has the spelling of version 2, with its pool left out', () => {
    const file = `redis:
  addr: localhost:6379
  password: "0123"
  db: 2
  dialtimeout: 2s
  readtimeout: 4s
  writetimeout: 5s
  pool: { maxidle: 16, maxactive: 64, idletimeout: 300s }
  tls: { enabled: true }`;
    const { configuration, warnings } = loadText(file);
    assert.deepEqual(configuration.redis, {
      ...DEFAULTS,
      addresses: ONE,
      mode: 'single',
      password: '0123',
      db: 2,
      dialtimeout: 2000,
      readtimeout: 4000,
      writetimeout: 5000,
      tls: { rootcas: [] },
    });
    assert.deepEqual(warnings, []);
  });

  test('has the spelling of version 3, with its pool left out', () => {
    const file = `redis:
  tls: { certificate: /c.crt, key: /k.pem, rootcas: [/ca.pem] }
  addrs: [localhost:6379]
  username: alice
  password: asecret
  db: 1
  maxretries: 5
  maxidleconns: 16
  poolsize: 64
  connmaxidletime: 300s
  keyprefix: "team:"`;
    const { configuration, warnings } = loadText(file);
    assert.deepEqual(configuration.redis, {
      ...DEFAULTS,
      addresses: ONE,
      mode: 'single',
      username: 'alice',
      password: 'asecret',
      db: 1,
      maxretries: 5,
      keyprefix: 'team:',
      tls: { certificate: '/c.crt', key: '/k.pem', rootcas: ['/ca.pem'] },
    });
    assert.deepEqual(warnings, []);
  });

  test('is a cluster with more than one address, or when it is said to be', () => {
    const { addresses, mode } = redisOf('addrs: [a:1, "[::1]:2"]');
    assert.deepEqual(addresses, [
      { host: 'a', port: 1 },
      { host: '::1', port: 2 },
    ]);
    assert.equal(mode, 'cluster');
    assert.equal(redisOf('addrs: [a:1], isclustermode: true').mode, 'cluster');
    assert.equal(redisOf('addrs: [a:1]').mode, 'single');
  });

  test('is behind sentinels when it has a name there, with one address or with more', () => {
    for (const addrs of ['[a:26379]', '[a:26379, b:26379]']) {
      const redis = redisOf(
        `addrs: ${addrs}, mastername: m, sentinelusername: u, sentinelpassword: p, isclustermode: true`,
      );
      assert.equal(redis.mode, 'sentinel');
      assert.equal(redis.mastername, 'm');
      assert.equal(redis.sentinelusername, 'u');
      assert.equal(redis.sentinelpassword, 'p');
    }
  });

  test('is given a second at least, and the defaults for 0', () => {
    assert.equal(redisOf('addrs: [a:1], readtimeout: 10ms').readtimeout, 1000);
    assert.equal(redisOf('addrs: [a:1], readtimeout: 1500ms').readtimeout, 1500);
    assert.equal(redisOf('addrs: [a:1], dialtimeout: 0').dialtimeout, 5000);
    assert.equal(redisOf('addrs: [a:1], writetimeout: 2000h').writetimeout, 2 ** 31 - 1);
  });

  test('is tried again as often as go-redis does', () => {
    for (const [written, read] of [
      [0, 3],
      [-1, 0],
      [1, 1],
    ])
      assert.equal(redisOf(`addrs: [a:1], maxretries: ${written}`).maxretries, read);
    assert.equal(problemsOf('redis: { addrs: [a:1], maxretries: -2 }').length, 1);
  });

  test('is reached by TLS when that is said, or when there are files for it', () => {
    assert.equal(redisOf('addr: "a:1", tls: { enabled: false }').tls, undefined);
    assert.deepEqual(redisOf('addr: "a:1", tls: { enabled: true }').tls, { rootcas: [] });
    assert.deepEqual(redisOf('addr: "a:1", tls: { rootcas: [/ca] }').tls, { rootcas: ['/ca'] });
    assert.deepEqual(redisOf('addr: "a:1", tls: { certificate: /c, key: /k }').tls, {
      certificate: '/c',
      key: '/k',
      rootcas: [],
    });
  });
});

describe('problems of Redis', () => {
  test('an address is host and port', () => {
    for (const addr of [
      'localhost',
      ':6379',
      'a:0',
      'redis://a:6379',
      '/run/redis.sock',
      'a:1,b:2',
      'a:99999',
    ])
      assert.deepEqual(problemsOf(`redis: { addrs: ["${addr}"], addr: "${addr}" }`), [
        'redis.addrs[0] (config.yml:2): must be host:port',
        'redis.addr (config.yml:2): must be host:port',
      ]);
  });

  test('TLS is not half given and not given against a word', () => {
    const missing = 'is missing; certificate and key are given together or not at all';
    assert.deepEqual(problemsOf('redis: { tls: { key: /k } }'), [
      `redis.tls.certificate (config.yml:2): ${missing}`,
    ]);
    assert.deepEqual(problemsOf('redis: { tls: { certificate: /c } }'), [
      `redis.tls.key (config.yml:2): ${missing}`,
    ]);
    for (const files of ['certificate: /c, key: /k', 'rootcas: [/ca]'])
      assert.deepEqual(problemsOf(`redis: { tls: { enabled: false, ${files} } }`), [
        'redis.tls.enabled (config.yml:2): must be true or not given, since there are files for TLS',
      ]);
  });

  test('all of them come at once', () => {
    assert.deepEqual(
      problemsOf('redis: { addrs: [a], db: -1, dialtimeout: soon, tls: { key: /k }, pasword: x }').map(
        (problem) => problem.replace(/ .*/, ''),
      ),
      ['redis.pasword', 'redis.addrs[0]', 'redis.db', 'redis.dialtimeout', 'redis.tls.certificate'],
    );
  });
});

describe('settings of Redis that change nothing', () => {
  test('are a warning each', () => {
    const { warnings } = loadText(
      'redis: { addrs: [a:1, b:1], addr: "c:1", db: 3, sentinelpassword: p, sentinelusername: u }',
    );
    assert.deepEqual(warnings, [
      'redis.addr (config.yml:2): without effect, since redis.addrs is given',
      'redis.sentinelusername (config.yml:2): without effect, since redis.mastername is not given',
      'redis.sentinelpassword (config.yml:2): without effect, since redis.mastername is not given',
      'redis.db (config.yml:2): without effect, since a cluster has only one database',
    ]);
  });

  test('a password without an address is one, since somebody means to use Redis', () => {
    assert.deepEqual(loadVariables({ REGISTRY_REDIS_PASSWORD: 'x' }).warnings, [
      'redis.password (REGISTRY_REDIS_PASSWORD): without effect, since redis.addrs is not given',
    ]);
  });
});

describe('variables of Redis', () => {
  test('have the names of version 2, of 3.0 and of 3.1', () => {
    for (const [name, value] of [
      ['ADDR', 'localhost:6379'],
      ['ADDRS', 'localhost:6379'],
      ['ADDRS', '[localhost:6379]'],
      ['ADDRS', '["localhost:6379"]'],
      ['ADDRS_0', 'localhost:6379'],
      ['OPTIONS_ADDRS', '[localhost:6379]'],
      ['OPTIONS_ADDRS_0', 'localhost:6379'],
    ]) {
      const { configuration, warnings } = loadVariables({ [`REGISTRY_REDIS_${name}`]: value ?? '' });
      assert.deepEqual(configuration.redis, { ...DEFAULTS, addresses: ONE, mode: 'single' });
      assert.deepEqual(warnings, []);
    }
  });

  test('reach every kind of setting', () => {
    const redis = redisOfVariables({
      REGISTRY_REDIS_ADDRS_0: 'a:1',
      REGISTRY_REDIS_ADDRS_1: 'b:1',
      REGISTRY_REDIS_MASTERNAME: 'm',
      REGISTRY_REDIS_OPTIONS_SENTINELPASSWORD: '[p',
      REGISTRY_REDIS_PASSWORD: '@x: y',
      REGISTRY_REDIS_OPTIONS_DB: '4',
      REGISTRY_REDIS_DIALTIMEOUT: '7s',
      REGISTRY_REDIS_POOL_MAXIDLE: '16',
      REGISTRY_REDIS_MAXIDLECONNS: '16',
      REGISTRY_REDIS_TLS_ROOTCAS: '/ca.pem',
    });
    assert.deepEqual(redis, {
      ...DEFAULTS,
      addresses: [
        { host: 'a', port: 1 },
        { host: 'b', port: 1 },
      ],
      mode: 'sentinel',
      mastername: 'm',
      sentinelpassword: '[p',
      password: '@x: y',
      db: 4,
      dialtimeout: 7000,
      tls: { rootcas: ['/ca.pem'] },
    });
  });

  test('count more than the file', () => {
    const { redis } = loadText('redis: { addrs: [a:1], password: file }', {
      REGISTRY_REDIS_PASSWORD: 'variable',
      REGISTRY_REDIS_ADDRS_0: 'b:1',
    }).configuration;
    assert.equal(redis?.password, 'variable');
    assert.deepEqual(redis?.addresses, [{ host: 'b', port: 1 }]);
  });

  test('that look like links to a service called registry-redis are left alone', () => {
    const { configuration, warnings } = loadVariables({
      REGISTRY_REDIS_PORT: 'tcp://10.0.0.1:6379',
      REGISTRY_REDIS_SERVICE_HOST: '10.0.0.1',
      REGISTRY_REDIS_PORT_6379_TCP_ADDR: '10.0.0.1',
    });
    assert.equal(configuration.redis, undefined);
    assert.deepEqual(warnings, []);
  });

  test('without a meaning are named with the nearest that has one', () => {
    assert.deepEqual(loadVariables({ REGISTRY_REDIS_PASWORD: 'x' }).warnings, [
      'REGISTRY_REDIS_PASWORD: not a setting, ignored; did you mean REGISTRY_REDIS_PASSWORD?',
    ]);
  });
});
