// distribution-spec end-12.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { assertRefused, bytesOf, headerOf, jsonOf } from '../support/answers.ts';
import { type Http, openRegistry } from '../support/app.ts';
import {
  algorithms,
  blobOf,
  describe,
  EMPTY_CONFIG,
  EMPTY_TYPE,
  indexOf,
  manifestOf,
  pushBlob,
  pushImage,
  pushManifest,
  putManifest,
} from '../support/content.ts';
import { listed, pushReferrer } from '../support/referrers.ts';
import { digestOf, mediaTypes } from '../support/sample-image.ts';

for (const algorithm of algorithms) {
  test(`a manifest with a subject is listed under the ${algorithm} digest of it, and the push says so`, async (t) => {
    const { http } = await openRegistry(t);
    const image = await pushImage(http, 'app', 'digest', { algorithm });
    const subject = describe(image.bytes, mediaTypes.manifest, algorithm);
    const annotations = { 'org.example.what': 'a signature', empty: '' };
    const bytes = manifestOf({ algorithm, fields: { subject, artifactType: 'text/signature', annotations } });
    const digest = digestOf(bytes, algorithm);
    const pushed = await putManifest(http, 'app', digest, bytes).expect(201);
    assert.equal(pushed.headers['oci-subject'], image.digest);
    const answer = await http.get(`/v2/app/referrers/${image.digest}`).expect(200);
    assert.equal(answer.headers['content-type'], mediaTypes.index);
    assert.equal(answer.headers['oci-filters-applied'], undefined);
    assert.deepEqual(jsonOf(answer), {
      schemaVersion: 2,
      mediaType: mediaTypes.index,
      manifests: [
        {
          mediaType: mediaTypes.manifest,
          digest,
          size: bytes.length,
          artifactType: 'text/signature',
          annotations,
        },
      ],
    });
  });

  test(`a ${algorithm} digest that nobody knows has an empty list, also in no repository`, async (t) => {
    const { http } = await openRegistry(t);
    for (const name of ['app', 'no/such']) {
      const path = `/v2/${name}/referrers/${algorithm}:${'0'.repeat(algorithm === 'sha256' ? 64 : 128)}`;
      const answer = await http.get(path).expect(200);
      assert.equal(answer.headers['content-type'], mediaTypes.index);
      assert.deepEqual(jsonOf(answer)['manifests'], []);
    }
  });
}

test('a subject that is not there yet is accepted, and has its referrers before it comes', async (t) => {
  const { http } = await openRegistry(t);
  await pushBlob(http, 'app', EMPTY_CONFIG);
  const subject = describe(Buffer.from('to come'), mediaTypes.manifest);
  const { digest } = await pushReferrer(http, subject);
  assert.deepEqual(
    (await listed(http, subject.digest)).map((entry) => Reflect.get(Object(entry), 'digest')),
    [digest],
  );
});

test('a manifest without an artifactType shows the type of its config, an index none', async (t) => {
  const { http } = await openRegistry(t);
  const { bytes } = await pushImage(http, 'app', 'latest');
  const subject = describe(bytes, mediaTypes.manifest);
  const entry = await pushReferrer(http, subject);
  const index = indexOf([], { subject });
  await pushManifest(http, 'app', digestOf(index), index);
  const expected = [{ ...entry, artifactType: EMPTY_TYPE }, describe(index, mediaTypes.index)];
  assert.deepEqual(await listed(http, subject.digest), sortedByDigest(expected));
});

test('a filter keeps the types that it names, any of them, and says that it was applied', async (t) => {
  const { http } = await openRegistry(t);
  const { bytes } = await pushImage(http, 'app', 'latest');
  const subject = describe(bytes, mediaTypes.manifest);
  const entries = [];
  for (const artifactType of ['text/a', 'text/b', 'text/c+json']) {
    entries.push({ ...(await pushReferrer(http, subject, { artifactType })), artifactType });
  }
  const [a, b, c] = entries;
  const filtered = async (query: string) => {
    const answer = await http.get(`/v2/app/referrers/${subject.digest}?${query}`).expect(200);
    assert.equal(answer.headers['oci-filters-applied'], 'artifactType');
    return jsonOf(answer)['manifests'];
  };
  assert.deepEqual(await filtered('artifactType=text/a'), [a]);
  assert.deepEqual(await filtered('artifactType=text%2Fc%2Bjson'), [c]);
  assert.deepEqual(await filtered('artifactType=text/a&artifactType=text/b'), sortedByDigest([a, b]));
  assert.deepEqual(await filtered('artifactType=text/nothing'), []);
  assert.deepEqual(await listed(http, subject.digest), sortedByDigest(entries));
});

test('an empty filter is none', async (t) => {
  const { http } = await openRegistry(t);
  await pushBlob(http, 'app', EMPTY_CONFIG);
  const subject = describe(Buffer.from('to come'), mediaTypes.manifest);
  await pushReferrer(http, subject);
  const answer = await http.get(`/v2/app/referrers/${subject.digest}?artifactType=`).expect(200);
  assert.equal(answer.headers['oci-filters-applied'], undefined);
  assert.equal((jsonOf(answer)['manifests'] as unknown[]).length, 1);
});

