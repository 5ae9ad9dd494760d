// `berth user|group|robot`: what each says, prints and leaves behind.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { accountUsage, runAccountCommand } from '../../src/cli/account-commands.ts';
import { openAccountsWorld, PASSWORD } from '../auth/accounts/open-accounts.ts';
import { temporaryDirectory } from '../support/service.ts';

/** Runs commands on accounts in memory, typing the given secret whenever one is asked for. */
function openTerminal(secret = PASSWORD) {
  const world = openAccountsWorld();
  const printed: string[] = [];
  const told: string[] = [];
  const paths: (string | undefined)[] = [];
  let closed = 0;
  const close = async () => {
    closed += 1;
  };
  return {
    ...world,
    printed,
    told,
    paths,
    closed: () => closed,
    berth: (...words: string[]) =>
      runAccountCommand(words, {
        async open(path) {
          paths.push(path);
          return { accounts: world.accounts, keys: async () => assert.fail('no key was asked for'), close };
        },
        readSecret: async () => secret,
        print: (line) => void printed.push(line),
        tell: (line) => void told.push(line),
      }),
  };
}

test('users are made, listed, disabled, enabled and removed', async () => {
  const { berth, printed, accounts } = openTerminal();
  assert.equal(await berth('group', 'add', 'team'), 0);
  assert.equal(await berth('user', 'add', 'root', '--administrator'), 0);
  assert.equal(await berth('user', 'add', 'alice', '--group', 'team'), 0);
  assert.ok((await accounts.verify('root', PASSWORD))?.caller.isAdministrator);
  assert.equal(await berth('user', 'disable', 'alice'), 0);
  assert.equal(await accounts.verify('alice', PASSWORD), undefined);
  assert.equal(await berth('user', 'list'), 0);
  assert.deepEqual(printed, ['alice\tdisabled, in team', 'root\tadministrator']);
  assert.equal(await berth('user', 'enable', 'alice'), 0);
  assert.ok(await accounts.verify('alice', PASSWORD));
  assert.equal(await berth('user', 'passwd', 'alice'), 0);
  assert.equal(await berth('user', 'remove', 'alice'), 0);
  assert.equal(await accounts.describe('account', 'alice'), undefined);
});

test('groups are made, joined, left, listed and removed', async () => {
  const { berth, printed } = openTerminal();
  for (const words of ['user add alice', 'user add bob', 'group add team', 'group add empty'])
    assert.equal(await berth(...words.split(' ')), 0);
  assert.equal(await berth('group', 'join', 'team', 'alice'), 0);
  assert.equal(await berth('group', 'join', 'team', 'bob'), 0);
  assert.equal(await berth('group', 'leave', 'team', 'alice'), 0);
  assert.equal(await berth('group', 'list'), 0);
  assert.deepEqual(printed, ['empty', 'team\tbob']);
  assert.equal(await berth('group', 'remove', 'team'), 0);
});

test('the secret of a robot is all that is printed, once', async () => {
  const { berth, printed, told, accounts } = openTerminal();
  assert.equal(await berth('robot', 'add', 'ci', '--allow', 'acme/**:pull,push', '--expires', '90d'), 0);
  const [secret = '', ...more] = printed.splice(0);
  assert.deepEqual(more, []);
  assert.ok(await accounts.verify('robot+ci', secret));
  assert.equal(await berth('robot', 'rotate', 'ci'), 0);
  const [rotated = ''] = printed.splice(0);
  assert.equal(await accounts.verify('robot+ci', secret), undefined);
  assert.ok(await accounts.verify('robot+ci', rotated));
  assert.equal(await berth('robot', 'list'), 0);
  assert.match(
    printed[0] ?? '',
    /^ci\tacme\/\*\*:pull,push\tuntil \d{4}-\d\d-\d\dT\d\d:\d\dZ\tlast used 2026-11-20T12:00Z$/,
  );
  assert.equal(await berth('robot', 'remove', 'ci'), 0);
  assert.ok(![...told, ...printed].some((line) => line.includes(secret) || line.includes(rotated)));
});

