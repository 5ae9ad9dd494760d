// Logging in at a registry that is read-only: pulls need tokens as ever, and nothing is written for them.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { basic, openWithAccounts, postForm, tokenFor } from '../support/access.ts';
import { assertRefused, jsonOf } from '../support/answers.ts';
import { clientOf } from '../support/app.ts';
import { pushImage } from '../support/content.ts';
import { objectsBelow } from '../support/test-store.ts';

const scope = 'repository:team/app:pull';

test('a read-only registry makes tokens, by query and by form, and writes nothing', async (t) => {
  const before = await openWithAccounts(t, { users: ['alice'] });
  const alice = clientOf(`http://127.0.0.1:${before.port}`).set('Authorization', basic('alice'));
  await pushImage(alice, 'team/app', 'latest');
  const offline = `/auth/token?offline_token=true&scope=${scope}`;
  const { refresh_token: kept } = jsonOf(await alice.get(offline).expect(200));
  const settings = { storage: { maintenance: { readonly: { enabled: true } } } };
  const registry = await openWithAccounts(t, { driver: before.driver, settings });
  const { http } = registry;
  const stored = await objectsBelow(before.driver, 'docker');
  const token = await tokenFor(registry, basic('alice'), scope);
  await http.get('/v2/team/app/manifests/latest').set('Authorization', token).expect(200);
  const login = jsonOf(await http.get(offline).set('Authorization', basic('alice')).expect(200));
  assert.equal(login['refresh_token'], undefined, 'it would have to be written down');
  const form = { grant_type: 'refresh_token', refresh_token: String(kept), scope };
  assert.equal(jsonOf(await postForm(registry, form).expect(200))['scope'], scope);
  assertRefused(await postForm(registry, { ...form, refresh_token: 'berth_rt_none' }), 401, 'UNAUTHORIZED');
  const push = http.post('/v2/team/app/blobs/uploads/').set('Authorization', basic('alice'));
  assertRefused(await push, 405, 'UNSUPPORTED');
  const user = http.post('/berth/v1/users').set('Authorization', basic('alice'));
  assertRefused(await user, 405, 'UNSUPPORTED');
  assert.deepEqual(await objectsBelow(before.driver, 'docker'), stored);
});
