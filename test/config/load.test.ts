import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { loadConfiguration } from '../../config/load.ts';
import { ConfigurationError } from '../../config/problem.ts';
import { loadText, loadVariables, problemsOf } from './load-text.ts';

describe('what a configuration is made of', () => {
  test('without a file and without variables everything has its default', () => {
    const { configuration, warnings } = loadVariables({});
    assert.equal(configuration.http.addr, ':5000');
    assert.deepEqual(configuration.storage.driver, {
      name: 'filesystem',
      rootdirectory: '/var/lib/registry',
      durability: 'strict',
    });
    assert.equal(configuration.http.secret, undefined);
    assert.deepEqual(warnings, []);
  });

  test('the file counts more than the defaults, and a variable more than the file', () => {
    const file = 'http: { addr: ":1", prefix: /a/ }\ncatalog: { maxentries: 7 }';
    const { configuration } = loadText(file, { REGISTRY_HTTP_ADDR: ':2' });
    assert.equal(configuration.http.addr, ':2');
    assert.equal(configuration.http.prefix, '/a');
    assert.equal(configuration.catalog.maxentries, 7);
  });

  test('an override counts more than the file and less than a variable', () => {
    const load = (environment: Record<string, string>) =>
      loadConfiguration({
        file: { path: 'config.yml', text: 'version: 0.1\nstorage: { filesystem: { rootdirectory: /file } }' },
        environment,
        overrides: { 'storage.filesystem.rootdirectory': './data', 'http.relativeurls': true },
      });
    const { configuration } = load({});
    assert.deepEqual(configuration.storage.driver, {
      name: 'filesystem',
      rootdirectory: './data',
      durability: 'strict',
    });
    assert.equal(configuration.http.relativeurls, true);
    const changed = load({ REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY: '/variable' }).configuration;
    assert.deepEqual(changed.storage.driver, {
      name: 'filesystem',
      rootdirectory: '/variable',
      durability: 'strict',
    });
  });

  test('a variable that names another driver wins over an override without a warning', () => {
    const overrides = { 'storage.filesystem.rootdirectory': './data' };
    for (const environment of [{ REGISTRY_STORAGE: 'inmemory' }, { REGISTRY_STORAGE_INMEMORY: '' }]) {
      const { configuration, warnings } = loadConfiguration({ environment, overrides });
      assert.deepEqual(configuration.storage.driver, { name: 'inmemory' });
      assert.deepEqual(warnings, []);
    }
  });

  test('durations become milliseconds', () => {
    const { configuration } = loadText(
      'http: { draintimeout: 1m30s }\nstorage: { maintenance: { uploadpurging: { age: 720h } } }',
    );
    assert.equal(configuration.http.draintimeout, 90_000);
    assert.equal(configuration.storage.maintenance.uploadpurging.age, 720 * 3_600_000);
  });

  test('a key with nothing behind it is not given, nor is one with an empty text', () => {
    const { configuration } = loadText(
      'http:\nlog: { level: , formatter: "" }\nstorage:\n  filesystem:\n    rootdirectory: ""',
    );
    assert.equal(configuration.log.level, 'info');
    assert.equal(configuration.log.formatter, undefined);
    assert.deepEqual(configuration.storage.driver, {
      name: 'filesystem',
      rootdirectory: '/var/lib/registry',
      durability: 'strict',
    });
  });

  test('a text keeps its spelling, whatever YAML would make of it', () => {
    const { configuration } = loadText(
      'http: { secret: 0123 }\nlog: { fields: { a: yes, b: 1_000, c: 1:30, d: 1e3 } }',
    );
    assert.equal(configuration.http.secret, '0123');
    assert.deepEqual(configuration.log.fields, { a: 'yes', b: '1_000', c: '1:30', d: '1e3' });
  });

  test('booleans have the spellings of YAML 1.1, in quotes or not', () => {
    for (const word of ['true', 'yes', 'on', 'Y', 'ON', '"true"', "'yes'"]) {
      assert.equal(
        loadText(`storage: { delete: { enabled: ${word} } }`).configuration.storage.delete.enabled,
        true,
        word,
      );
    }
    for (const word of ['false', 'no', 'off', 'N', '"off"']) {
      assert.equal(
        loadText(`storage: { delete: { enabled: ${word} } }`).configuration.storage.delete.enabled,
        false,
        word,
      );
    }
  });

  test('anchors, aliases and merge keys work', () => {
    const { configuration } = loadText(
      'health:\n  file:\n    - &a { file: /x, interval: 5s }\n    - { <<: *a, file: /y }',
    );
    assert.deepEqual(configuration.health.file, [
      { file: '/x', interval: 5000, threshold: 1 },
      { file: '/y', interval: 5000, threshold: 1 },
    ]);
  });

  test('each part of uploadpurging has a default of its own', () => {
    const { configuration } = loadText('storage: { maintenance: { uploadpurging: { enabled: false } } }');
    assert.deepEqual(configuration.storage.maintenance.uploadpurging, {
      enabled: false,
      age: 604_800_000,
      interval: 86_400_000,
      dryrun: false,
    });
  });

  test('what feeds a timer is never longer than a timer can wait', () => {
    const { configuration } = loadText('storage: { maintenance: { uploadpurging: { interval: 2000h } } }');
    assert.equal(configuration.storage.maintenance.uploadpurging.interval, 2 ** 31 - 1);
  });

  test('the counts that the image takes 0 or less for, as "the default", are the default', () => {
    const { configuration } = loadText('catalog: { maxentries: 0 }\ntags: { maxtags: -5 }');
    assert.equal(configuration.catalog.maxentries, 1000);
    assert.equal(configuration.tags.maxtags, 1000);
  });
});

