// The Range header on its own; what is sent for it: ranges.test.ts.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createMultipart } from '../../src/http/multipart.ts';
import { parseRange } from '../../src/http/range.ts';

test('a range within the content is a part of it', () => {
  assert.deepEqual(parseRange('bytes=0-0', 1), { kind: 'parts', parts: [{ start: 0, end: 0 }] });
  assert.deepEqual(parseRange('bytes=2-5,8-', 10), {
    kind: 'parts',
    parts: [
      { start: 2, end: 5 },
      { start: 8, end: 9 },
    ],
  });
  assert.deepEqual(parseRange('bytes=-3', 10), { kind: 'parts', parts: [{ start: 7, end: 9 }] });
  assert.deepEqual(parseRange(' bytes=0-1 , 3-4 ', 10), {
    kind: 'parts',
    parts: [
      { start: 0, end: 1 },
      { start: 3, end: 4 },
    ],
  });
});

test('every range of a small content is what slicing gives', () => {
  const size = 5;
  const content = [...Array(size).keys()];
  for (let start = 0; start <= size + 1; start += 1) {
    for (let end = 0; end <= size + 1; end += 1) {
      const expected = start > end ? [] : content.slice(start, end + 1);
      const range = parseRange(`bytes=${start}-${end}`, size);
      const found = range.kind === 'parts' ? content.slice(range.parts[0].start, range.parts[0].end + 1) : [];
      assert.deepEqual(found, expected, `${start}-${end}`);
    }
    const suffix = parseRange(`bytes=-${start}`, size);
    const found = suffix.kind === 'parts' ? content.slice(suffix.parts[0].start) : [];
    assert.deepEqual(found, start === 0 ? [] : content.slice(-start), `-${start}`);
  }
});

test('what is not understood is ignored', () => {
  for (const header of [
    '',
    'bytes',
    'bytes=',
    'bytes=-',
    'bytes=,',
    'bytes=1',
    'items=0-1',
    'bytes=0-1-2',
    'bytes 0-1',
  ]) {
    assert.deepEqual(parseRange(header, 10), { kind: 'whole' }, header);
  }
});

test('a part that cannot be understood spoils the header', () => {
  assert.deepEqual(parseRange('bytes=0-1,x', 10), { kind: 'whole' });
  assert.deepEqual(parseRange('bytes=0-1,,3-4', 10), { kind: 'whole' });
});

test('a thousand parts are served, more are not', () => {
  const header = (count: number) =>
    `bytes=${Array.from({ length: count }, (_, at) => `${at}-${at}`).join(',')}`;
  assert.equal(parseRange(header(1000), 5000).kind, 'parts');
  assert.equal(parseRange(header(1001), 5000).kind, 'whole');
});

test('parts that ask for as many bytes as there are, and no more, are sent', () => {
  assert.equal(parseRange('bytes=0-4,5-9', 10).kind, 'parts');
  assert.equal(parseRange('bytes=0-5,5-9', 10).kind, 'whole');
});

test('the length of a multipart answer is what it comes to', async () => {
  const content = Buffer.from('0123456789');
  const parts = [
    { start: 0, end: 0 },
    { start: 7, end: 9 },
  ];
  const multipart = createMultipart(parts, {
    size: content.length,
    contentType: 'text/plain',
    open: async ({ start, end }) =>
      (async function* part() {
        yield content.subarray(start, end + 1);
      })(),
  });
  const chunks: Uint8Array[] = [];
  for await (const chunk of multipart.content) chunks.push(chunk);
  assert.equal(Buffer.concat(chunks).length, multipart.length);
});
