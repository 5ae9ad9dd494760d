// Accounts of the registry's own over HTTP: the door, who may move and delete tags, what lists show, and what a refusal tells.
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { basic, openWithAccounts, PUBLIC_URL, tokenFor } from '../support/access.ts';
import { type Answer, assertRefused, headerOf, jsonOf } from '../support/answers.ts';
import { clientOf, type Http, openRegistry } from '../support/app.ts';
import { blobOf, describe, manifestOf, pushImage, pushManifest, putManifest } from '../support/content.ts';
import { digestOf, mediaTypes } from '../support/sample-image.ts';

const registry = await openWithAccounts(
  { after },
  {
    users: ['alice', 'bob', 'carol'],
    settings: { auth: { failedlogins: { peraddress: 100_000, peraccount: 100_000 } } },
    policy: {
      rules: [
        { repositories: ['team/**'], for: ['user:alice'], actions: ['all'] },
        { repositories: ['team/**'], for: ['user:bob'], actions: ['pull', 'push', 'overwrite', 'delete'] },
        { repositories: ['team/**'], for: ['user:carol'], actions: ['pull', 'push'] },
        // biome-ignore lint/suspicious/noTemplateCurlyInString: as rules have it
        { repositories: ['${user}/**'], for: ['authenticated'], actions: ['all'] },
        { repositories: ['public/**'], for: ['everyone'], actions: ['pull'] },
        { repositories: ['public/**'], for: ['user:alice'], actions: ['all'] },
      ],
      immutabletags: [{ repositories: ['team/**'], tags: ['v[0-9]*'], except: ['*-dev'] }],
    },
  },
);
const { http } = registry;
const as = (name: string): Http =>
  clientOf(`http://127.0.0.1:${registry.port}`).set('Authorization', basic(name));
const [alice, bob, carol] = [as('alice'), as('bob'), as('carol')] as const;

const manifest = (text: string) => manifestOf({ fields: { annotations: { text } } });

async function tagOf(repository: string, tag: string): Promise<string | undefined> {
  return (await alice.head(`/v2/${repository}/manifests/${tag}`)).headers['docker-content-digest'];
}

async function namesIn(client: Http, path: string): Promise<unknown> {
  const body = jsonOf(await client.get(path).expect(200));
  const { results } = body;
  if (!Array.isArray(results)) return body['repositories'];
  return results.map(({ name }: { readonly name: string }) => name).sort();
}

test('the door asks for a token, and lets in who has one, however little it allows', async () => {
  const door = await http.get('/v2/');
  assertRefused(door, 401, 'UNAUTHORIZED');
  assert.equal(headerOf(door, 'WWW-Authenticate'), `Bearer realm="${PUBLIC_URL}/auth/token",service="berth"`);
  await http
    .get('/v2/')
    .set('Authorization', await tokenFor(registry, basic('bob')))
    .expect(200);
  await bob.get('/v2/').expect(200);
});

test('an empty name and password are nobody, as old dockers send them', async () => {
  const nobody = clientOf(`http://127.0.0.1:${registry.port}`).set('Authorization', 'Basic Og==');
  assertRefused(await nobody.get('/v2/'), 401, 'UNAUTHORIZED');
  await pushImage(alice, 'public/tool', 'latest');
  await nobody.get('/v2/public/tool/manifests/latest').expect(200);
  const { status } = await nobody.get('/auth/token?scope=repository:public/tool:pull');
  assert.equal(status, 200);
});

test('whoever has no account pulls what is for everyone, with a token of their own or without any', async () => {
  await pushImage(alice, 'public/app', 'latest');
  await http.get('/v2/public/app/manifests/latest').expect(200);
  const token = await tokenFor(
    registry,
    undefined,
    'repository:public/app:pull,push repository:team/app:pull',
  );
  const asked = (path: string) => http.get(path).set('Authorization', token);
  assert.equal((await asked('/v2/public/app/manifests/latest')).status, 200);
  assertRefused(await asked('/v2/team/app/manifests/latest'), 401, 'UNAUTHORIZED');
  const push = await http.post('/v2/public/app/blobs/uploads/').set('Authorization', token);
  assertRefused(push, 401, 'UNAUTHORIZED');
  assert.match(
    headerOf(push, 'WWW-Authenticate'),
    /,scope="repository:public\/app:push",error="insufficient_scope"$/,
  );
});

