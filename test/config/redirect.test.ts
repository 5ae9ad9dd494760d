import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { proxyBlockList } from '../../config/network.ts';
import { loadText, loadVariables, problemsOf } from './load-text.ts';

describe('redirects to the store', () => {
  test('are made, with no exceptions', () => {
    const { redirect } = loadText('').configuration.storage;
    assert.deepEqual(redirect, { disable: false, except: { useragents: [], networks: [] } });
  });

  test('can be switched off, in the spellings of a flag', () => {
    for (const value of ['true', '"true"', 'yes']) {
      assert.equal(
        loadText(`storage: { redirect: { disable: ${value} } }`).configuration.storage.redirect.disable,
        true,
      );
      const { configuration, warnings } = loadVariables({ REGISTRY_STORAGE_REDIRECT_DISABLE: value });
      assert.equal(configuration.storage.redirect.disable, true);
      assert.deepEqual(configuration.storage.driver, {
        name: 'filesystem',
        rootdirectory: '/var/lib/registry',
        durability: 'strict',
      });
      assert.deepEqual(warnings, []);
    }
  });

  test('spare clients by user agent and by network', () => {
    const { except } = loadText(
      `storage: { redirect: { except: { useragents: ['^containerd/', '(?i)KANIKO'], networks: [10.0.0.0/8, '::1'] } } }`,
    ).configuration.storage.redirect;
    assert.deepEqual(
      ['containerd/v1.7', 'x containerd/', 'kaniko 1'].map((agent) =>
        except.useragents.some((pattern) => pattern.test(agent)),
      ),
      [true, false, true],
    );
    const networks = proxyBlockList(except.networks);
    assert.ok(networks.check('10.1.2.3', 'ipv4') && networks.check('::1', 'ipv6'));
    assert.ok(!networks.check('192.0.2.1', 'ipv4'));
  });

  test('spare the one client that a variable names, and the next one', () => {
    const { except } = loadVariables({
      REGISTRY_STORAGE_REDIRECT_EXCEPT_USERAGENTS: '^kaniko',
      REGISTRY_STORAGE_REDIRECT_EXCEPT_NETWORKS: '10.0.0.0/8',
      REGISTRY_STORAGE_REDIRECT_EXCEPT_NETWORKS_1: '192.0.2.1',
    }).configuration.storage.redirect;
    assert.deepEqual(except.useragents, [/^kaniko/u]);
    assert.deepEqual(except.networks, ['10.0.0.0/8', '192.0.2.1']);
  });

  test('are a problem with what is no flag, no pattern and no network', () => {
    assert.deepEqual(
      problemsOf(
        'storage:\n  redirect:\n    disable: maybe\n    except: { useragents: ["("], networks: [host, 10.0.0.0/33] }',
      ).map((problem) => problem.replace(/ .*/, '')),
      [
        'storage.redirect.disable',
        'storage.redirect.except.useragents[0]',
        'storage.redirect.except.networks[0]',
        'storage.redirect.except.networks[1]',
      ],
    );
  });

  test('are no storage driver', () => {
    const { warnings } = loadVariables({ REGISTRY_STORAGE_REDIRECT_DISABLED: 'true' });
    assert.deepEqual(warnings, [
      'REGISTRY_STORAGE_REDIRECT_DISABLED: not a setting, ignored; did you mean REGISTRY_STORAGE_REDIRECT_DISABLE?',
    ]);
  });
});
