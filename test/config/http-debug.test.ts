import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { chooseTraces } from '../../config/traces.ts';
import { loadText, loadVariables, problemsOf } from './load-text.ts';

const read = (settings: string) => loadText(`http: { debug: { ${settings} } }`);

describe('http.debug', () => {
  test('is nowhere unless an address is given', () => {
    assert.deepEqual(loadText('').configuration.http.debug, {
      prometheus: { enabled: false, path: '/metrics' },
    });
    assert.equal(loadText('http: { debug: }').configuration.http.debug.addr, undefined);
  });

  test('takes the keys of the registry image, in the file and as variables', () => {
    const { configuration, warnings } = read(
      'addr: "localhost:5001", prometheus: { enabled: true, path: /m }',
    );
    assert.deepEqual(configuration.http.debug, {
      addr: { net: 'tcp', host: 'localhost', port: 5001 },
      prometheus: { enabled: true, path: '/m' },
    });
    assert.deepEqual(warnings, []);
    const variables = {
      REGISTRY_HTTP_DEBUG_ADDR: ':5001',
      REGISTRY_HTTP_DEBUG_PROMETHEUS_ENABLED: 'true',
    };
    assert.deepEqual(loadVariables(variables).configuration.http.debug, {
      addr: { net: 'tcp', port: 5001 },
      prometheus: { enabled: true, path: '/metrics' },
    });
  });

  test('an address that is none and a path that is taken are problems', () => {
    assert.match(problemsOf('http: { debug: { addr: localhost } }').join(), /^http\.debug\.addr .*host:port/);
    for (const path of ['metrics', '/debug/health', '/a b']) {
      const problems = problemsOf(`http: { debug: { prometheus: { path: "${path}" } } }`).join();
      assert.match(problems, /^http\.debug\.prometheus\.path /, path);
    }
  });

  test('metrics without an address are a warning', () => {
    const { warnings } = read('prometheus: { enabled: true }');
    assert.match(warnings.join(), /^http\.debug\.prometheus\.enabled .*http\.debug\.addr is not given/);
  });
});

describe('traces', () => {
  const URL = 'http://127.0.0.1:4318';
  const on: readonly Record<string, string>[] = [
    { OTEL_EXPORTER_OTLP_ENDPOINT: URL },
    { OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: `${URL}/v1/traces`, OTEL_TRACES_EXPORTER: 'otlp' },
    { OTEL_EXPORTER_OTLP_ENDPOINT: URL, OTEL_EXPORTER_OTLP_PROTOCOL: 'http/protobuf' },
  ];
  const silent: readonly Record<string, string>[] = [
    {},
    { OTEL_SERVICE_NAME: 'berth', OTEL_TRACES_EXPORTER: 'otlp' },
    { OTEL_EXPORTER_OTLP_ENDPOINT: URL, OTEL_TRACES_EXPORTER: 'none' },
    { OTEL_EXPORTER_OTLP_ENDPOINT: URL, OTEL_SDK_DISABLED: 'true' },
    { OTEL_EXPORTER_OTLP_ENDPOINT: '' },
  ];
  const refused: readonly (readonly [string, Record<string, string>])[] = [
    ['OTEL_TRACES_EXPORTER', { OTEL_EXPORTER_OTLP_ENDPOINT: URL, OTEL_TRACES_EXPORTER: 'zipkin' }],
    [
      'OTEL_EXPORTER_OTLP_PROTOCOL',
      { OTEL_EXPORTER_OTLP_ENDPOINT: URL, OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc' },
    ],
    ['OTEL_EXPORTER_OTLP_ENDPOINT', { OTEL_EXPORTER_OTLP_ENDPOINT: 'collector:4317' }],
  ];

  test('are made where somebody is named who takes them', () => {
    for (const environment of on)
      assert.deepEqual(chooseTraces(environment), { enabled: true, warnings: [] });
  });

  test('are not made, without a word, where nobody is or somebody says so', () => {
    for (const environment of silent) {
      assert.deepEqual(
        chooseTraces(environment),
        { enabled: false, warnings: [] },
        JSON.stringify(environment),
      );
    }
  });

  test('that cannot be sent as it was asked for are a warning', () => {
    for (const [name, environment] of refused) {
      const { enabled, warnings } = chooseTraces(environment);
      assert.equal(enabled, false);
      assert.equal(warnings.length, 1);
      assert.ok(warnings[0]?.startsWith(`${name}: `), warnings.join());
    }
  });
});