test('a token allows what was asked for as far as its owner may do it', async () => {
  const scope = async (name: string, wanted: string) => {
    const answer = await as(name)
      .get(`/auth/token?scope=${encodeURIComponent(wanted)}`)
      .expect(200);
    return jsonOf(answer)['scope'];
  };
  assert.equal(await scope('carol', 'repository:team/app:pull,push'), 'repository:team/app:pull,push');
  assert.equal(
    await scope('bob', 'repository:team/app:pull,push'),
    'repository:team/app:pull,push,overwrite',
  );
  assert.equal(await scope('carol', 'repository:bob/app:pull,push'), '');
  assert.equal(
    await scope('carol', 'repository:team/app:delete repository:carol/x:delete'),
    'repository:carol/x:delete,admin',
  );
});

test('who is not allowed something is told so with 403, and with a token of too little scope with 401', async () => {
  const answer = await putManifest(carol, 'bob/app', 'latest', manifest(''));
  assert.deepEqual(assertRefused(answer, 403, 'DENIED').detail, [
    { Type: 'repository', Class: '', Name: 'bob/app', Action: 'push' },
  ]);
  const token = await tokenFor(registry, basic('alice'), 'repository:team/app:pull');
  const again = await putManifest(http, 'team/app', 'latest', manifest('')).set('Authorization', token);
  assertRefused(again, 401, 'UNAUTHORIZED');
  assert.match(
    headerOf(again, 'WWW-Authenticate'),
    /scope="repository:team\/app:push",error="insufficient_scope"/,
  );
});

test('an immutable tag is pushed once, and again only as it is', async () => {
  const { digest, bytes } = await pushImage(bob, 'team/fixed', 'v1');
  await pushManifest(bob, 'team/fixed', 'v1', bytes);
  const answer = await putManifest(bob, 'team/fixed', 'v1', manifest('other'));
  assert.deepEqual(assertRefused(answer, 403, 'DENIED').detail, { tag: 'v1' });
  assert.equal(await tagOf('team/fixed', 'v1'), digest);
  await pushManifest(bob, 'team/fixed', 'v1-dev', bytes);
  await pushManifest(bob, 'team/fixed', 'v1-dev', manifest('excepted'));
  await pushManifest(bob, 'team/fixed', 'rev1', bytes);
  await pushManifest(bob, 'team/fixed', 'rev1', manifest('a part of the name is not the name'));
});

test('an immutable tag is not deleted: not by name, and not by the digest that it names', async () => {
  const { digest } = await pushImage(bob, 'team/kept', 'v2');
  await pushManifest(bob, 'team/kept', 'latest', (await pushImage(bob, 'team/kept', 'v2')).bytes);
  for (const reference of ['v2', digest]) {
    const answer = await bob.delete(`/v2/team/kept/manifests/${reference}`);
    assert.deepEqual(assertRefused(answer, 403, 'DENIED').detail, { tag: 'v2' });
  }
  assert.equal(await tagOf('team/kept', 'v2'), digest);
  assert.equal(await tagOf('team/kept', 'latest'), digest, 'no tag is gone');
  await bob.delete('/v2/team/kept/manifests/latest').expect(202);
});

test('what an immutable tag is made of is not deleted either', async () => {
  const child = await pushImage(bob, 'team/whole', 'child', { content: 'a layer of an immutable image' });
  const index = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: mediaTypes.index,
      manifests: [describe(child.bytes, mediaTypes.manifest)],
    }),
  );
  await pushManifest(bob, 'team/whole', 'v3', index);
  await bob.delete('/v2/team/whole/manifests/child').expect(202);
  assertRefused(await bob.delete(`/v2/team/whole/manifests/${child.digest}`), 403, 'DENIED');
  assertRefused(await bob.delete(`/v2/team/whole/blobs/${child.layer}`), 403, 'DENIED');
  const config = blobOf('{}').digest;
  assertRefused(await bob.delete(`/v2/team/whole/blobs/${config}`), 403, 'DENIED');
  const other = await pushImage(bob, 'team/whole', 'other', { content: 'of no immutable image' });
  await bob.delete(`/v2/team/whole/blobs/${other.layer}`).expect(202);
  await bob.delete(`/v2/team/whole/manifests/${other.digest}`).expect(202);
  await alice.delete(`/v2/team/whole/manifests/${child.digest}`).expect(202);
  await alice.delete(`/v2/team/whole/blobs/${child.layer}`).expect(202);
});

