import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';
import { loadText, loadVariables, problemsOf } from './load-text.ts';

const endpoints = (text: string) => loadText(text).configuration.notifications.endpoints;

test('an endpoint of the registry image is taken as it is', () => {
  const [endpoint] = endpoints(`notifications:
  events: { includereferences: true }
  endpoints:
    - name: alistener
      disabled: false
      url: https://my.listener.com/event
      headers: { Authorization: [Bearer abc] }
      timeout: 500ms
      threshold: 5
      backoff: 2s
      ignoredmediatypes: [application/octet-stream]
      ignore:
        mediatypes: [application/json]
        actions: [pull]`);
  assert.deepEqual(endpoint, {
    name: 'alistener',
    disabled: false,
    url: 'https://my.listener.com/event',
    headers: { Authorization: ['Bearer abc'] },
    timeout: 500,
    threshold: 5,
    backoff: 2000,
    ignore: { mediatypes: ['application/octet-stream', 'application/json'], actions: ['pull'] },
    format: 'v2',
  });
});

test('times and counts of 0 are the defaults of the image', () => {
  const [endpoint] = endpoints(
    'notifications: { endpoints: [{ url: http://sink:8080/e, timeout: 0, threshold: 0, backoff: 0 }] }',
  );
  assert.deepEqual([endpoint?.timeout, endpoint?.threshold, endpoint?.backoff], [1000, 10, 1000]);
  assert.equal(endpoint?.name, 'sink:8080', 'without a name it has that of its host');
});

test('two endpoints of one name are refused, since the store could not tell them apart', () => {
  const problems = problemsOf(
    'notifications: { endpoints: [{ name: a, url: http://b/ }, { name: a, url: http://c/ }] }',
  );
  assert.match(problems.join(), /^notifications\.endpoints\[1\]\.name .*must differ/);
});

test('what cannot be an endpoint is refused', () => {
  for (const { key, fields } of [
    { key: 'url', fields: 'name: a' },
    { key: 'url', fields: 'url: ftp://a/' },
    { key: 'format', fields: 'url: http://a/, format: v3' },
    { key: 'ignore\\.actions\\[0\\]', fields: 'url: http://a/, ignore: { actions: [eat] }' },
    { key: 'headers\\.Content-Length', fields: 'url: http://a/, headers: { Content-Length: ["1"] }' },
  ]) {
    const problems = problemsOf(`notifications: { endpoints: [{ ${fields} }] }`);
    assert.match(problems.join(), new RegExp(`^notifications\\.endpoints\\[0\\]\\.${key} `), fields);
  }
});

test('variables name endpoints by their index', () => {
  const { notifications } = loadVariables({
    REGISTRY_NOTIFICATIONS_ENDPOINTS_0_NAME: 'a',
    REGISTRY_NOTIFICATIONS_ENDPOINTS_0_URL: 'http://a/',
    REGISTRY_NOTIFICATIONS_ENDPOINTS_0_IGNORE_ACTIONS: '[pull, mount]',
    REGISTRY_NOTIFICATIONS_DURABILITY: 'strict',
  }).configuration;
  assert.equal(notifications.durability, 'strict');
  assert.deepEqual(notifications.endpoints[0]?.ignore.actions, ['pull', 'mount']);
});

test('the example of docs/events.md is in order', async () => {
  const page = await readFile(new URL('../../docs/events.md', import.meta.url), 'utf8');
  const [, example = ''] = /^```yaml\n([\s\S]*?)^```$/m.exec(page) ?? [];
  const { configuration, warnings } = loadText(example);
  assert.deepEqual(warnings, []);
  assert.equal(configuration.notifications.endpoints[0]?.secret, 'another-secret');
});
