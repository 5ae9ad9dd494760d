import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { editDistance, nearest } from '../../config/nearest.ts';
import { parseBaseUrl, parseTcpAddress, proxyBlockList } from '../../config/network.ts';
import { parseDuration, parseInteger } from '../../config/scalars.ts';
import { loadText, problemsOf } from './load-text.ts';

describe('lengths of time', () => {
  test('are read as Go reads them', () => {
    const read = {
      '10s': 10_000,
      '1h30m': 5_400_000,
      '100ms': 100,
      '1.5s': 1500,
      '.5s': 500,
      '1.s': 1000,
      '+1s': 1000,
    };
    for (const [written, milliseconds] of Object.entries(read))
      assert.equal(parseDuration(written), milliseconds, written);
    assert.equal(parseDuration('1500us'), 2);
    assert.equal(parseDuration('0'), 0);
    assert.equal(parseDuration('0s'), 0);
    assert.equal(parseDuration('5000000'), 5);
  });

  test('are refused when they are negative, too long, too short or something else', () => {
    for (const written of [
      '',
      '-1s',
      '1',
      '999',
      '1d',
      '1 s',
      's',
      '1h-1m',
      'forever',
      '1e3s',
      `${'9'.repeat(40)}h`,
    ]) {
      assert.equal(parseDuration(written), undefined, written);
    }
  });
});

describe('whole numbers', () => {
  test('are read as YAML 1.1 writes them', () => {
    const read = {
      '0': 0,
      '42': 42,
      '-7': -7,
      '+7': 7,
      '1_000': 1000,
      '0x10': 16,
      '0b11': 3,
      '010': 8,
      '0o10': 8,
    };
    for (const [written, value] of Object.entries(read)) assert.equal(parseInteger(written), value, written);
  });

  test('are refused when they are not whole, not safe or not numbers', () => {
    for (const written of [
      '',
      '1.5',
      '1e3',
      '0x',
      '09',
      '99999999999999999',
      'ten',
      '--1',
      '1:30',
      'Infinity',
    ]) {
      assert.equal(parseInteger(written), undefined, written);
    }
  });
});

describe('where the server listens', () => {
  test('host and port are taken apart', () => {
    assert.deepEqual(parseTcpAddress(':5000'), { net: 'tcp', port: 5000 });
    assert.deepEqual(parseTcpAddress('0.0.0.0:80'), { net: 'tcp', host: '0.0.0.0', port: 80 });
    assert.deepEqual(parseTcpAddress('[::1]:0'), { net: 'tcp', host: '::1', port: 0 });
    assert.deepEqual(loadText('http: { addr: "localhost:1" }').configuration.http.listen, {
      net: 'tcp',
      host: 'localhost',
      port: 1,
    });
  });

  test('a missing or impossible port and an IPv6 host without brackets are refused', () => {
    for (const addr of [
      '5000',
      'localhost',
      ':65536',
      ':http',
      '::1:5000',
      '[x]:1',
      '/a:1',
      'a b:1',
      ':-1',
    ]) {
      assert.equal(parseTcpAddress(addr), undefined, addr);
      assert.match(
        problemsOf(`http: { addr: "${addr}" }`).join(),
        /^http\.addr \(config\.yml:2\): must be host:port/,
      );
    }
  });

  test('a unix socket is a path', () => {
    const { listen } = loadText('http: { net: unix, addr: /run/berth.sock }').configuration.http;
    assert.deepEqual(listen, { net: 'unix', path: '/run/berth.sock' });
    assert.match(problemsOf('http: { net: unix }').join(), /must be the path of a socket/);
  });
});

