import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { loadText, problemsOf } from './load-text.ts';

const FILES = 'certificate: /c.pem, key: /k.pem';
const tls = (settings: string) => `http: { tls: { ${settings} } }`;
const read = (settings: string) => loadText(tls(settings)).configuration.http.tls;

describe('http.tls', () => {
  test('a certificate and its key are enough', () => {
    const settings = read(FILES);
    assert.deepEqual(settings?.source, { kind: 'files', certificate: '/c.pem', key: '/k.pem' });
    assert.equal(settings.minimumtls, 'tls1.2');
    assert.equal(settings.clientauth, 'require-and-verify-client-cert');
    assert.deepEqual(settings.clientcas, []);
    assert.deepEqual(loadText(tls(FILES)).warnings, []);
  });

  test('without a certificate there is no TLS', () => {
    assert.equal(read(''), undefined);
    assert.equal(read('certificate: "", key: ""'), undefined);
  });

  test('without names the cipher suites are the six safe ones of TLS 1.2 and those of TLS 1.3', () => {
    const suites = read(FILES)?.ciphers.split(':') ?? [];
    assert.equal(suites.length, 9);
    for (const suite of suites) assert.match(suite, /^(TLS_|ECDHE-).*(GCM|CHACHA20)/);
  });

  test('cipher suites are named as in Go; those of TLS 1.3 stay unless some are named', () => {
    const one = read(`${FILES}, ciphersuites: [TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256]`);
    assert.equal(
      one?.ciphers,
      'TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256:ECDHE-RSA-AES128-GCM-SHA256',
    );
    const modern = read(`${FILES}, ciphersuites: [TLS_AES_256_GCM_SHA384]`);
    assert.equal(modern?.ciphers, 'TLS_AES_256_GCM_SHA384');
  });

  for (const [settings, key, text] of [
    ['certificate: /c', 'key', /is missing; certificate and key/],
    ['key: /k', 'certificate', /is missing; certificate and key/],
    [`${FILES}, clientauth: verify-client-cert-if-given`, 'clientcas', /without authorities/],
    [`${FILES}, clientauth: require-any-client-cert`, 'clientcas', /without authorities/],
    [
      `${FILES}, clientcas: [/ca.pem], clientauth: maybe`,
      'clientauth',
      /must be one of request-client-cert, /,
    ],
    ['letsencrypt: { cachefile: /d }', 'letsencrypt\\.hosts', /no certificate would be got/],
    ['letsencrypt: { hosts: [a.example] }', 'letsencrypt\\.cachefile', /have to be kept somewhere/],
    [`${FILES}, letsencrypt: { cachefile: /d, hosts: [a.example] }`, 'letsencrypt', /must not be given with/],
    [
      'letsencrypt: { cachefile: /d, hosts: ["*.example"] }',
      'letsencrypt\\.hosts\\[0\\]',
      /full name of a host/,
    ],
    [
      'letsencrypt: { cachefile: /d, hosts: [10.0.0.1] }',
      'letsencrypt\\.hosts\\[0\\]',
      /full name of a host/,
    ],
    [
      'letsencrypt: { cachefile: /d, hosts: [a.example], directoryurl: "http://acme.example/" }',
      'letsencrypt\\.directoryurl',
      /must be an https URL/,
    ],
    ['clientcas: [/ca.pem]', 'certificate', /clients show their certificates only/],
    [`${FILES}, minimumtls: tls1.0`, 'minimumtls', /must be one of tls1\.2, tls1\.3/],
    [`${FILES}, minimumtls: tls1.1`, 'minimumtls', /must be one of tls1\.2, tls1\.3/],
    [`${FILES}, ciphersuites: [ROT13]`, 'ciphersuites\\[0\\]', /name of a cipher suite/],
    [`${FILES}, ciphersuites: [TLS_RSA_WITH_3DES_EDE_CBC_SHA]`, 'ciphersuites\\[0\\]', /not one of 3DES/],
  ] as const) {
    test(`${settings} is one problem, about ${key}`, () => {
      const problems = problemsOf(tls(settings));
      assert.equal(problems.length, 1, problems.join('\n'));
      assert.match(problems[0] ?? '', new RegExp(`^http\\.tls\\.${key} `));
      assert.match(problems[0] ?? '', text);
    });
  }

  test('certificates may come from an authority, which has to be named only if it is another one', () => {
    assert.deepEqual(read('letsencrypt: { cachefile: /d, email: a@b.example, hosts: [A.Example] }')?.source, {
      kind: 'letsencrypt',
      cachefile: '/d',
      email: 'a@b.example',
      hosts: ['a.example'],
      directoryurl: 'https://acme-v02.api.letsencrypt.org/directory',
    });
  });

  test('settings that need what is not given are a warning', () => {
    for (const [settings, key] of [
      ['minimumtls: tls1.3', 'minimumtls'],
      ['ciphersuites: [TLS_AES_256_GCM_SHA384]', 'ciphersuites'],
      [`${FILES}, clientauth: request-client-cert`, 'clientauth'],
    ]) {
      const { warnings } = loadText(tls(settings ?? ''));
      assert.equal(warnings.length, 1);
      assert.match(warnings[0] ?? '', new RegExp(`^http\\.tls\\.${key} .*without effect, since`));
    }
  });
});

describe('HTTP/2', () => {
  test('is spoken over TLS unless it is disabled, and without TLS only if asked for', () => {
    const { http } = loadText('').configuration;
    assert.equal(http.http2.disabled, false);
    assert.equal(http.h2c.enabled, false);
    assert.equal(loadText('http: { h2c: { enabled: true } }').configuration.http.h2c.enabled, true);
  });

  test('without TLS contradicts TLS, and being disabled', () => {
    const both = problemsOf(`http: { tls: { ${FILES} }, h2c: { enabled: true } }`);
    assert.match(both.join(), /^http\.h2c\.enabled \(config\.yml:2\): must be false with http\.tls/);
    const neither = problemsOf('http: { http2: { disabled: true }, h2c: { enabled: true } }');
    assert.match(neither.join(), /^http\.h2c\.enabled .*http\.http2\.disabled is true/);
  });
});
