// `berth key`: the keys that tokens are signed with, seen and changed from the command line.
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { openSigningKeys } from '../../src/auth/tokens/signing-keys.ts';
import { runAccountCommand } from '../../src/cli/account-commands.ts';
import { createCheckedDriver } from '../../storage-drivers/checked.ts';
import { createMemoryDriver } from '../../storage-drivers/memory/memory-driver.ts';
import { openAccountsWorld } from '../auth/accounts/open-accounts.ts';
import { berth, runToEnd } from '../process/berth-process.ts';
import { temporaryDirectory } from '../support/service.ts';

const KID = /^[A-Za-z0-9_-]{43}$/;
const MINUTE_MS = 60_000;

/** Runs `berth key` on keys in memory, at a time that stands still until it is moved. */
function openTerminal() {
  const driver = createCheckedDriver(createMemoryDriver());
  let time = Date.UTC(2026, 10, 20, 12);
  const open = (makesFirst: boolean) =>
    openSigningKeys({ driver, tokenLife: 300, makesFirst, now: () => new Date(time) });
  const printed: string[] = [];
  const told: string[] = [];
  return {
    open,
    printed,
    told,
    wait: (minutes: number) => {
      time += minutes * MINUTE_MS;
    },
    key: (...words: string[]) =>
      runAccountCommand(['key', ...words], {
        open: async () => ({
          accounts: openAccountsWorld().accounts,
          keys: () => open(false),
          close: async () => undefined,
        }),
        readSecret: async () => assert.fail('keys need no secret'),
        print: (line) => void printed.push(line),
        tell: (line) => void told.push(line),
      }),
  };
}

test('a new key waits until every server knows it, signs then, and the old one goes when nobody needs it', async () => {
  const { open, key, printed, wait } = openTerminal();
  const first = (await (await open(true)).signer()).kid;
  assert.equal(await key('list'), 0);
  assert.deepEqual(printed.splice(0), [`${first}\tES256\tfrom 2026-11-20T12:00Z\tsigns`]);

  assert.equal(await key('rotate'), 0);
  const [second = '', ...more] = printed.splice(0);
  assert.match(second, KID);
  assert.deepEqual(more, []);
  assert.equal(await key('list'), 0);
  assert.deepEqual(printed.splice(0), [
    `${second}\tES256\tfrom 2026-11-20T12:02Z\tis to sign`,
    `${first}\tES256\tfrom 2026-11-20T12:00Z\tsigns`,
  ]);

  wait(3);
  assert.equal((await (await open(true)).signer()).kid, second);
  assert.equal(await key('list'), 0);
  assert.deepEqual(
    printed.splice(0).map((line) => line.split('\t').at(-1)),
    ['signs', 'verifies what it has signed'],
  );
  wait(10);
  assert.equal(await key('list'), 0);
  assert.match(printed.splice(0)[1] ?? '', /of no use any more$/);
  assert.equal(await key('rotate'), 0);
  const [third = ''] = printed.splice(0);
  assert.equal(await key('list'), 0);
  assert.deepEqual(
    printed.map((line) => line.split('\t')[0]),
    [third, second],
  );
});

test('a key that is removed verifies nothing any more', async () => {
  const { open, key } = openTerminal();
  const { kid } = await (await open(true)).signer();
  assert.equal(await key('remove', kid), 0);
  assert.equal(await (await open(false)).find(kid), undefined);
});

test('a key that is not there is not removed, and the answer is one line', async () => {
  const { key, told } = openTerminal();
  assert.equal(await key('remove', 'A'.repeat(43)), 1);
  assert.equal(await key('remove', '../../v2'), 1);
  assert.equal(await key('remove', `-${'A'.repeat(42)}`), 1, 'a key may begin with a dash');
  assert.deepEqual(told, ['there is no such key', 'there is no such key', 'there is no such key']);
});

test('looking at the keys of a registry that never ran makes none', async () => {
  const { open, key, printed } = openTerminal();
  assert.equal(await key('list'), 0);
  assert.deepEqual(printed, []);
  assert.deepEqual(await (await open(false)).all(), []);
});

test('words that make no command are answered with what there is', async () => {
  const { key, told } = openTerminal();
  for (const words of [[], ['show'], ['rotate', 'now'], ['remove']]) assert.equal(await key(...words), 2);
  assert.match(told[0] ?? '', /key list\n {2}key rotate\n {2}key remove <key>$/);
});

test('the command works right on the directory, and never shows a private key', async (t) => {
  const environment = await environmentFor(t, 'auth: { berth: {} }');
  const rotated = await runToEnd(t, [...berth, 'key', 'rotate'], { environment });
  assert.equal(rotated.code, 0, rotated.stderr);
  const kid = rotated.stdout.trim();
  assert.match(kid, KID);
  const listed = await runToEnd(t, [...berth, 'key', 'list'], { environment });
  assert.match(listed.stdout, new RegExp(`^${kid}\tES256\tfrom \\S+\tis to sign\n$`));
  const removed = await runToEnd(t, [...berth, 'key', 'remove', kid], { environment });
  assert.equal(removed.code, 0, removed.stderr);
  assert.ok(![rotated, listed, removed].some(({ stdout, stderr }) => /PRIVATE/.test(stdout + stderr)));
});

test('where no key is kept, one line says why', async (t) => {
  for (const [auth, says] of [
    ['', /^no tokens are signed with this configuration: .*\n$/],
    [
      'auth: { berth: { signingkey: /nowhere/key.pem } }',
      /^the keys are those of the file .*signingkey.*\n$/,
    ],
  ] as const) {
    const environment = await environmentFor(t, auth);
    const { code, stdout, stderr } = await runToEnd(t, [...berth, 'key', 'list'], { environment });
    assert.deepEqual([code, stdout], [1, '']);
    assert.match(stderr, says);
  }
});

async function environmentFor(t: TestContext, auth: string): Promise<NodeJS.ProcessEnv> {
  const directory = await temporaryDirectory(t);
  const file = join(directory, 'config.yml');
  const storage = `storage: { filesystem: { rootdirectory: ${join(directory, 'store')} } }`;
  await writeFile(file, `version: 0.1\n${storage}\n${auth}\n`);
  return { REGISTRY_CONFIGURATION_PATH: file };
}
