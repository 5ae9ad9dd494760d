import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { configurationPath } from '../../config/variables.ts';
import { loadText, loadVariables, problemsOf } from './load-text.ts';

const OTHER_DRIVER = 'storage:\n  s3: { bucket: b, region: r }\n  delete: { enabled: true }';

describe('the traps of the registry image', () => {
  test('a variable for the directory replaces another driver of the file, and says so', () => {
    const { configuration, warnings } = loadText(OTHER_DRIVER, {
      REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY: '/data',
    });
    assert.deepEqual(configuration.storage.driver, {
      name: 'filesystem',
      rootdirectory: '/data',
      durability: 'strict',
    });
    assert.equal(configuration.storage.delete.enabled, true);
    assert.deepEqual(warnings, [
      'storage.s3 (config.yml:3): replaced by the storage driver filesystem, which REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY names',
    ]);
  });

  test('a driver that the file names in short is replaced too', () => {
    const { configuration } = loadText('storage: inmemory', {
      REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY: '/data',
    });
    assert.deepEqual(configuration.storage.driver, {
      name: 'filesystem',
      rootdirectory: '/data',
      durability: 'strict',
    });
  });

  test('two variables that name different drivers are a problem', () => {
    const both = { REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY: '/data', REGISTRY_STORAGE_INMEMORY: '{}' };
    assert.match(problemsOf('', both).join(), /names two drivers/);
    const whole = { REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY: '/data', REGISTRY_STORAGE: 'inmemory' };
    assert.match(problemsOf('', whole).join(), /names two drivers/);
  });

  test('readonly can be switched on and off whether or not the file has the block', () => {
    const files = [
      '',
      'storage:',
      'storage: filesystem',
      'storage: { maintenance: }',
      'storage: { maintenance: { readonly: } }',
      'storage: { maintenance: { readonly: { enabled: false } } }',
      'storage: { maintenance: { readonly: { enabled: true } } }',
    ];
    for (const file of files) {
      for (const enabled of [true, false]) {
        const { configuration, warnings } = loadText(file, {
          REGISTRY_STORAGE_MAINTENANCE_READONLY_ENABLED: String(enabled),
        });
        assert.equal(configuration.storage.maintenance.readonly.enabled, enabled, file);
        assert.deepEqual(warnings, []);
      }
    }
  });

  test('uploadpurging can be switched off whether or not the file has the block', () => {
    const variable = { REGISTRY_STORAGE_MAINTENANCE_UPLOADPURGING_ENABLED: 'false' };
    for (const file of ['', 'storage: { maintenance: { uploadpurging: { enabled: true, age: 48h } } }']) {
      const { uploadpurging } = loadText(file, variable).configuration.storage.maintenance;
      assert.equal(uploadpurging.enabled, false);
      assert.equal(uploadpurging.age, (file === '' ? 168 : 48) * 3_600_000);
    }
  });

  test('a whole block may be given as JSON', () => {
    const { configuration } = loadVariables({ REGISTRY_STORAGE_MAINTENANCE_READONLY: '{"enabled":true}' });
    assert.equal(configuration.storage.maintenance.readonly.enabled, true);
  });

  test('a quoted "true" is true', () => {
    const variables = {
      REGISTRY_STORAGE_REDIRECT_DISABLE: '"true"',
      REGISTRY_STORAGE_DELETE_ENABLED: '"true"',
    };
    const { configuration, warnings } = loadVariables(variables);
    assert.equal(configuration.storage.delete.enabled, true);
    assert.deepEqual(warnings, []);
  });

  test('the lists of health checks have both of their names', () => {
    for (const [file, http, tcp] of [
      ['FILE', 'HTTP', 'TCP'],
      ['FILECHECKERS', 'HTTPCHECKERS', 'TCPCHECKERS'],
    ]) {
      const { configuration } = loadVariables({
        [`REGISTRY_HEALTH_${file}_0_FILE`]: '/down',
        [`REGISTRY_HEALTH_${http}_0_URI`]: 'http://localhost/x',
        [`REGISTRY_HEALTH_${http}_0_STATUSCODE`]: '204',
        [`REGISTRY_HEALTH_${tcp}_0_ADDR`]: 'localhost:1',
      });
      assert.deepEqual(configuration.health.file, [{ file: '/down', interval: 10_000, threshold: 1 }]);
      assert.equal(configuration.health.http[0]?.statuscode, 204);
      assert.deepEqual(configuration.health.tcp[0]?.addr, { host: 'localhost', port: 1 });
    }
  });

  test('events of notifications have both of their names', () => {
    for (const name of ['EVENTS', 'EVENTCONFIG']) {
      const variable = `REGISTRY_NOTIFICATIONS_${name}_INCLUDEREFERENCES`;
      const { configuration } = loadVariables({ [variable]: 'true' });
      assert.equal(configuration.notifications.events.includereferences, true);
    }
  });

  test('a colon or a bracket in an address is not YAML to the server', () => {
    for (const addr of [':5000', '0.0.0.0:5000', '[::1]:5000', '[::]:80', '0:53']) {
      const load = () => loadVariables({ REGISTRY_HTTP_ADDR: addr }).configuration.http.addr;
      assert.equal(load(), addr);
    }
  });

  test('a secret may have any characters', () => {
    for (const secret of ['*abc', '@abc', '%abc', '{abc', 'a: b', '[a]', '0123', 'yes', '1e3']) {
      assert.equal(loadVariables({ REGISTRY_HTTP_SECRET: secret }).configuration.http.secret, secret);
    }
  });
});

