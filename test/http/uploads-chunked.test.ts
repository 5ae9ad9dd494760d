// Blobs pushed in chunks (distribution-spec end-5, end-6).
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { assertRefused, bytesOf, headerOf } from '../support/answers.ts';
import { openRegistry } from '../support/app.ts';
import { algorithms, beginUpload, blobOf, withQuery } from '../support/content.ts';

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

for (const algorithm of algorithms) {
  for (const hint of ['', `?digest-algorithm=${algorithm}`]) {
    test(`three chunks become a ${algorithm} blob${hint && ' that was announced'}`, async (t) => {
      const { http } = await openRegistry(t);
      const { bytes, digest } = blobOf('0123456789'.repeat(20_000), algorithm);
      const begun = await http.post(`/v2/app/blobs/uploads/${hint}`).expect(202);
      let location = headerOf(begun, 'Location');
      for (const [start, end] of [
        [0, 0],
        [1, 99_999],
        [100_000, 199_999],
      ] as const) {
        const answer = await http
          .patch(location)
          .set('Content-Range', `${start}-${end}`)
          .send(bytes.subarray(start, end + 1))
          .expect(202);
        assert.equal(answer.headers['range'], `0-${end}`);
        assert.match(answer.headers['docker-upload-uuid'] ?? '', UUID);
        assert.equal(answer.headers['content-length'], '0');
        location = headerOf(answer, 'Location');
      }
      const closed = await http.put(withQuery(location, `digest=${digest}`)).expect(201);
      assert.equal(closed.headers['location'], `/v2/app/blobs/${digest}`);
      assert.equal(closed.headers['docker-content-digest'], digest);
      assert.ok(bytes.equals(bytesOf(await http.get(`/v2/app/blobs/${digest}`))));
    });
  }

  test(`the last chunk may come with the PUT, with or without its place (${algorithm})`, async (t) => {
    const { http } = await openRegistry(t);
    for (const range of [undefined, '5-9']) {
      const { bytes, digest } = blobOf('0123456789', algorithm);
      const location = await beginUpload(http, 'app');
      await http.patch(location).send(bytes.subarray(0, 5)).expect(202);
      const put = http.put(withQuery(location, `digest=${digest}`));
      await (range === undefined ? put : put.set('Content-Range', range)).send(bytes.subarray(5)).expect(201);
    }
  });
}

test('chunks without Content-Range are added in the order in which they come', async (t) => {
  const { http } = await openRegistry(t);
  const location = await beginUpload(http, 'app');
  assert.equal((await http.patch(location).send('ab').expect(202)).headers['range'], '0-1');
  assert.equal((await http.patch(location).send('cde').expect(202)).headers['range'], '0-4');
  const { digest } = blobOf('abcde');
  await http.put(withQuery(location, `digest=${digest}`)).expect(201);
});

test('an upload of one byte and one of none both say Range: 0-0', async (t) => {
  const { http } = await openRegistry(t);
  const begun = await http.post('/v2/app/blobs/uploads/').expect(202);
  assert.equal(begun.headers['range'], '0-0');
  const location = headerOf(begun, 'Location');
  assert.equal((await http.patch(location).expect(202)).headers['range'], '0-0');
  assert.equal((await http.patch(location).send('x').expect(202)).headers['range'], '0-0');
});

for (const form of ['bytes 0-4/5', 'bytes 0-4/*', 'bytes=0-4', '0-4']) {
  test(`Content-Range: ${form} is understood`, async (t) => {
    const { http } = await openRegistry(t);
    const location = await beginUpload(http, 'app');
    const answer = await http.patch(location).set('Content-Range', form).send('12345').expect(202);
    assert.equal(answer.headers['range'], '0-4');
  });
}

const outOfPlace: Readonly<Record<string, string>> = {
  'that skips bytes': '7-9',
  'that repeats bytes': '3-5',
  'that starts again': '0-2',
  'of another form': 'five to seven',
  'that ends before it starts': '7-5',
  'with a negative start': '-1-5',
  'with a number beyond all bounds': '5-99999999999999999999',
};
for (const method of ['patch', 'put'] as const) {
  for (const [how, range] of Object.entries(outOfPlace)) {
    test(`a ${method.toUpperCase()} of a chunk ${how} is refused with 416, stores nothing and says where to go on`, async (t) => {
      const { http } = await openRegistry(t);
      const location = await beginUpload(http, 'app');
      const { digest } = blobOf('01234567');
      await http.patch(location).send('01234').expect(202);
      const path = method === 'put' ? withQuery(location, `digest=${digest}`) : location;
      const refused = await http[method](path).set('Content-Range', range).send('567');
      assertRefused(refused, 416, 'BLOB_UPLOAD_INVALID');
      assert.equal(refused.headers['range'], '0-4');
      assert.equal(refused.headers['location'], location);
      assert.match(refused.headers['docker-upload-uuid'] ?? '', UUID);
      const status = await http.get(location).expect(204);
      assert.equal(status.headers['range'], '0-4');
      await http.patch(location).set('Content-Range', '5-7').send('567').expect(202);
      await http.put(withQuery(location, `digest=${digest}`)).expect(201);
    });
  }
}

for (const [how, body] of [
  ['longer', '56789'],
  ['shorter', '5'],
  ['empty', ''],
] as const) {
  test(`a chunk whose body is ${how} than its Content-Range is refused with 400 and undone`, async (t) => {
    const { http } = await openRegistry(t);
    const location = await beginUpload(http, 'app');
    await http.patch(location).send('01234').expect(202);
    const refused = await http.patch(location).set('Content-Range', '5-7').send(body);
    assertRefused(refused, 400, 'SIZE_INVALID');
    assert.equal(refused.headers['range'], '0-4');
    assert.equal(refused.headers['location'], location);
    const { digest } = blobOf('01234567');
    await http
      .put(withQuery(location, `digest=${digest}`))
      .set('Content-Range', '5-7')
      .send('567')
      .expect(201);
  });
}

test('a PUT whose body is not as long as its Content-Range leaves the upload open', async (t) => {
  const { http } = await openRegistry(t);
  const location = await beginUpload(http, 'app');
  const { digest } = blobOf('01234');
  const refused = await http
    .put(withQuery(location, `digest=${digest}`))
    .set('Content-Range', '0-9')
    .send('01234');
  assertRefused(refused, 400, 'SIZE_INVALID');
  await http
    .put(withQuery(location, `digest=${digest}`))
    .send('01234')
    .expect(201);
});

test('chunks that are sent at once take turns: none is lost and none mixed with another', async (t) => {
  const { http } = await openRegistry(t);
  const location = await beginUpload(http, 'app');
  const letters = ['a', 'b', 'c', 'd', 'e'];
  const answers = await Promise.all(
    letters.map((letter) => http.patch(location).send(letter.repeat(100_000))),
  );
  assert.deepEqual(
    answers.map((answer) => answer.status),
    letters.map(() => 202),
  );
  const ranges = answers.map((answer) => Number(headerOf(answer, 'Range').slice(2)));
  assert.deepEqual(
    ranges.toSorted((left, right) => left - right),
    letters.map((_, index) => (index + 1) * 100_000 - 1),
  );
  const order = letters.toSorted((left, right) => place(left) - place(right));
  function place(letter: string): number {
    return ranges[letters.indexOf(letter)] ?? 0;
  }
  const { digest } = blobOf(order.map((letter) => letter.repeat(100_000)).join(''));
  await http.put(withQuery(location, `digest=${digest}`)).expect(201);
});