describe('how the server is seen from outside', () => {
  test('host is a URL, read without the slash at its end', () => {
    assert.equal(parseBaseUrl('https://registry.example.com:5000/'), 'https://registry.example.com:5000');
    assert.equal(parseBaseUrl('http://a.example/b/'), 'http://a.example/b');
    for (const host of [
      'registry.example.com',
      'ftp://a',
      'https://',
      'https://a/?b',
      'https://a/#b',
      'https://u:p@a',
      '//a',
    ]) {
      assert.equal(parseBaseUrl(host), undefined, host);
    }
  });

  test('prefix is a path, with or without slashes at its ends', () => {
    const prefixOf = (prefix: string) => loadText(`http: { prefix: "${prefix}" }`).configuration.http.prefix;
    for (const prefix of ['/a/b/', '/a/b', 'a/b']) assert.equal(prefixOf(prefix), '/a/b');
    assert.equal(prefixOf('/'), '');
    for (const prefix of ['/a//b/', '/../', '/a b/', '/a?b/'])
      assert.equal(problemsOf(`http: { prefix: "${prefix}" }`).length, 1);
  });
});

describe('headers', () => {
  test('two spellings of a name are one header', () => {
    const { headers } = loadText('http: { headers: { X-A: [a], x-a: b } }').configuration.http;
    assert.deepEqual(headers, { 'X-A': ['a', 'b'] });
  });

  test('a name or a value that cannot be sent is refused', () => {
    for (const header of [
      '"X A": [b]',
      'X-A: ["b\\nc"]',
      'Content-Length: ["5"]',
      'Transfer-Encoding: [chunked]',
    ]) {
      assert.equal(problemsOf(`http: { headers: { ${header} } }`).length, 1, header);
    }
  });
});

describe('trusted proxies', () => {
  test('are addresses and blocks', () => {
    const proxies = loadText('http: { trustedproxies: [127.0.0.1, 10.0.0.0/8, "::1", "fd00::/8"] }')
      .configuration.http;
    const list = proxyBlockList(proxies.trustedproxies);
    assert.ok(
      list.check('10.1.2.3', 'ipv4') && list.check('127.0.0.1', 'ipv4') && list.check('fd12::1', 'ipv6'),
    );
    assert.ok(list.check('::ffff:10.1.2.3', 'ipv6'));
    assert.ok(
      !list.check('11.0.0.1', 'ipv4') && !list.check('127.0.0.2', 'ipv4') && !list.check('::2', 'ipv6'),
    );
  });

  test('names, wild cards and impossible blocks are refused', () => {
    for (const entry of [
      'localhost',
      '*',
      '10.0.0.0/33',
      '::/129',
      '10.0.0/8',
      '10.0.0.0/',
      'fe80::1%eth0',
      '10.0.0.0/8/8',
    ]) {
      assert.match(
        problemsOf(`http: { trustedproxies: ["${entry}"] }`).join(),
        /^http\.trustedproxies\[0\] .*CIDR/,
      );
    }
  });
});

describe('patterns for URLs', () => {
  test('match anywhere in the text, as in Go', () => {
    const { urls } = loadText(
      `validation: { manifests: { urls: { allow: ['^https?://([^/]+\\.)*example\\.com/', '(?i)FOO'] } } }`,
    ).configuration.validation.manifests;
    assert.ok(urls.allow[0]?.test('https://a.example.com/x') && !urls.allow[0].test('https://example.org/'));
    assert.ok(urls.allow[1]?.test('a foo b'));
  });

  test('that mean something else in Go are refused', () => {
    for (const pattern of ['\\Ahttps', 'com\\z', '[[:alpha:]]+', '(', 'a(?s)b', '(?P<name>x)']) {
      assert.equal(
        problemsOf(`validation: { manifests: { urls: { deny: ['${pattern}'] } } }`).length,
        1,
        pattern,
      );
    }
  });
});

describe('guesses', () => {
  test('the distance counts inserted, removed and replaced letters', () => {
    assert.equal(editDistance('', 'abc'), 3);
    assert.equal(editDistance('kitten', 'sitting'), 3);
    assert.equal(editDistance('same', 'same'), 0);
  });

  test('the nearest word is found, and none when nothing is near', () => {
    assert.equal(nearest('adr', ['net', 'addr', 'host']), 'addr');
    assert.equal(nearest('rootdir', ['maxthreads', 'rootdirectory']), 'rootdirectory');
    assert.equal(nearest('colour', ['net', 'addr']), undefined);
    assert.equal(nearest('x'.repeat(10_000), ['x']), undefined);
  });
});