describe('how variables are applied', () => {
  test('a parent is applied before what is below it, in whatever order they come', () => {
    const pairs = [
      ['REGISTRY_HTTP_ADDR', ':1'],
      ['REGISTRY_HTTP', '{addr: ":2", prefix: /a/}'],
    ] as const;
    for (const order of [pairs, [...pairs].reverse()]) {
      const { http } = loadVariables(Object.fromEntries(order)).configuration;
      assert.equal(http.addr, ':1');
      assert.equal(http.prefix, '/a');
    }
  });

  test('a whole section replaces that of the file', () => {
    const { http } = loadText('http: { addr: ":1", prefix: /a/ }', {
      REGISTRY_HTTP: 'addr: ":2"',
    }).configuration;
    assert.equal(http.addr, ':2');
    assert.equal(http.prefix, '');
  });

  test('an empty variable takes a setting of the file back', () => {
    const { http } = loadText('http: { host: https://a.example }', { REGISTRY_HTTP_HOST: '' }).configuration;
    assert.equal(http.host, undefined);
  });

  test('a list is changed by index and grows at its end, also beyond ten entries', () => {
    const variables = Object.fromEntries(
      Array.from({ length: 12 }, (_, index) => [`REGISTRY_HEALTH_FILE_${index}_FILE`, `/${index}`]),
    );
    const { file } = loadText('health: { file: [{ file: /old, threshold: 2 }] }', variables).configuration
      .health;
    assert.deepEqual(
      file.map((check) => check.file),
      Array.from({ length: 12 }, (_, index) => `/${index}`),
    );
    assert.equal(file[0]?.threshold, 2);
  });

  test('an index beyond the end of a list is a problem', () => {
    assert.deepEqual(problemsOf('health: { file: [{ file: /a }] }', { REGISTRY_HEALTH_FILE_2_FILE: '/c' }), [
      'REGISTRY_HEALTH_FILE_2_FILE: the list has 1 entries so far; the next index is 1',
    ]);
    assert.equal(
      problemsOf('', { REGISTRY_HEALTH_FILE_4000000000_FILE: '/c', REGISTRY_LOG_LEVEL: 'x' }).length,
      1,
    );
  });

  test('a header name may have any case, and replaces the one of the file', () => {
    const file = 'http: { headers: { X-Frame-Options: [DENY], X-Other: [a] } }';
    const { headers } = loadText(file, {
      'REGISTRY_HTTP_HEADERS_X-FRAME-OPTIONS': '[SAMEORIGIN]',
      'REGISTRY_HTTP_HEADERS_Access-Control-Allow-Origin': '["*"]',
    }).configuration.http;
    assert.deepEqual(headers, {
      'X-Frame-Options': ['SAMEORIGIN'],
      'X-Other': ['a'],
      'Access-Control-Allow-Origin': ['*'],
    });
  });

  test('one value is enough for a list of values, and an index reaches into it', () => {
    const { http } = loadVariables({
      'REGISTRY_HTTP_HEADERS_X-Foo': 'a',
      'REGISTRY_HTTP_HEADERS_X-Foo_1': 'b',
      REGISTRY_HTTP_TRUSTEDPROXIES: '10.0.0.0/8',
    }).configuration;
    assert.deepEqual(http.headers, { 'X-Foo': ['a', 'b'] });
    assert.deepEqual(http.trustedproxies, ['10.0.0.0/8']);
  });

  test('a key of a map may have underscores', () => {
    const file = 'log: { fields: { my_Field: a } }';
    const { fields } = loadText(file, {
      REGISTRY_LOG_FIELDS_MY_FIELD: 'b',
      REGISTRY_LOG_FIELDS_DATA_CENTER: 'c',
    }).configuration.log;
    assert.deepEqual(fields, { my_Field: 'b', data_center: 'c' });
  });

  test('REGISTRY_AUTH=none is no authentication, in all of its spellings', () => {
    for (const variables of [
      { REGISTRY_AUTH: 'none' },
      { REGISTRY_AUTH: '{none: {}}' },
      { REGISTRY_AUTH_NONE: '' },
    ]) {
      assert.deepEqual(loadVariables(variables).warnings, []);
    }
    assert.deepEqual(loadText('auth: { htpasswd: { realm: r } }', { REGISTRY_AUTH: 'none' }).warnings, []);
  });

  test('a broken value of a section is a problem that names the variable', () => {
    assert.deepEqual(problemsOf('', { REGISTRY_HTTP: '{addr: ' }), [
      'REGISTRY_HTTP: lacks a character here: a closing quote or bracket, a colon or a comma',
    ]);
  });
});

