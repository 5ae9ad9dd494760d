// The search for secrets in logs, on which tests of the clients rely, finds what it is to find.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createSecrets } from '../support/secrets.ts';

const SECRET = 'pass word/with+ä&"quotes';

const places = {
  'as it is': `logged in with ${SECRET}`,
  'in JSON': JSON.stringify({ password: SECRET }),
  'in an address': `/auth/token?password=${encodeURIComponent(SECRET)}&x=1`,
  'in base64, behind a name': btoa(`alice:${Buffer.from(SECRET).toString('latin1')}`),
  'in base64, behind a longer name': btoa(`carol:${Buffer.from(SECRET).toString('latin1')}`),
  'in base64, behind a name that is longer still': btoa(`robert:${Buffer.from(SECRET).toString('latin1')}`),
};

for (const [where, text] of Object.entries(places)) {
  test(`a secret is found ${where}, and not told again`, () => {
    const secrets = createSecrets();
    secrets.keep(SECRET);
    const found = secrets.findIn(`before ${text} after`);
    assert.ok(found.length > 0);
    assert.ok(found.every((line) => !line.includes(SECRET)));
  });
}

const shapes = {
  'a token': 'x eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJhbGljZSJ9.c2lnbmF0dXJlLXNpZ25hdHVyZQ y',
  'a refresh token': 'berth_rt_0123456789abcdef',
  'the secret of a robot': 'berth_r_0123456789abcdef',
  'a header with a password': '"authorization":"Basic YWxpY2U6c2VjcmV0"',
  'a header with a token': '"authorization":"Bearer 0123456789abcdef"',
  'a URL that a bucket signed': 'http://s3/b/k?X-Amz-Date=1&X-Amz-Signature=0123456789abcdef',
  'a key': '-----BEGIN PRIVATE KEY-----',
  'the hash of a password': '$2b$06$abcdefghijklmnopqrstuv',
};

for (const [what, text] of Object.entries(shapes)) {
  test(`${what} is found though nobody named it`, () => {
    assert.equal(createSecrets().findIn(`before ${text} after`).length > 0, true);
  });
}

test('nothing is found in an ordinary log', () => {
  const secrets = createSecrets();
  secrets.keep(SECRET);
  const log =
    '{"level":"info","http.request.uri":"/v2/team/app/blobs/sha256:0123","err.code":"UNAUTHORIZED"}';
  assert.deepEqual(secrets.findIn(log), []);
  assert.deepEqual(secrets.findIn('Bearer realm="http://127.0.0.1/auth/token",service="berth"'), []);
});
