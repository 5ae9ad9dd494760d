// What is wrong with the `auth` section: said by `check-config` and by `serve`, in one line that names the setting.
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { stringify } from 'yaml';
import { temporaryDirectory } from '../support/service.ts';
import { berth, run, runToEnd } from './berth-process.ts';

interface Mistake {
  readonly title: string;
  readonly auth: (path: (name: string) => string) => object;
  /** Files beside the configuration. */
  readonly files?: { readonly [name: string]: string };
  readonly says: RegExp;
  /** Found only where the storage is looked into. */
  readonly onlyServe?: true;
}

const rule = (subject: string, more: object = {}) => ({
  repositories: ['acme/**'],
  for: [subject],
  actions: ['pull'],
  ...more,
});
const HASH = '$2y$05$c4WoMPo3SXsafkva.HHa6uXQZWr7oboPiC2bT/r7q1BB8I2s0BRqC';
const htpasswd = (path: (name: string) => string) => ({ path: path('htpasswd') });

const mistakes: readonly Mistake[] = [
  {
    title: 'a rule for a group that does not exist, with a password file',
    auth: (path) => ({
      htpasswd: htpasswd(path),
      policy: { rules: [rule('group:realease')], groups: { release: ['alice'] } },
    }),
    files: { htpasswd: `alice:${HASH}\n` },
    says: /^auth\.policy: rules\[0\]\.for\[0\]: names a group that does not exist; did you mean group:release\?\n$/,
  },
  {
    title: 'a rule for a group that does not exist, with accounts in the storage',
    auth: () => ({ berth: {}, policy: { rules: [rule('group:release')] } }),
    says: /^auth\.policy: rules\[0\]\.for\[0\]: names a group that does not exist\n$/,
    onlyServe: true,
  },
  {
    title: 'a rule for an issuer that is not trusted',
    auth: () => ({
      berth: { oidc: [{ name: 'github', issuer: 'https://issuer.example', audience: ['registry'] }] },
      policy: { rules: [rule('oidc:gitlab', { when: 'ref == main' })] },
    }),
    says: /^auth\.policy: rules\[0\]\.for\[0\]: names an OIDC issuer that does not exist; did you mean oidc:github\?\n$/,
  },
  {
    title: 'a rule for an issuer where nobody is trusted',
    auth: () => ({ policy: { rules: [rule('oidc:github', { when: 'ref == main' })] } }),
    says: /^auth\.policy: rules\[0\]\.for\[0\]: names an OIDC issuer that does not exist\n$/,
  },
  {
    title: 'a rule for everybody of a public issuer',
    auth: () => ({
      berth: { oidc: [{ name: 'github', issuer: 'https://issuer.example', audience: ['registry'] }] },
      policy: { rules: [rule('oidc:github')] },
    }),
    says: /^auth\.policy: rules\[0\]\.when: must be given for oidc:; .*\n$/,
  },
  {
    title: 'a password file that is not there',
    auth: (path) => ({ htpasswd: htpasswd(path) }),
    says: /^auth\.htpasswd\.path: password file \S+htpasswd \S.*\n$/,
  },
  {
    title: 'a password file with a line that is none',
    auth: (path) => ({ htpasswd: htpasswd(path) }),
    files: { htpasswd: `alice:${HASH}\nbob:secret-of-bob\n` },
    says: /^auth\.htpasswd\.path: .*htpasswd.*2.*\n$/,
  },
  {
    title: 'a key file that is not there',
    auth: (path) => ({ berth: { signingkey: path('key.pem') } }),
    says: /^auth\.berth\.signingkey: \S+key\.pem cannot be read \(ENOENT\)\n$/,
  },
  {
    title: 'a key file without a key',
    auth: (path) => ({ berth: { signingkey: path('key.pem') } }),
    files: { 'key.pem': 'secret-of-bob' },
    says: /^auth\.berth\.signingkey: \S+key\.pem: there is no private key in it\n$/,
  },
  {
    title: 'a file with rules that is not there',
    auth: (path) => ({ policy: { path: path('rules.yml') } }),
    says: /^auth\.policy: \S+rules\.yml: cannot be read \(ENOENT\)\n$/,
  },
  {
    title: 'a file with rules that is no YAML',
    auth: (path) => ({ policy: { path: path('rules.yml') } }),
    files: { 'rules.yml': 'rules:\n  - { repositories: secret-of-bob\n' },
    says: /^auth\.policy: \S+rules\.yml: line \d+: .*\n$/,
  },
  {
    title: 'a file with a rule that is none',
    auth: (path) => ({ policy: { path: path('rules.yml') } }),
    files: { 'rules.yml': 'rules:\n  - { repositories: "**", for: everyone, actions: pul }\n' },
    says: /^auth\.policy: rules\[0\]\.actions: must be one of .*did you mean pull\?\n$/,
  },
  {
    title: 'the keys of a token server that are not there',
    auth: (path) => ({
      token: { realm: 'https://tokens.example', service: 'r', issuer: 'i', jwks: path('keys.json') },
    }),
    says: /^auth\.token: \S+keys\.json cannot be read \(ENOENT\)\n$/,
  },
  {
    title: 'a bundle of a token server without a certificate',
    auth: (path) => ({
      token: { realm: 'https://tokens.example', service: 'r', issuer: 'i', rootcertbundle: path('ca.pem') },
    }),
    files: { 'ca.pem': 'secret-of-bob' },
    says: /^auth\.token\.rootcertbundle: no certificate in \S+ca\.pem\n$/,
  },
  {
    title: 'an issuer whose keys are not there',
    auth: (path) => ({
      berth: {
        oidc: [{ name: 'own', issuer: 'https://issuer.example', audience: ['r'], jwks: path('keys.json') }],
      },
    }),
    says: /^auth\.berth\.oidc: OIDC issuer own names the file \S+keys\.json, which cannot be read \(ENOENT\)\n$/,
  },
];