describe('names that are no settings', () => {
  test('an unknown name is a warning with the nearest known one', () => {
    assert.deepEqual(
      loadVariables({ REGISTRY_HTTP_ADR: 'x', REGISTRY_STORAGE_FILESYSTEM_ROOTDIR: '/x' }).warnings,
      [
        'REGISTRY_HTTP_ADR: not a setting, ignored; did you mean REGISTRY_HTTP_ADDR?',
        'REGISTRY_STORAGE_FILESYSTEM_ROOTDIR: not a setting, ignored; did you mean REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY?',
      ],
    );
  });

  test('a name in small letters, with an empty part or below a value is unknown', () => {
    for (const name of [
      'REGISTRY_http_addr',
      'REGISTRY_',
      'REGISTRY__HTTP',
      'REGISTRY_HTTP_',
      'REGISTRY_HTTP_ADDR_X',
    ]) {
      assert.equal(loadVariables({ [name]: 'x' }).warnings.length, 1, name);
    }
  });

  test('below storage and auth an unknown name is a problem, since going on without it could be unsafe', () => {
    assert.match(
      problemsOf('', { REGISTRY_STORAGE_FILESYTEM_ROOTDIRECTORY: '/x' }).join(),
      /did you mean storage.filesystem/,
    );
    assert.match(problemsOf('', { REGISTRY_AUTH_LDAP_URL: 'x' }).join(), /^auth\.ldap .*unknown key/);
  });

  test('links to a service called registry are left alone', () => {
    const links = {
      REGISTRY_PORT: 'tcp://10.0.0.1:5000',
      REGISTRY_PORT_5000_TCP: 'tcp://10.0.0.1:5000',
      REGISTRY_PORT_5000_TCP_ADDR: '10.0.0.1',
      REGISTRY_PORT_5000_TCP_PROTO: 'tcp',
      REGISTRY_SERVICE_HOST: '10.0.0.1',
      REGISTRY_SERVICE_PORT: '5000',
      REGISTRY_SERVICE_PORT_HTTP: '5000',
      REGISTRY_AUTH_SERVICE_HOST: '10.0.0.1',
      REGISTRY_AUTH_PORT_443_TCP: 'tcp://10.0.0.1:443',
      REGISTRY_STORAGE_PORT: 'tcp://10.0.0.1:9000',
      REGISTRY_1_PORT_5000_TCP: 'tcp://10.0.0.1:5000',
      REGISTRY_NAME: '/web/registry',
      REGISTRY_ENV_GOPATH: '/go',
    };
    assert.deepEqual(loadVariables(links).warnings, []);
  });

  test('the path of the file and the version are no settings, and other prefixes are not looked at', () => {
    const { warnings } = loadVariables({
      REGISTRY_CONFIGURATION_PATH: '/x.yml',
      REGISTRY_VERSION: '3',
      REGISTRYHTTP: 'x',
      HTTP_ADDR: 'x',
    });
    assert.deepEqual(warnings, []);
  });

  test('the path of the file comes from REGISTRY_CONFIGURATION_PATH', () => {
    assert.equal(configurationPath({ REGISTRY_CONFIGURATION_PATH: '/x.yml' }), '/x.yml');
    assert.equal(configurationPath({ REGISTRY_CONFIGURATION_PATH: '' }), undefined);
    assert.equal(configurationPath({}), undefined);
  });
});
