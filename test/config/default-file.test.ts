import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { readConfigurationFile } from '../../config/file.ts';
import { keysOf, listKeys } from '../../config/known-keys.ts';
import { loadConfiguration } from '../../config/load.ts';
import { configurationSchema } from '../../config/schema.ts';
import { nodeAt } from '../../config/setting-tree.ts';
import { parseYaml } from '../../config/yaml.ts';
import { loadText } from './load-text.ts';

const path = fileURLToPath(new URL('../../config/default.yaml', import.meta.url));

describe('default.yaml', () => {
  test('says what the schema has as defaults', async () => {
    const { configuration, warnings } = loadConfiguration({
      file: await readConfigurationFile(path),
      environment: {},
    });
    assert.deepEqual(configuration, loadText('').configuration);
    assert.deepEqual(warnings, []);
  });

  test('has every setting, those of other drivers and of list entries in comments', async () => {
    const { text } = await readConfigurationFile(path);
    const yaml = parseYaml(text, () => ({ kind: 'caller' }));
    assert.ok(yaml.ok);
    const missing = listKeys(keysOf(configurationSchema)).filter((key) => {
      if (nodeAt(yaml.tree, key.split('.')) !== undefined) return false;
      const comment = new RegExp(`^ *# +(?:- )?${key.replace(/.*[.]/, '')}:`, 'm');
      return !comment.test(text);
    });
    assert.deepEqual(missing, []);
  });

  test('has no setting that the schema does not have', async () => {
    const { text } = await readConfigurationFile(path);
    assert.doesNotThrow(() => loadConfiguration({ file: { path, text }, environment: {} }));
    const extra = text.replace('level: info', 'level: info\n  colour: red');
    assert.throws(() => loadConfiguration({ file: { path, text: extra }, environment: {} }), /log\.colour/);
  });

  test('documents each setting with the first sentence that the schema has for it', async () => {
    const { text } = await readConfigurationFile(path);
    const words = text.replace(/\s+(?:# +)?/g, ' ');
    const documents = documentsOf(configurationSchema, '');
    const undocumented = documents.filter(({ document }) => document === undefined).map(({ key }) => key);
    assert.deepEqual(undocumented, []);
    const settings = documents.filter(({ key }) => !key.includes('[]') && key !== 'storage.inmemory');
    const missing = settings.filter(({ document }) => !words.includes(firstSentence(document ?? '')));
    assert.deepEqual(missing, []);
  });
});

/** The doc line of every setting below a schema. */
function documentsOf(schema: unknown, key: string): readonly { key: string; document: string | undefined }[] {
  const document = schema instanceof z.ZodType ? schema.description : undefined;
  const known = keysOf(schema);
  const own = known.kind === 'section' ? [] : [{ key, document }];
  const inner = innermost(schema);
  if (inner instanceof z.ZodArray)
    return [...own, ...documentsOf(inner.element, `${key}[]`).filter((entry) => entry.key !== `${key}[]`)];
  if (!(inner instanceof z.ZodObject)) return own;
  return Object.entries(inner.shape).flatMap(([name, child]) =>
    documentsOf(child, key === '' ? name : `${key}.${name}`),
  );
}

function innermost(schema: unknown): unknown {
  if (schema instanceof z.ZodPipe) return innermost(schema.in);
  if (schema instanceof z.ZodOptional || schema instanceof z.ZodDefault || schema instanceof z.ZodPrefault) {
    return innermost(schema.unwrap());
  }
  return schema;
}

function firstSentence(document: string): string {
  return document.split(/(?<=[.:]) /)[0]?.replace(/[.:]$/, '') ?? '';
}

describe('the configuration files of the registry image', () => {
  const load = async (name: string) => {
    const file = await readConfigurationFile(fileURLToPath(new URL(name, import.meta.url)));
    return loadConfiguration({ file, environment: {} });
  };

  test('that of version 2 loads without a warning', async () => {
    const { configuration, warnings } = await load('registry-2.yml');
    assert.deepEqual(configuration.storage.driver, {
      name: 'filesystem',
      rootdirectory: '/var/lib/registry',
      durability: 'strict',
    });
    assert.equal(configuration.storage.delete.enabled, false);
    assert.deepEqual(configuration.http.headers, { 'X-Content-Type-Options': ['nosniff'] });
    assert.deepEqual(configuration.health.storagedriver, { enabled: true, interval: 10_000, threshold: 3 });
    assert.deepEqual(warnings, []);
  });

  test('that of version 3 loads without a warning', async () => {
    const { configuration, warnings } = await load('registry-3.yml');
    assert.equal(configuration.log.level, 'debug');
    assert.deepEqual(configuration.log.fields, { service: 'registry', environment: 'development' });
    assert.equal(configuration.storage.delete.enabled, true);
    assert.equal(configuration.storage.tag.concurrencylimit, 5);
    assert.deepEqual(configuration.http.debug, {
      addr: { net: 'tcp', port: 5001 },
      prometheus: { enabled: true, path: '/metrics' },
    });
    assert.deepEqual(warnings, []);
  });
});
