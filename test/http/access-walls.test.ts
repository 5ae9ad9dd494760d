// Repositories as walls between accounts: what one may read opens nothing to another, by whichever door it is tried.
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { basic, openWithAccounts, PASSWORD, tokenFor } from '../support/access.ts';
import { type Answer, assertRefused, headerOf, jsonOf } from '../support/answers.ts';
import { clientOf, type Http } from '../support/app.ts';
import {
  beginUpload,
  blobOf,
  describe,
  manifestOf,
  pushBlob,
  pushImage,
  pushManifest,
  putManifest,
  withQuery,
} from '../support/content.ts';
import { mediaTypes } from '../support/sample-image.ts';

const registry = await openWithAccounts(
  { after },
  {
    users: ['alice', 'bob', 'carol'],
    settings: { auth: { failedlogins: { peraddress: 100_000, peraccount: 100_000 } } },
    policy: {
      rules: [
        { repositories: ['a/**'], for: ['user:alice'], actions: ['all'] },
        { repositories: ['b/**'], for: ['user:bob'], actions: ['all'] },
        { repositories: ['shared/**'], for: ['group:readers'], actions: ['pull'] },
        { repositories: ['shared/**'], for: ['user:alice'], actions: ['all'] },
      ],
      groups: { readers: ['bob'] },
    },
  },
);
const { http, accounts } = registry;
const origin = `http://127.0.0.1:${registry.port}`;
const withHeader = (authorization: string): Http => clientOf(origin).set('Authorization', authorization);
const alice = withHeader(basic('alice'));
const bob = withHeader(basic('bob'));

const secret = Buffer.from('only in a/priv');
const { digest: D } = blobOf(secret);
const unseen = blobOf('never seen by anybody').digest;
await pushBlob(alice, 'a/priv', secret);
const image = await pushImage(alice, 'a/priv', 'latest');
const shared = await pushImage(alice, 'shared/base', 'latest', { content: 'a base layer' });
await pushImage(bob, 'b/app', 'latest', { content: "bob's" });

/** What an answer says, less what differs from request to request and the digest that was asked for. */
function saying({ status, headers, body }: Answer, digest: string): string {
  const { date: _, 'x-request-id': __, location, 'docker-upload-uuid': id, ...kept } = headers;
  const place = location?.replace(id ?? '', '<id>');
  return JSON.stringify([status, kept, place, String(body)]).replaceAll(digest, '<digest>');
}

test('whoever shows nothing is asked for a token by every endpoint of a private repository (A01)', async () => {
  const session = headerOf(await alice.post('/v2/a/priv/blobs/uploads/').expect(202), 'Docker-Upload-UUID');
  for (const rest of [
    'manifests/latest',
    `manifests/${image.digest}`,
    `blobs/${D}`,
    'tags/list',
    `referrers/${image.digest}`,
    `blobs/uploads/${session}`,
    '_oci/ext/discover',
  ]) {
    for (const method of ['get', 'head'] as const) {
      for (const range of ['', 'bytes=0-1']) {
        const answer = await http[method](`/v2/a/priv/${rest}`).set('Range', range);
        assert.equal(answer.status, 401, `${method} ${rest}`);
        assert.match(headerOf(answer, 'WWW-Authenticate'), /^Bearer realm=.*scope="repository:a\/priv:\w+"$/);
      }
    }
  }
});

test('a token to pull and push deletes nothing (A03)', async () => {
  const token = withHeader(await tokenFor(registry, basic('alice'), 'repository:a/priv:pull,push'));
  for (const rest of [`manifests/${image.digest}`, 'manifests/latest', `blobs/${D}`]) {
    const answer = await token.delete(`/v2/a/priv/${rest}`);
    assertRefused(answer, 401, 'UNAUTHORIZED');
    assert.match(
      headerOf(answer, 'WWW-Authenticate'),
      /scope="repository:a\/priv:delete",error="insufficient_scope"/,
    );
    await alice.get(`/v2/a/priv/${rest}`).expect(200);
  }
});

