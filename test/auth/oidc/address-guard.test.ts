import assert from 'node:assert/strict';
import type { LookupAddress } from 'node:dns';
import { test } from 'node:test';
import {
  type AddressGuard,
  AddressRefused,
  createAddressGuard,
  type Reach,
} from '../../../src/auth/oidc/address-guard.ts';

const PUBLIC = [
  '140.82.112.3',
  '1.1.1.1',
  '172.15.0.1',
  '172.32.0.1',
  '2606:4700::1111',
  '64:ff9b::8c52:7003',
];
const NOT_PUBLIC = [
  '127.0.0.1',
  '127.255.0.9',
  '0.0.0.0',
  '10.1.2.3',
  '100.64.0.1',
  '169.254.169.254',
  '172.16.0.1',
  '172.31.255.255',
  '192.168.1.1',
  '198.18.0.1',
  '224.0.0.1',
  '255.255.255.255',
  '::',
  '::1',
  '::7f00:1',
  '::ffff:127.0.0.1',
  '::ffff:7f00:1',
  '::ffff:10.0.0.1',
  '64:ff9b::7f00:1',
  '64:ff9b::10.0.0.1',
  '64:ff9b:1::1',
  '2001:db8::1',
  '2002:7f00:1::',
  'fc00::1',
  'fd12::1',
  'fe80::1',
  'fe80::1%eth0',
  'ff02::1',
];

for (const address of NOT_PUBLIC) {
  test(`${address} is no address of the internet`, async () => {
    await assert.rejects(lookUp('public', [address]), AddressRefused);
    assert.throws(() => createAddressGuard('public').checkHost(address), AddressRefused);
    assert.deepEqual(await lookUp('private', [address]), [address]);
    assert.deepEqual(await lookUp('any', [address]), [address]);
  });
}

for (const address of PUBLIC) {
  test(`${address} is an address of the internet`, async () => {
    assert.deepEqual(await lookUp('public', [address]), [address]);
    createAddressGuard('public').checkHost(address);
    await assert.rejects(lookUp('private', [address]), AddressRefused);
  });
}

test('one address out of reach refuses a name with several', async () => {
  await assert.rejects(lookUp('public', ['140.82.112.3', '127.0.0.1']), AddressRefused);
  await assert.rejects(lookUp('public', ['::1', '140.82.112.3']), AddressRefused);
  await assert.rejects(lookUp('private', ['10.0.0.1', '140.82.112.3']), AddressRefused);
  assert.deepEqual(await lookUp('public', ['140.82.112.3', '1.1.1.1']), ['140.82.112.3', '1.1.1.1']);
});

test('a name without an address, and an answer that is no address, are refused', async () => {
  await assert.rejects(lookUp('any', []), AddressRefused);
  await assert.rejects(lookUp('public', ['localhost']), AddressRefused);
});

test('an address in brackets, as a URL has it, is judged like one without', () => {
  assert.throws(() => createAddressGuard('public').checkHost('[::1]'), AddressRefused);
  createAddressGuard('public').checkHost('[2606:4700::1111]');
  createAddressGuard('public').checkHost('issuer.test');
});

test('whoever asks for one address gets one', async () => {
  const guard = guardOf('public', ['1.1.1.1', '140.82.112.3']);
  const found = await new Promise((resolve) => {
    guard.lookup('issuer.test', {}, (error, address, family) => resolve([error, address, family]));
  });
  assert.deepEqual(found, [null, '1.1.1.1', 4]);
});

function lookUp(reach: Reach, addresses: readonly string[]): Promise<string[]> {
  return new Promise((resolve, reject) => {
    guardOf(reach, addresses).lookup('issuer.test', { all: true }, (error, found) => {
      if (error) reject(error);
      else if (Array.isArray(found)) resolve(found.map(({ address }) => address));
      else reject(new TypeError('all addresses were asked for'));
    });
  });
}

function guardOf(reach: Reach, addresses: readonly string[]): AddressGuard {
  const answer: LookupAddress[] = addresses.map((address) => ({
    address,
    family: address.includes(':') ? 6 : 4,
  }));
  return createAddressGuard(reach, async () => answer);
}
