// What docs/access-control.md and README.md tell people to write is what the server takes.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { keysOf, listKeys } from '../config/known-keys.ts';
import { loadConfiguration } from '../config/load.ts';
import { parsePlainYaml } from '../config/plain-yaml.ts';
import { configurationSchema } from '../config/schema.ts';
import { parsePolicy } from '../src/auth/policy/policy.ts';
import { accountUsage } from '../src/cli/account-commands.ts';
import { knownToConfiguration } from '../src/compose-rules.ts';

const page = await readFile(join(import.meta.dirname, '../docs/access-control.md'), 'utf8');
const blocks = [...page.matchAll(/^```(\w+)\n([\s\S]*?)^```$/gm)].map(([, language = '', text = '']) => ({
  language,
  text,
}));
const settings = blocks.filter(
  ({ language, text }) => language === 'yaml' && /^(version: 0\.1|auth:|http:|rules:)/.test(text),
);

test('the page has the examples that are looked at here', () => {
  assert.ok(settings.length >= 9, `${settings.length} examples`);
  assert.ok(settings.some(({ text }) => text.startsWith('rules:')));
});

for (const { text } of settings) {
  test(`an example of settings is in order: ${text.split('\n').slice(0, 4).join(' ')}`, () => {
    if (text.startsWith('rules:')) return assertRules(parsePlainYaml(text, 'rules.yml'), {});
    const whole = text.startsWith('version') ? text : `version: 0.1\n${text}`;
    const file = { path: 'config.yml', text: whole };
    const { configuration, warnings } = loadConfiguration({ file, environment: {} });
    assert.deepEqual(warnings, []);
    const { auth } = configuration;
    if (auth.policy !== undefined && auth.policy.path === undefined)
      assertRules(auth.policy, knownToConfiguration(auth));
  });
}

test('the example of README.md is in order', async () => {
  const readme = await readFile(join(import.meta.dirname, '../README.md'), 'utf8');
  const [indented = ''] = /(?: {4}.*\n)+/.exec(readme.slice(readme.indexOf('    version: 0.1'))) ?? [];
  const file = { path: 'config.yml', text: indented.replace(/^ {4}/gm, '') };
  const { auth } = loadConfiguration({ file, environment: {} }).configuration;
  assert.equal(auth.scheme.name, 'berth');
  assertRules(auth.policy, knownToConfiguration(auth));
});

test('every setting that is named in the text exists', () => {
  const known = new Set(listKeys(keysOf(configurationSchema)));
  const named = [...page.matchAll(/`((?:auth|http|storage|log)(?:\.\w+)+)`/g)].map(([, name = '']) => name);
  assert.ok(named.length > 10);
  const sections = new Set(
    [...known].flatMap((key) => key.split('.').map((_, at, parts) => parts.slice(0, at + 1).join('.'))),
  );
  assert.deepEqual(
    named.filter((name) => !sections.has(name)),
    [],
  );
});

test('every command that is shown exists', () => {
  const known = new Set(accountUsage().map((line) => line.trim().split(' ').slice(0, 2).join(' ')));
  const shown = [...page.matchAll(/^npx berth (\w+ \w+)/gm)].map(([, words = '']) => words);
  assert.ok(shown.length > 10);
  assert.deepEqual(
    shown.filter((words) => !known.has(words)),
    [],
  );
});

test('the page links only to files that are there', async () => {
  for (const [, target = ''] of page.matchAll(/\]\(([^)#:]+)\)/g)) {
    await assert.doesNotReject(readFile(join(import.meta.dirname, '../docs', target)), target);
  }
});

function assertRules(policy: unknown, known: object): void {
  const parsed = parsePolicy(policy, known);
  assert.ok(!(parsed instanceof Error), parsed instanceof Error ? parsed.message : '');
}
