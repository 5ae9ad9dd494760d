// Lines for requests in Apache's Combined Log Format.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createLog, type LogSettings } from '../../src/observe/log.ts';

const REQUEST = {
  'http.request.method': 'GET',
  'http.request.uri': '/v2/demo/app/manifests/1',
  'http.request.proto': 'HTTP/1.1',
  'http.request.remoteaddr': '192.0.2.7',
  'http.request.useragent': 'docker/27.0 (linux)',
  'http.response.status': 200,
  'http.response.written': 1234,
};

function linesOf(
  write: (log: ReturnType<typeof createLog>) => void,
  format: LogSettings['format'] = 'json',
): string[] {
  const lines: string[] = [];
  const settings: LogSettings = { level: 'info', format, requests: 'combined', fields: {} };
  write(createLog(settings, (line) => void lines.push(line)));
  return lines;
}

test('a request is one line as Apache writes it, whatever the form of the others', () => {
  for (const format of ['json', 'logstash', 'text'] as const) {
    const lines = linesOf((log) => log.info({ ...REQUEST, 'auth.user.name': 'ann' }, 'request'), format);
    assert.equal(lines.length, 1);
    assert.match(
      lines[0] ?? '',
      /^192\.0\.2\.7 - ann \[\d\d\/[A-Z][a-z]{2}\/\d{4}:\d\d:\d\d:\d\d \+0000\] "GET \/v2\/demo\/app\/manifests\/1 HTTP\/1\.1" 200 1234 "" "docker\/27\.0 \(linux\)"\n$/,
    );
  }
});

test('what is not about a request keeps its form', () => {
  const [line = ''] = linesOf((log) => log.info({ a: 1 }, 'hello'));
  assert.equal(JSON.parse(line).msg, 'hello');
});

test('why a request failed is told beside its line', () => {
  const failed = { ...REQUEST, 'http.response.status': 500, err: new Error('the disk is gone') };
  const [combined = '', json = '', ...rest] = linesOf((log) => log.error(failed, 'request failed'));
  assert.deepEqual(rest, []);
  assert.match(combined, / 500 /);
  assert.match(JSON.parse(json).err.message, /the disk is gone/);
});

test('a client cannot end the quotes, the field or the line', () => {
  const evil = {
    ...REQUEST,
    'http.request.useragent': 'a"b\\c\r\n127.0.0.1 - - forged é',
    'auth.user.name': 'two words',
  };
  const lines = linesOf((log) => log.info(evil, 'request'));
  assert.equal(lines.length, 1);
  assert.match(
    lines[0] ?? '',
    / - two\\x20words .*"a\\"b\\\\c\\x0d\\x0a127\.0\.0\.1 - - forged \\xc3\\xa9"\n$/,
  );
});