test('who administers the repository may move and delete immutable tags, by password and by token', async () => {
  await pushImage(bob, 'team/admin', 'v4');
  await pushManifest(alice, 'team/admin', 'v4', manifest('moved by password'));
  const token = await tokenFor(registry, basic('alice'), 'repository:team/admin:pull,push');
  const moved = await putManifest(http, 'team/admin', 'v4', manifest('by token')).set('Authorization', token);
  assert.equal(moved.status, 201);
  await alice.delete('/v2/team/admin/manifests/v4').expect(202);
});

for (const rules of [
  undefined,
  [{ repositories: ['**'], for: ['everyone'], actions: ['write', 'pull', 'delete'] }],
]) {
  test(`immutable tags hold where nobody has an account, ${rules === undefined ? 'without' : 'with'} rules`, async (t) => {
    const immutabletags = [{ repositories: ['**'], tags: ['v*'] }];
    const policy = { immutabletags, ...(rules && { rules }) };
    const { http: anybody } = await openRegistry(t, { settings: { auth: { none: {}, policy } } });
    const { digest, layer } = await pushImage(anybody, 'app', 'v1');
    await pushManifest(anybody, 'app', 'latest', manifest('one'));
    await pushManifest(anybody, 'app', 'latest', manifest('two'));
    assertRefused(await putManifest(anybody, 'app', 'v1', manifest('other')), 403, 'DENIED');
    for (const rest of ['manifests/v1', `manifests/${digest}`, `blobs/${layer}`]) {
      assertRefused(await anybody.delete(`/v2/app/${rest}`), 403, 'DENIED');
    }
    await anybody.delete('/v2/app/manifests/latest').expect(202);
  });
}

test('without the right to overwrite, no tag that is there is moved, and the same push again is fine (A05)', async () => {
  const { digest, bytes } = await pushImage(carol, 'team/once', 'latest');
  await pushManifest(carol, 'team/once', '1.0', bytes);
  const token = await tokenFor(registry, basic('carol'), 'repository:team/once:pull,push');
  for (const tag of ['latest', '1.0']) {
    assertRefused(await putManifest(carol, 'team/once', tag, manifest('new')), 403, 'DENIED');
    const byToken = await putManifest(http, 'team/once', tag, manifest('new')).set('Authorization', token);
    assertRefused(byToken, 403, 'DENIED');
    assert.equal(await tagOf('team/once', tag), digest);
    await pushManifest(carol, 'team/once', tag, bytes);
  }
});

test('one forbidden tag of several changes nothing at all: no tag, and no manifest (A06)', async () => {
  const { digest } = await pushImage(carol, 'team/several', 'latest');
  const bytes = manifest('with several tags');
  const other = digestOf(bytes);
  for (const query of ['tag=latest&tag=new', 'tag=new&tag=latest', 'tag=a&tag=latest&tag=z']) {
    const answer = await putManifest(carol, 'team/several', `${other}?${query}`, bytes);
    assert.deepEqual(assertRefused(answer, 403, 'DENIED').detail, { tag: 'latest' });
  }
  const { tags } = jsonOf(await alice.get('/v2/team/several/tags/list').expect(200));
  assert.deepEqual(tags, ['latest']);
  assert.equal(await tagOf('team/several', 'latest'), digest);
  assert.equal(await tagOf('team/several', other), undefined);
});