test('a token to push reads nothing (A04)', async () => {
  const token = withHeader(await tokenFor(registry, basic('alice'), 'repository:a/priv:push'));
  for (const rest of ['manifests/latest', `manifests/${image.digest}`, `blobs/${D}`, 'tags/list']) {
    for (const method of ['get', 'head'] as const) {
      assert.equal((await token[method](`/v2/a/priv/${rest}`)).status, 401);
    }
  }
});

test('a blob of a foreign repository cannot be told from one that was never seen (A09)', async () => {
  for (const method of ['get', 'head', 'delete'] as const) {
    for (const range of ['', 'bytes=0-1']) {
      const ask = (digest: string) => bob[method](`/v2/b/app/blobs/${digest}`).set('Range', range);
      const answer = await ask(D);
      assert.equal(answer.status, 404);
      assert.equal(saying(answer, D), saying(await ask(unseen), unseen));
    }
  }
});

test('a mount out of a repository that may not be read is an upload, as if the blob were nowhere (A10)', async () => {
  const token = withHeader(
    await tokenFor(registry, basic('bob'), 'repository:b/app:pull,push repository:a/priv:pull'),
  );
  for (const client of [bob, token]) {
    const mount = (digest: string, from: string) =>
      client.post(`/v2/b/app/blobs/uploads/?mount=${digest}&from=${from}`);
    const answer = await mount(D, 'a/priv');
    assert.equal(answer.status, 202);
    assert.equal(saying(answer, D), saying(await mount(unseen, 'a/priv'), unseen));
    assert.equal(saying(answer, D), saying(await mount(D, 'a/nope'), D));
    await bob.get(`/v2/b/app/blobs/${D}`).expect(404);
  }
});

test('a mount without a source finds what the caller may read, and nothing else (A11)', async () => {
  const mount = (digest: string) => bob.post(`/v2/b/found/blobs/uploads/?mount=${digest}`);
  assert.equal((await mount(D)).status, 202);
  await bob.get(`/v2/b/found/blobs/${D}`).expect(404);
  assert.equal((await mount(shared.layer)).status, 201);
  await bob.get(`/v2/b/found/blobs/${shared.layer}`).expect(200);
});

test('a mount needs both scopes, and says so to who asks without a token (A12)', async () => {
  const path = `/v2/b/mounted/blobs/uploads/?mount=${shared.layer}&from=shared/base`;
  const asked = await http.post(path);
  assertRefused(asked, 401, 'UNAUTHORIZED');
  assert.match(
    headerOf(asked, 'WWW-Authenticate'),
    /scope="repository:b\/mounted:push repository:shared\/base:pull"/,
  );
  const token = async (...scopes: string[]) => withHeader(await tokenFor(registry, basic('bob'), ...scopes));
  const source = await token('repository:shared/base:pull');
  assertRefused(await source.post(path), 401, 'UNAUTHORIZED');
  const target = await token('repository:b/mounted:pull,push');
  assert.equal((await target.post(path)).status, 202);
  const both = await token('repository:b/mounted:pull,push', 'repository:shared/base:pull');
  assert.equal((await both.post(path)).status, 201);
});

test('a claim to have the bytes of a digest opens nothing without the bytes (A13)', async () => {
  for (const body of ['', 'wrong bytes', secret.subarray(0, 5)]) {
    const location = new URL(await beginUpload(bob, 'b/app')).pathname;
    assertRefused(await bob.put(withQuery(location, `digest=${D}`)).send(body), 400, 'DIGEST_INVALID');
    const posted = await bob.post(`/v2/b/app/blobs/uploads/?digest=${D}`).send(body);
    assertRefused(posted, 400, 'DIGEST_INVALID');
    await bob.get(`/v2/b/app/blobs/${D}`).expect(404);
  }
});

