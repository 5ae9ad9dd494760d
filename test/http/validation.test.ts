// The `validation` section of the configuration: URLs of layers that are kept elsewhere, children that have to be there.
import { test } from 'node:test';
import { assertRefused } from '../support/answers.ts';
import { openRegistry } from '../support/app.ts';
import { describe, EMPTY_CONFIG, indexOf, manifestOf, pushBlob, putManifest } from '../support/content.ts';
import { mediaTypes } from '../support/sample-image.ts';

const FOREIGN = 'application/vnd.docker.image.rootfs.foreign.diff.tar.gzip';

async function push(t: Parameters<typeof openRegistry>[0], validation: object, bytes: Buffer) {
  const { http } = await openRegistry(t, { settings: { validation } });
  await pushBlob(http, 'app', EMPTY_CONFIG);
  return putManifest(http, 'app', 'latest', bytes);
}

const withUrl = (url: string) =>
  manifestOf({ fields: { layers: [{ ...describe(Buffer.from('elsewhere'), FOREIGN), urls: [url] }] } });

const urls: readonly (readonly [how: string, urls: object, url: string, accepted: boolean])[] = [
  ['no rules', {}, 'https://good.example.com/x', false],
  ['a rule that it matches', { allow: ['^https://good\\.'] }, 'https://good.example.com/x', true],
  ['a rule that it does not match', { allow: ['^https://good\\.'] }, 'https://bad.example.com/x', false],
  ['a ban that it matches', { deny: ['^https://bad\\.'] }, 'https://bad.example.com/x', false],
  ['a ban that it does not match', { deny: ['^https://bad\\.'] }, 'https://good.example.com/x', true],
  ['a ban within a rule', { allow: ['^https://'], deny: ['bad'] }, 'https://bad.example.com/x', false],
];
for (const [how, rules, url, accepted] of urls) {
  test(`a URL is ${accepted ? 'accepted' : 'refused'} with ${how}`, async (t) => {
    const answer = await push(t, { manifests: { urls: rules } }, withUrl(url));
    if (accepted) return void assertCreated(answer.status);
    assertRefused(answer, 400, 'MANIFEST_INVALID');
  });
}

test('without validation any URL is accepted', async (t) => {
  const answer = await push(t, { disabled: true }, withUrl('https://bad.example.com/x'));
  assertCreated(answer.status);
});

test('a layer that is here is not refused for what it says about elsewhere', async (t) => {
  const config = { ...describe(EMPTY_CONFIG, 'text/plain'), urls: [] };
  assertCreated((await push(t, {}, manifestOf({ fields: { config } }))).status);
});

const child = (architecture: string) => ({
  ...describe(Buffer.from(architecture), mediaTypes.manifest),
  platform: { architecture, os: 'linux' },
});

test('where none has to be there an index may list what it likes', async (t) => {
  const answer = await push(t, { manifests: { indexes: { platforms: 'none' } } }, indexOf([child('arm64')]));
  assertCreated(answer.status);
});

test('where some platforms have to be there only those are looked for', async (t) => {
  const platformlist = [{ architecture: 'amd64', os: 'linux' }];
  const validation = { manifests: { indexes: { platforms: 'list', platformlist } } };
  assertCreated((await push(t, validation, indexOf([child('arm64')]))).status);
  const withoutPlatform = describe(Buffer.from('any'), mediaTypes.manifest);
  assertCreated((await push(t, validation, indexOf([withoutPlatform]))).status);
  const missing = await push(t, validation, indexOf([child('arm64'), child('amd64')]));
  assertRefused(missing, 400, 'MANIFEST_BLOB_UNKNOWN');
});

function assertCreated(status: number): void {
  if (status !== 201) throw new Error(`status ${status} instead of 201`);
}