test('catalog and search show what may be pulled, whoever asks and however (A19)', async () => {
  for (const name of ['team/shown', 'public/shown', 'alice/shown']) await pushImage(alice, name, 'latest');
  await pushImage(bob, 'bob/shown', 'latest');
  const searched = '/v1/search?q=shown';
  for (const [client, names] of [
    [http, ['public/shown']],
    [bob, ['bob/shown', 'public/shown', 'team/shown']],
    [alice, ['alice/shown', 'public/shown', 'team/shown']],
    [carol, ['public/shown', 'team/shown']],
  ] as const) {
    const listed = await namesIn(client, '/v2/_catalog?n=1000');
    assert.ok(Array.isArray(listed));
    assert.deepEqual(
      listed.filter((name) => String(name).endsWith('/shown')),
      names,
    );
    assert.deepEqual(await namesIn(client, searched), names);
  }
  const scope = 'registry:catalog:*';
  const bearer = clientOf(`http://127.0.0.1:${registry.port}`);
  bearer.set('Authorization', await tokenFor(registry, basic('carol'), scope));
  assert.deepEqual(await namesIn(bearer, searched), ['public/shown', 'team/shown']);
});

test('a page of the catalog is not shorter, and does not link on, for what the caller may not see', async () => {
  for (const name of ['alice/a1', 'alice/a2']) await pushImage(alice, name, 'latest');
  await pushImage(bob, 'bob/page', 'latest');
  const first = await bob.get('/v2/_catalog?n=1');
  assert.deepEqual(jsonOf(first)['repositories'], ['bob/page']);
  const after = await bob.get('/v2/_catalog?n=1000&last=alice/a1');
  assert.ok(!String(after.body).includes('alice/'));
  assert.equal(after.headers['link'], undefined);
});

test('tags and referrers are lists of a repository, and for those who may pull it', async () => {
  const image = await pushImage(alice, 'alice/lists', 'latest');
  const paths = ['/v2/alice/lists/tags/list', `/v2/alice/lists/referrers/${image.digest}`];
  for (const path of paths) {
    await alice.get(path).expect(200);
    assertRefused(await bob.get(path), 403, 'DENIED');
    assertRefused(await http.get(path), 401, 'UNAUTHORIZED');
  }
});

/** All of an answer but what differs from request to request, and the name that was asked about. */
function seen({ status, headers, body }: Answer, name: string): string {
  const { date: _date, 'x-request-id': _id, ...kept } = headers;
  return JSON.stringify([status, kept, String(body)]).replaceAll(name, '<name>');
}

test('a refused private repository and one that does not exist answer alike, byte for byte, to every request', async () => {
  const { digest, layer } = await pushImage(alice, 'alice/priv', 'latest');
  const begun = await alice.post('/v2/alice/priv/blobs/uploads/').expect(202);
  const session = headerOf(begun, 'Docker-Upload-UUID');
  const token = await tokenFor(
    registry,
    basic('bob'),
    'repository:alice/priv:pull repository:alice/nope:pull',
  );
  const header = [undefined, basic('bob'), token, basic('robot+none', 'wrong secret'), 'Bearer none'];
  const requests = [
    ...['latest', 'v1', digest, 'sha256:bad', digestOf(Buffer.from('unseen'))].flatMap((reference) =>
      (['get', 'head', 'put', 'delete'] as const).map(
        (method) => [method, `manifests/${reference}`] as const,
      ),
    ),
    ...[layer, digestOf(Buffer.from('unseen'))].flatMap((blob) =>
      (['get', 'head', 'delete'] as const).map((method) => [method, `blobs/${blob}`] as const),
    ),
    ...(['get', 'patch', 'put', 'delete'] as const).map(
      (method) => [method, `blobs/uploads/${session}`] as const,
    ),
    ['post', 'blobs/uploads/'],
    ['post', `blobs/uploads/?mount=${layer}&from=alice/lists`],
    ['get', 'tags/list'],
    ['get', `referrers/${digest}`],
    ['get', '_oci/ext/discover'],
    ['post', 'tags/list'],
  ] as const;
  for (const authorization of header) {
    for (const [method, rest] of requests) {
      const ask = async (name: string) => {
        const request = http[method](`/v2/${name}/${rest}`);
        return seen(
          await (authorization === undefined ? request : request.set('Authorization', authorization)),
          name,
        );
      };
      const answer = await ask('alice/priv');
      assert.equal(answer, await ask('alice/nope'), `${method} ${rest} as ${authorization?.slice(0, 12)}`);
      assert.match(answer, /^\[40[135],/);
    }
  }
  await alice.get(`/v2/alice/priv/blobs/uploads/${session}`).expect(204);
  assert.equal(await tagOf('alice/priv', 'latest'), digest);
});