test('a manifest that lists a foreign blob or manifest is refused as if that were nowhere (A14)', async () => {
  const answers = [];
  for (const layer of [secret, Buffer.from('never seen by anybody')]) {
    const answer = await putManifest(bob, 'b/app', 'stolen', manifestOf({ layers: [layer] }));
    assertRefused(answer, 400, 'MANIFEST_BLOB_UNKNOWN');
    answers.push(saying(answer, blobOf(layer).digest).replaceAll(/"size":\d+|"content-length":"\d+"/g, ''));
  }
  assert.equal(answers[0], answers[1]);
  const manifests = [describe(image.bytes, mediaTypes.manifest)];
  const index = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: mediaTypes.index, manifests }));
  assertRefused(await putManifest(bob, 'b/app', 'stolen', index), 400, 'MANIFEST_BLOB_UNKNOWN');
  await bob.get(`/v2/b/app/blobs/${D}`).expect(404);
  await bob.get(`/v2/b/app/manifests/${image.digest}`).expect(404);
});

test('referrers of a foreign manifest are none (A17)', async () => {
  const subject = describe(image.bytes, mediaTypes.manifest);
  await pushManifest(alice, 'a/priv', 'signature', manifestOf({ fields: { subject } }));
  const own = jsonOf(await alice.get(`/v2/a/priv/referrers/${image.digest}`).expect(200));
  assert.equal((own['manifests'] as unknown[]).length, 1);
  const other = jsonOf(await bob.get(`/v2/b/app/referrers/${image.digest}`).expect(200));
  assert.deepEqual(other['manifests'], []);
});

test("an upload of somebody else's repository is not to be had, also with its id (CVE-2026-32589)", async () => {
  const session = headerOf(await alice.post('/v2/a/priv/blobs/uploads/').expect(202), 'Docker-Upload-UUID');
  for (const method of ['get', 'patch', 'put', 'delete'] as const) {
    assert.equal((await bob[method](`/v2/a/priv/blobs/uploads/${session}`)).status, 403);
    const path = `/v2/b/app/blobs/uploads/${session}?digest=${D}`;
    assert.equal((await bob[method](path)).status, 404, method);
  }
  await alice.get(`/v2/a/priv/blobs/uploads/${session}`).expect(204);
});