describe('the old names', () => {
  test('loglevel at the top is log.level', () => {
    assert.equal(loadText('loglevel: warn').configuration.log.level, 'warn');
    assert.equal(loadVariables({ REGISTRY_LOGLEVEL: 'DEBUG' }).configuration.log.level, 'debug');
  });

  test('where both are given log.level counts, and the other is warned about', () => {
    const { configuration, warnings } = loadText('log: { level: error }', { REGISTRY_LOGLEVEL: 'debug' });
    assert.equal(configuration.log.level, 'error');
    assert.deepEqual(warnings, [
      'loglevel (REGISTRY_LOGLEVEL): without effect, since log.level is given (config.yml:2); remove it',
    ]);
  });
});

describe('problems', () => {
  test('all problems come at once, each with its key, its line and what is allowed', () => {
    assert.deepEqual(
      problemsOf('log: { level: loud }\nhttp:\n  draintimeout: soon\ncatalog: { maxentries: many }'),
      [
        'log.level (config.yml:2): must be one of error, warn, info, debug',
        'http.draintimeout (config.yml:4): must be a length of time such as 10s, 15m or 24h (a bare number is nanoseconds)',
        'catalog.maxentries (config.yml:5): must be a whole number',
      ],
    );
  });

  test('the message of the error has all problems in it', () => {
    const load = () => loadText('log: { level: loud }\nhttp: { net: ip }');
    assert.throws(load, (error) => {
      assert.ok(error instanceof ConfigurationError);
      assert.equal(error.problems.length, 2);
      return error.problems.every((problem) => error.message.includes(problem));
    });
  });

  test('a problem of a variable names the variable', () => {
    assert.deepEqual(problemsOf('', { REGISTRY_LOG_LEVEL: 'loud' }), [
      'log.level (REGISTRY_LOG_LEVEL): must be one of error, warn, info, debug',
    ]);
  });

  test('an unknown key comes with the nearest known one', () => {
    assert.deepEqual(problemsOf('http:\n  adr: :5000'), [
      'http.adr (config.yml:3): unknown key; did you mean http.addr?',
    ]);
    assert.deepEqual(problemsOf('HTTP: {}'), ['HTTP (config.yml:2): unknown key; did you mean http?']);
  });

  test('a known key in the wrong place comes with the right one', () => {
    assert.deepEqual(problemsOf('relativeurls: true'), [
      'relativeurls (config.yml:2): unknown key; did you mean http.relativeurls?',
    ]);
  });

  test('an unknown key without a near one comes with those that are possible', () => {
    assert.deepEqual(problemsOf('catalog: { colour: red }'), [
      'catalog.colour (config.yml:2): unknown key; known here are maxentries',
    ]);
  });

  test('a value where a section belongs is a problem, and so is a section where a value belongs', () => {
    assert.deepEqual(problemsOf('http: yes\nlog: { level: { a: b } }\nhealth: { file: x }'), [
      'http (config.yml:2): must be a map of settings',
      'log.level (config.yml:3): must be a single value, not a list or map',
      'health.file (config.yml:4): must be a list',
    ]);
  });

  test('a required key of a list entry is missed there', () => {
    assert.deepEqual(problemsOf('health:\n  http:\n    - interval: 5s'), [
      'health.http[0].uri (config.yml:4): is missing; it must be an http or https URL',
    ]);
  });

  test('two storage drivers in one file are a problem', () => {
    assert.deepEqual(problemsOf('storage: { filesystem: , inmemory: }'), [
      'storage (config.yml:2): names two drivers, filesystem and inmemory; exactly one is possible',
    ]);
  });

  test('a file without a version, or with another one, is a problem', () => {
    for (const text of ['log: { level: info }', 'version: 0.2', 'version:']) {
      const load = () => loadConfiguration({ file: { path: 'c.yml', text }, environment: {} });
      assert.throws(load, /version \(c\.yml:1\): must be 0\.1/, text);
    }
  });

  test('an empty file, or one that is not a map, is a problem', () => {
    for (const text of ['', '# nothing\n', 'version', '[version, 0.1]']) {
      const load = () => loadConfiguration({ file: { path: 'c.yml', text }, environment: {} });
      assert.throws(load, /must be a map of settings that begins with version: 0\.1/, text);
    }
  });

  test('a duration that is a small bare number is refused, since it would be nanoseconds', () => {
    assert.match(problemsOf('http: { draintimeout: 30 }')[0] ?? '', /a bare number is nanoseconds/);
    assert.equal(loadText('http: { draintimeout: 0 }').configuration.http.draintimeout, 0);
    assert.equal(loadText('http: { draintimeout: 2000000000 }').configuration.http.draintimeout, 2000);
  });
});