test('a list is read in pages that carry the filter along', async (t) => {
  const { http } = await openRegistry(t);
  const { bytes } = await pushImage(http, 'app', 'latest');
  const subject = describe(bytes, mediaTypes.manifest);
  const entries = [];
  for (let number = 0; number < 5; number += 1) {
    const artifactType = 'text/kept; q=1';
    const annotations = { number: String(number) };
    const entry = await pushReferrer(http, subject, { artifactType, annotations });
    entries.push({ ...entry, artifactType, annotations });
    await pushReferrer(http, subject, { artifactType: 'text/other', annotations });
  }
  const seen: unknown[] = [];
  let next: string | undefined = `/v2/app/referrers/${subject.digest}?artifactType=text/kept;%20q=1&n=2`;
  while (next !== undefined) {
    const answer: Awaited<ReturnType<Http['get']>> = await http.get(next).expect(200);
    assert.equal(answer.headers['oci-filters-applied'], 'artifactType');
    seen.push(...(jsonOf(answer)['manifests'] as unknown[]));
    next = answer.headers['link'] && /^<([^>]+)>; rel="next"$/.exec(headerOf(answer, 'Link'))?.[1];
    assert.ok(next === undefined || next.startsWith(`/v2/app/referrers/${subject.digest}?`));
  }
  assert.deepEqual(seen, sortedByDigest(entries));
});

test('a list beyond what clients take is split, and no page is larger than 4 MiB', async (t) => {
  const { http } = await openRegistry(t);
  await pushBlob(http, 'app', EMPTY_CONFIG);
  const subject = describe(Buffer.from('to come'), mediaTypes.manifest);
  for (let number = 0; number < 5; number += 1) {
    await pushReferrer(http, subject, {
      annotations: { number: String(number), filling: 'x'.repeat(1_500_000) },
    });
  }
  let next: string | undefined = `/v2/app/referrers/${subject.digest}`;
  let pages = 0;
  const seen = new Set<unknown>();
  while (next !== undefined) {
    const answer: Awaited<ReturnType<Http['get']>> = await http.get(next).expect(200);
    assert.ok(bytesOf(answer).length <= 4 * 1024 * 1024);
    for (const entry of jsonOf(answer)['manifests'] as { digest: string }[]) seen.add(entry.digest);
    pages += 1;
    next = answer.headers['link'] && /^<([^>]+)>; rel="next"$/.exec(headerOf(answer, 'Link'))?.[1];
  }
  assert.equal(seen.size, 5);
  assert.equal(pages, 3);
});

test('n=0 gives an empty list without a Link', async (t) => {
  const { http } = await openRegistry(t);
  await pushBlob(http, 'app', EMPTY_CONFIG);
  const subject = describe(Buffer.from('to come'), mediaTypes.manifest);
  await pushReferrer(http, subject);
  const answer = await http.get(`/v2/app/referrers/${subject.digest}?n=0`).expect(200);
  assert.deepEqual(jsonOf(answer)['manifests'], []);
  assert.equal(answer.headers['link'], undefined);
});

test('a manifest cannot be its own subject, and two that name each other are listed once each', async (t) => {
  const { http } = await openRegistry(t);
  await pushBlob(http, 'app', EMPTY_CONFIG);
  const first = await pushReferrer(http, describe(Buffer.from('unknown'), mediaTypes.manifest));
  const second = await pushReferrer(http, first);
  assert.equal((await listed(http, first.digest)).length, 1);
  assert.deepEqual(await listed(http, second.digest), []);
});

test('a referrer whose manifest is gone is not listed, although a crash left its note', async (t) => {
  const { http, driver } = await openRegistry(t);
  await pushBlob(http, 'app', EMPTY_CONFIG);
  const subject = describe(Buffer.from('to come'), mediaTypes.manifest);
  const { digest } = await pushReferrer(http, subject);
  const hex = digest.slice('sha256:'.length);
  await driver.delete(`docker/registry/v2/repositories/app/_manifests/revisions/sha256/${hex}`);
  assert.deepEqual(await listed(http, subject.digest), []);
});

test('a subject of an illegal digest is refused', async (t) => {
  const { http } = await openRegistry(t);
  await pushBlob(http, 'app', EMPTY_CONFIG);
  const subject = { ...describe(Buffer.from('x'), 'text/plain'), digest: 'sha256:../../x' };
  assertRefused(
    await putManifest(http, 'app', 'a', manifestOf({ fields: { subject } })),
    400,
    'MANIFEST_INVALID',
  );
});

test('what stands for referrers in one repository says nothing in another one', async (t) => {
  const { http } = await openRegistry(t);
  await pushBlob(http, 'app', EMPTY_CONFIG);
  const { digest } = blobOf('subject');
  await pushReferrer(http, { ...describe(Buffer.from('subject'), 'text/plain') });
  assert.equal((await listed(http, digest)).length, 1);
  const other = await http.get(`/v2/other/referrers/${digest}`).expect(200);
  assert.deepEqual(jsonOf(other)['manifests'], []);
});

function sortedByDigest<T>(entries: readonly T[]): T[] {
  const digest = (entry: T) => String(Reflect.get(Object(entry), 'digest'));
  return entries.toSorted((left, right) => (digest(left) < digest(right) ? -1 : 1));
}