test('without rules for everybody, nobody lists without logging in; bob lists what is his or shared (A19)', async () => {
  for (const path of ['/v2/_catalog', '/v1/search?q=a']) {
    const answer = await http.get(path);
    assertRefused(answer, 401, 'UNAUTHORIZED');
    assert.match(headerOf(answer, 'WWW-Authenticate'), /scope="registry:catalog:\*"/);
  }
  const names = jsonOf(await bob.get('/v2/_catalog?n=1000').expect(200))['repositories'];
  assert.ok(Array.isArray(names) && names.length > 1);
  assert.deepEqual(
    names.filter((name) => !/^(b|shared)\//.test(String(name))),
    [],
  );
  const found = await bob.get('/v1/search?q=priv').expect(200);
  assert.deepEqual(jsonOf(found)['results'], []);
});

for (const header of [
  'X-Forwarded-User',
  'X-WEBAUTH-USER',
  'X-Remote-User',
  'Remote-User',
  'Proxy-Authorization',
]) {
  test(`${header} makes nobody anybody (A23)`, async () => {
    for (const value of ['alice', 'admin', basic('alice')]) {
      assertRefused(await http.get('/v2/a/priv/tags/list').set(header, value), 401, 'UNAUTHORIZED');
      assertRefused(await bob.get('/v2/a/priv/tags/list').set(header, value), 403, 'DENIED');
      assertRefused(await http.get('/berth/v1/users').set(header, value), 401, 'UNAUTHORIZED');
    }
  });
}

test('the admin API tells nobody but administrators which accounts there are (A25)', async () => {
  await accounts.robots.add({ name: 'ci', limits: [{ repositories: 'a/**', actions: ['pull'] }] });
  await accounts.groups.add('staff');
  const token = withHeader(await tokenFor(registry, basic('bob'), 'repository:b/app:pull'));
  const json = (client: Http, method: 'post' | 'patch' | 'put', path: string, body: object) =>
    client[method](`/berth/v1${path}`).set('Content-Type', 'application/json').send(JSON.stringify(body));
  const requests: readonly ((client: Http, name: string) => PromiseLike<Answer>)[] = [
    (client, name) => client.get(`/berth/v1/users/${name}`),
    (client, name) => client.delete(`/berth/v1/users/${name}`),
    (client, name) => json(client, 'patch', `/users/${name}`, { disabled: true }),
    (client, name) => json(client, 'put', `/users/${name}/password`, { password: 'taken over' }),
    (client, name) => client.get(`/berth/v1/groups/${name}`),
    (client, name) => client.put(`/berth/v1/groups/${name}/members/bob`),
    (client, name) => client.put(`/berth/v1/groups/staff/members/${name}`),
    (client, name) => client.get(`/berth/v1/robots/${name}`),
    (client, name) => json(client, 'patch', `/robots/${name}`, { disabled: true }),
    (client, name) => json(client, 'post', `/robots/${name}/secret`, {}),
    (client, name) => client.delete(`/berth/v1/robots/${name}`),
    (client, name) => json(client, 'post', '/tokens/revoke', { user: name }),
    (client, name) => json(client, 'post', '/tokens/revoke', { robot: name }),
    (client, name) => json(client, 'post', '/users', { name, password: PASSWORD }),
  ];
  for (const client of [bob, token, http]) {
    for (const [index, ask] of requests.entries()) {
      const answers = [];
      for (const name of ['alice', 'staff', 'ci', 'nobody']) {
        answers.push(saying(await ask(client, name), name));
      }
      assert.equal(new Set(answers).size, 1, `request ${index}`);
      assert.match(answers[0] ?? '', client === bob ? /^\[403/ : /^\[401/);
    }
  }
  assert.equal((await accounts.users.get('alice')).disabled, false);
  assert.equal((await accounts.robots.get('ci')).disabled, false);
  await alice.get('/v2/').expect(200);
});

for (const [header, value] of [
  ['X-HTTP-Method-Override', 'DELETE'],
  ['X-HTTP-Method', 'DELETE'],
  ['X-Method-Override', 'DELETE'],
] as const) {
  test(`${header} changes no method (A29)`, async () => {
    for (const method of ['get', 'head'] as const) {
      const path = '/v2/a/priv/manifests/latest?_method=DELETE';
      await alice[method](path).set(header, value).expect(200);
    }
    const posted = await alice.post(`/v2/a/priv/blobs/${D}?_method=DELETE`).set(header, value);
    assertRefused(posted, 405, 'UNSUPPORTED');
    await alice.get(`/v2/a/priv/blobs/${D}`).expect(200);
    await alice.get('/v2/a/priv/manifests/latest').expect(200);
  });
}

test('no mount that begins after a right was taken away is granted, however close it follows (A30)', async () => {
  const {
    http: client,
    accounts: those,
    port,
  } = await openWithAccounts(
    { after },
    {
      users: ['carol', 'root'],
      policy: {
        rules: [
          { repositories: ['priv/**'], for: ['group:readers'], actions: ['pull'] },
          { repositories: ['carol/**'], for: ['user:carol'], actions: ['all'] },
          { repositories: ['**'], for: ['user:root'], actions: ['all'] },
        ],
        groups: { readers: ['founder'] },
      },
    },
  );
  await those.groups.add('readers');
  const root = clientOf(`http://127.0.0.1:${port}`).set('Authorization', basic('root'));
  await pushBlob(root, 'priv/x', secret);
  await client.get('/v2/').set('Authorization', basic('carol')).expect(200);
  for (let round = 0; round < 250; round += 1) {
    await those.groups.join('readers', 'carol');
    const mount = (kind: string) =>
      client
        .post(`/v2/carol/${kind}${round}/blobs/uploads/?mount=${D}&from=priv/x`)
        .set('Authorization', basic('carol'));
    const during = [mount('during'), mount('beside')].map(async (answer) => (await answer).status);
    await those.groups.leave('readers', 'carol');
    const after = await Promise.all([mount('first'), mount('second')]);
    assert.deepEqual(
      after.map(({ status }) => status),
      [202, 202],
    );
    // Those began before, and may be answered either way.
    for (const status of await Promise.all(during)) assert.ok([201, 202].includes(status));
  }
  await client.get(`/v2/carol/first0/blobs/${D}`).set('Authorization', basic('carol')).expect(404);
});
