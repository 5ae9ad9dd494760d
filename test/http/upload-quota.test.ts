// How many uploads one client may have open (`http.openuploads`).
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ANONYMOUS } from '../../src/auth/caller.ts';
import { createUploadQuota, uploadClientOf } from '../../src/http/upload-quota.ts';
import { RegistryError } from '../../src/registry/errors.ts';
import { parseRepositoryName } from '../../src/registry/name.ts';
import { parseSessionId } from '../../src/registry/sessions.ts';
import { assertRefused } from '../support/answers.ts';
import { openRegistry } from '../support/app.ts';
import { beginUpload, blobOf, withQuery } from '../support/content.ts';

const BEGIN = '/v2/app/blobs/uploads/';
const few = { settings: { http: { openuploads: 3 } } };

test('one upload too many is refused with 429 and Retry-After, and nothing is kept of it', async (t) => {
  const { http } = await openRegistry(t, few);
  for (let count = 0; count < 3; count += 1) await beginUpload(http, 'app');
  const answer = await http.post(BEGIN);
  assertRefused(answer, 429, 'TOOMANYREQUESTS');
  assert.match(answer.headers['retry-after'] ?? '', /^[1-9]\d*$/);
  assert.equal(answer.headers['location'], undefined);
});

test('whoever finishes or cancels an upload may begin another one', async (t) => {
  const { http } = await openRegistry(t, few);
  const [first, second, third] = [
    await beginUpload(http, 'app'),
    await beginUpload(http, 'app'),
    await beginUpload(http, 'app'),
  ];
  await http.post(BEGIN).expect(429);
  await http
    .put(withQuery(first, `digest=${blobOf('one').digest}`))
    .send('one')
    .expect(201);
  const again = await beginUpload(http, 'app');
  await http.post(BEGIN).expect(429);
  await http.delete(second).expect(204);
  await beginUpload(http, 'app');
  await http.post(BEGIN).expect(429);
  // Of another digest: the upload is dropped, and counted no more.
  await http
    .put(withQuery(third, `digest=${blobOf('one').digest}`))
    .send('two')
    .expect(400);
  await beginUpload(http, 'app');
  await http.delete(again).expect(204);
});

test('requests at the same time do not get past the limit', async (t) => {
  const { http } = await openRegistry(t, few);
  const answers = await Promise.all(Array.from({ length: 12 }, () => http.post(BEGIN)));
  const begun = answers.filter(({ status }) => status === 202);
  assert.equal(begun.length, 3);
  assert.ok(answers.every(({ status }) => status === 202 || status === 429));
});

test('an upload that is asked for in another repository, or spoiled by a wrong chunk, stays counted', async (t) => {
  const { http } = await openRegistry(t, few);
  const location = await beginUpload(http, 'app');
  await beginUpload(http, 'app');
  await beginUpload(http, 'app');
  await http.delete(location.replace('/v2/app/', '/v2/other/')).expect(404);
  await http.patch(location).set('Content-Range', '5-6').send('ab').expect(416);
  await http.put(withQuery(location, 'digest=nonsense')).expect(400);
  await http.post(BEGIN).expect(429);
});

test('what needs no session is not counted: mounts and uploads in one request', async (t) => {
  const { http } = await openRegistry(t, few);
  const { digest, bytes } = blobOf('content');
  for (let count = 0; count < 5; count += 1)
    await http.post(`${BEGIN}?digest=${digest}`).send(bytes).expect(201);
  for (let count = 0; count < 5; count += 1)
    await http.post(`/v2/other/blobs/uploads/?mount=${digest}&from=app`).expect(201);
});

test('each account has its own limit, whatever its address', async (t) => {
  const registry = await openRegistry(t, {
    settings: { auth: { berth: {} }, http: { openuploads: 2 } },
  });
  const { http, access } = registry;
  assert.ok(access.accounts);
  const password = 'correct horse battery';
  for (const name of ['alice', 'bob']) await access.accounts.users.add({ name, password });
  for (const name of ['alice', 'bob']) {
    await http.post(BEGIN).auth(name, password).expect(202);
    await http.post(BEGIN).auth(name, password).expect(202);
    await http.post(BEGIN).auth(name, password).expect(429);
  }
});

test('0 is no limit', async (t) => {
  const { http } = await openRegistry(t, { settings: { http: { openuploads: 0 } } });
  for (let count = 0; count < 20; count += 1) await beginUpload(http, 'app');
});

const app = parseRepositoryName('app');

function openQuota(most: number) {
  let minutes = 0;
  let begun = 0;
  const quota = createUploadQuota({ most, now: () => new Date(minutes * 60_000) });
  return {
    quota,
    wait: (more: number) => {
      minutes += more;
    },
    async begin(client = 'alice') {
      begun += 1;
      const id = parseSessionId(`00000000-0000-4000-8000-${String(begun).padStart(12, '0')}`);
      await quota.begin(client, async () => ({ repository: app, id, startedAt: new Date(0), size: 0 }));
      return id;
    },
  };
}

const tooMany = { name: 'RegistryError', reason: 'tooManyRequests' };

test('an upload that nobody goes on with for an hour is counted no more', async () => {
  const { quota, begin, wait } = openQuota(2);
  const slow = await begin();
  await begin();
  wait(50);
  quota.wentOn(app, slow);
  await assert.rejects(begin(), tooMany);
  wait(15);
  await begin();
  await assert.rejects(begin(), tooMany);
  // The slow one is forgotten now, and its end changes nothing.
  wait(50);
  await begin();
  quota.ended(app, slow);
  await assert.rejects(begin(), tooMany);
});

test('a begin that fails costs nothing', async () => {
  const { quota, begin } = openQuota(1);
  const failing = () => Promise.reject(new RegistryError('unavailable'));
  for (let count = 0; count < 3; count += 1)
    await assert.rejects(quota.begin('alice', failing), { reason: 'unavailable' });
  await begin();
  await assert.rejects(quota.begin('alice', failing), tooMany);
});

test('a client is an account wherever it is, and without one an address, of IPv6 a network', () => {
  const alice = { kind: 'account', name: 'alice', groups: [] } as const;
  assert.equal(uploadClientOf(alice, '10.0.0.1'), uploadClientOf(alice, '10.0.0.2'));
  assert.notEqual(uploadClientOf(alice, ''), uploadClientOf({ ...alice, kind: 'robot' }, ''));
  const federated = { ...alice, kind: 'federated', issuer: 'github' } as const;
  assert.notEqual(uploadClientOf(federated, ''), uploadClientOf({ ...federated, issuer: 'gitlab' }, ''));
  const from = (address: string) => uploadClientOf(ANONYMOUS, address);
  assert.notEqual(from('10.0.0.1'), from('10.0.0.2'));
  assert.equal(from('2001:db8::1'), from('2001:db8::2'));
});