describe('secrets', () => {
  const secret = 'hunter2-swordfish';
  const inValues = [
    `http: { secret: [${secret}] }`,
    `http: { secret: { ${secret}: 1 } }`,
    `http: {secret:${secret}}`,
    `http: { secret ${secret}: }`,
    `http: { secret: *${secret} }`,
    `http: { secret: !${secret} x }`,
    `http: { secret: "\\${secret}" }`,
    `http: { secret: "${secret} }`,
    `http: { secret: ${secret}\n  x: ]`,
    `http: ${secret}`,
    `http: { host: "https://user:${secret}@host" }`,
    `http: { addr: "${secret}" }`,
    `redis: { password: ${secret} }\nhttp: { adr: 1 }`,
    `redis: { password: [${secret}], addrs: ["${secret}"] }`,
    `redis: { addr: "redis://:${secret}@host:6379", tls: ${secret} }`,
    `redis: ${secret}`,
    `storage: { s3: { secretkey: ${secret} } }`,
    `storage: { s3: { secretkey: [${secret}], accesskey: { ${secret}: 1 } } }`,
    `storage: { s3: { bucket: b, regionendpoint: "https://user:${secret}@host" } }`,
    `storage: { s3: { bucket: b, region: ${secret}, keyid: ${secret} } }`,
    `storage: { redirect: { except: { useragents: ["(${secret}"], networks: [${secret}] } } }`,
    `proxy: { remoteurl: "https://user:${secret}@host", password: ${secret} }`,
    `auth: { token: { realm: ${secret} } }`,
    `health: { http: [{ uri: "ftp://user:${secret}@host" }] }`,
    `http: { headers: { "Authorization: ${secret}": [a] } }`,
    `log: { level: ${secret} }`,
    `- ${secret}`,
  ];

  test('no value of a file is in a message', () => {
    for (const settings of inValues) {
      const problems = problemsOf(settings).join('\n');
      assert.ok(!problems.includes('hunter2') && !problems.includes('swordfish'), problems);
    }
  });

  test('no value of a variable is in a message or a warning', () => {
    const said = [
      ...problemsOf('', {
        REGISTRY_HTTP: `{secret:${secret}}`,
        REGISTRY_LOG: `*${secret}`,
        REGISTRY_STORAGE_S3_SECRETKEY: secret,
        REGISTRY_REDIS_SENTINELPASSWORD: `[${secret}`,
        REGISTRY_REDIS_ADDRS: `[":${secret}@host"]`,
        REGISTRY_AUTH: `{token: {realm: ${secret}}}`,
        REGISTRY_HEALTH_FILE: `[${secret}`,
      }),
      ...loadVariables({ REGISTRY_PASSWORD: secret, REGISTRY_REDIS_PASSWORD: secret }).warnings,
    ];
    assert.ok(said.length >= 6);
    assert.ok(!said.join('\n').includes('hunter2'), said.join('\n'));
  });
});
