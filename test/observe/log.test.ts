// Log lines: JSON for machines, text as the `registry` image writes it, readable lines on a terminal.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { stripVTControlCharacters } from 'node:util';
import { createLog, type LogSettings } from '../../src/observe/log.ts';

const request = {
  'http.request.method': 'GET',
  'http.request.uri': '/v2/demo/app/manifests/1',
  'http.response.status': 200,
  'http.response.duration': 3.2,
  'http.response.written': 1234,
};

function linesOf(
  format: LogSettings['format'],
  write: (log: ReturnType<typeof createLog>) => void,
  more: Partial<LogSettings> = {},
) {
  const lines: string[] = [];
  write(createLog({ level: 'info', format, fields: {}, ...more }, (line) => void lines.push(line)));
  return lines;
}

test('a JSON line has the words of the registry image, and the fields of the configuration', () => {
  const lines = linesOf('json', (log) => log.info({ a: 1 }, 'hello'), { fields: { service: 'registry' } });
  assert.equal(lines.length, 1);
  assert.ok(lines[0]?.endsWith('\n'));
  const { time, ...line } = JSON.parse(lines[0] ?? '');
  assert.deepEqual(line, { level: 'info', service: 'registry', a: 1, msg: 'hello' });
  assert.equal(new Date(time).toISOString(), time);
});

test('logstash lines have its names for time, message and version', () => {
  const [line = ''] = linesOf('logstash', (log) => log.warn('hello'));
  const { '@timestamp': time, ...rest } = JSON.parse(line);
  assert.deepEqual(rest, { '@version': 1, level: 'warn', message: 'hello' });
  assert.equal(new Date(time).toISOString(), time);
});

test('a text line is key=value, quoted where it has to be', () => {
  const [line = ''] = linesOf('text', (log) =>
    log.info({ plain: 'a/b', spaced: 'a b', number: 7 }, 'hello there'),
  );
  assert.match(line, /^time="[^"]+" level=info msg="hello there" plain=a\/b spaced="a b" number=7\n$/);
});

test('text lines stay one line each, whatever is in them', () => {
  const [line = ''] = linesOf('text', (log) => log.info({ evil: 'a\nlevel=error msg="forged"' }, 'x\r\ny'));
  assert.equal(line.split('\n').length, 2);
  assert.doesNotMatch(line, /\nlevel=error/);
});

test('a request on a terminal is method, status, path, size and time', () => {
  const [line = ''] = linesOf('terminal', (log) => log.info(request, 'request'));
  assert.match(
    stripVTControlCharacters(line),
    /^\d\d:\d\d:\d\d GET {4}200 \/v2\/demo\/app\/manifests\/1 1\.2 kB 3\.2 ms\n$/,
  );
});

test('a failed request on a terminal says why', () => {
  const facts = {
    ...request,
    'http.response.status': 404,
    'err.code': 'BLOB_UNKNOWN',
    'err.message': 'not here',
  };
  const [line = ''] = linesOf('terminal', (log) => log.info(facts, 'request'));
  assert.match(stripVTControlCharacters(line), /404 .* BLOB_UNKNOWN: not here\n$/);
});

test('a path does not get to steer the terminal', () => {
  const uri = '/v2/\x1b[2J\x07\x9b31m\r\nforged';
  const [line = ''] = linesOf('terminal', (log) =>
    log.info({ ...request, 'http.request.uri': uri }, 'request'),
  );
  const plain = stripVTControlCharacters(line);
  for (const control of ['\x1b[2J', '\x07', '\x9b']) assert.ok(!line.includes(control));
  assert.ok(plain.includes('%1B[2J%07%C2%9B31m%0D%0Aforged'), JSON.stringify(plain));
});

test('sizes and times are given in units that people read', () => {
  const shown = (fields: object) => {
    const [line = ''] = linesOf('terminal', (log) => log.info({ ...request, ...fields }, 'request'));
    return stripVTControlCharacters(line).split('manifests/1 ')[1]?.trim();
  };
  assert.equal(shown({ 'http.response.written': 0 }), '3.2 ms');
  assert.equal(shown({ 'http.response.written': 999 }), '999 B 3.2 ms');
  assert.equal(
    shown({ 'http.response.written': 5_000_000_000_000, 'http.response.duration': 61_234 }),
    '5.0 TB 61.2 s',
  );
  assert.equal(
    shown({ 'http.response.written': 0, 'http.request.contentlength': '2500000' }),
    '2.5 MB 3.2 ms',
  );
});

test('an error comes with its stack, indented, and its cause', () => {
  const error = new Error('outer', { cause: new Error('inner') });
  const [line = ''] = linesOf('terminal', (log) => log.error({ err: error }, 'it failed'));
  const plain = stripVTControlCharacters(line);
  assert.match(plain, /error it failed\n {4}Error: outer/);
  assert.match(plain, /inner/);
});

test('what is below the level is left out', () => {
  assert.deepEqual(
    linesOf('json', (log) => log.info('x'), { level: 'error' }),
    [],
  );
});