test('what the registry refuses is said in one line, with exit code 1', async () => {
  const { berth, told, accounts } = openTerminal('short');
  await accounts.users.add({ name: 'root', password: PASSWORD, isAdministrator: true });
  const refused: readonly (readonly [words: string, says: RegExp])[] = [
    ['user add alice', /^the account cannot be like this: a password has at least 8 characters$/],
    ['user add Alice', /a name has 1 to 63/],
    ['user passwd nobody', /^there is no such account: user nobody$/],
    ['user remove root', /^nobody else could administrate the registry: user root$/],
    ['user disable root', /^nobody else could/],
    ['group join none root', /^there is no such account: group none$/],
    ['robot add ci --allow UPPER:pull', /^the account cannot be like this: limits\[0\] has capital letters/],
    ['robot add ci --allow a:pull --expires 2020-01-01', /not in the future/],
    ['robot rotate ci', /robot ci/],
  ];
  for (const [words, says] of refused) {
    assert.equal(await berth(...words.split(' ')), 1, words);
    const lines = told.splice(0);
    assert.equal(lines.length, 1, words);
    assert.match(lines[0] ?? '', says);
  }
});

test('words that make no command open nothing, and are answered with the usage and exit code 2', async () => {
  const { berth, told, paths } = openTerminal();
  for (const words of [
    'user',
    'user fly',
    'user constructor',
    '__proto__ add',
    'user add',
    'user add a b',
    'user add a --password secret-1',
    'user list all',
    'group join team',
  ]) {
    assert.equal(await berth(...words.split(' ')), 2, words);
    const said = told.splice(0).join('\n');
    assert.match(said, /usage/, words);
    assert.ok(!said.includes('secret-1'));
  }
  assert.deepEqual(paths, []);
  for (const words of [
    'robot add ci',
    'robot add ci --allow a:fly',
    'robot add ci --allow a:pull --expires soon',
  ])
    assert.equal(await berth(...words.split(' ')), 2, words);
});

test('the storage is the one of the configuration that is named, and is closed in any case', async () => {
  const { berth, paths, closed } = openTerminal();
  await berth('user', 'list', '--config', '/etc/berth.yml');
  await berth('user', 'remove', 'nobody');
  assert.deepEqual(paths, ['/etc/berth.yml', undefined]);
  assert.equal(closed(), 2);
  assert.ok(accountUsage().includes('  user passwd <name>'));
});

test('a command takes the password from a pipe, and works right on the directory', async (t) => {
  const root = await temporaryDirectory(t);
  const environment = { REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY: root };
  const made = await runInShell(['user', 'add', 'alice', '--administrator'], environment, `${PASSWORD}\n`);
  assert.deepEqual([made.code, made.stdout], [0, ''], made.stderr);
  const listed = await runInShell(['user', 'list'], environment, '');
  assert.deepEqual([listed.code, listed.stdout], [0, 'alice\tadministrator\n'], listed.stderr);
  const again = await runInShell(['user', 'add', 'alice'], environment, 'another one');
  assert.deepEqual([again.code, again.stderr], [1, 'there is an account of this name already: user alice\n']);
});

test('a store that only the server can see is refused in one line', async (t) => {
  const environment = { REGISTRY_STORAGE: 'inmemory', REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY: undefined };
  const { code, stderr } = await runInShell(['user', 'list'], environment, '', await temporaryDirectory(t));
  assert.equal(code, 1);
  assert.match(stderr, /^the storage is in the memory of the server: .*\n$/);
});

/** The command in a process of its own. */
async function runInShell(
  words: readonly string[],
  environment: NodeJS.ProcessEnv,
  input: string,
  cwd?: string,
) {
  const file = pathToFileURL(join(import.meta.dirname, '../../src/cli/accounts.ts')).href;
  const script = `import { manageAccounts } from ${JSON.stringify(file)};
    process.exitCode = await manageAccounts(process.argv.slice(1));`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', script, '--', ...words], {
    cwd,
    env: { ...process.env, ...environment },
  });
  child.stdin.end(input);
  const [stdout, stderr, [code]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, 'close'),
  ]);
  return { stdout, stderr, code };
}