for (const { title, auth, files = {}, says, onlyServe } of mistakes) {
  test(`${title}: one line, and exit code 1`, async (t) => {
    const directory = await temporaryDirectory(t);
    const path = (name: string) => join(directory, name);
    for (const [name, content] of Object.entries(files)) await writeFile(path(name), content);
    const file = await configurationWith(t, auth(path));
    for (const command of onlyServe ? ['serve'] : ['check-config', 'serve']) {
      const { code, stdout, stderr } = await runToEnd(t, [...berth, command, file]);
      assert.equal(code, 1, `${command}: ${stdout}${stderr}`);
      assert.match(stderr, says, command);
      assert.equal(stderr.trim().split('\n').length, 1, stderr);
      assert.doesNotMatch(stdout + stderr, /secret-of-bob/);
    }
  });
}

test('of several problems in the rules each has a line of its own', async (t) => {
  const rules = [rule('group:none'), rule('everyone', { actions: ['fly'] })];
  const file = await configurationWith(t, { policy: { rules } });
  const { code, stderr } = await runToEnd(t, [...berth, 'check-config', file]);
  assert.equal(code, 1);
  const lines = stderr.trim().split('\n');
  assert.equal(lines.length, 2, stderr);
  assert.ok(lines.every((line) => line.startsWith('auth.policy: rules[')));
});

test('check-config leaves groups to the server where only the storage knows them, and makes no storage', async (t) => {
  const auth = { berth: {}, policy: { rules: [rule('group:release')] } };
  const file = await configurationWith(t, auth);
  const { code, stdout, stderr } = await runToEnd(t, [...berth, 'check-config', file]);
  assert.deepEqual([code, stdout, stderr], [0, 'The configuration is in order.\n', '']);
});

test('the line of the start says whether the registry is open', async (t) => {
  for (const [auth, line] of [
    [{}, 'Berth is up, open to everybody who can reach it'],
    [{ policy: { rules: [rule('everyone')] } }, 'Berth is up; rules say who may do what'],
    [{ berth: {} }, 'Berth is up; who uses it has to log in'],
  ] as const) {
    const server = run(t, [...berth, 'serve', await configurationWith(t, auth)]);
    await server.printed(line);
    server.kill('SIGTERM');
    assert.equal(await server.exited, 0, server.stderr());
  }
});

async function configurationWith(t: TestContext, auth: object): Promise<string> {
  const directory = await temporaryDirectory(t);
  const file = join(directory, 'config.yml');
  const storage = { filesystem: { rootdirectory: join(directory, 'store') } };
  await writeFile(file, stringify({ version: '0.1', storage, auth, http: { addr: '127.0.0.1:0' } }));
  return file;
}
