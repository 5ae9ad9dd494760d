// Whose word on the address of a client is taken.
import assert from 'node:assert/strict';
import { IncomingMessage } from 'node:http';
import { BlockList, Socket } from 'node:net';
import { test } from 'node:test';
import { createClientAddress } from '../../src/http/client-address.ts';
import { openRegistry } from '../support/app.ts';

const trusted = new BlockList();
trusted.addSubnet('10.0.0.0', 8, 'ipv4');
trusted.addAddress('fd00::1', 'ipv6');

function addressOf(peer: string, forwarded?: string): string {
  const request = new IncomingMessage(new Socket());
  Object.defineProperty(request.socket, 'remoteAddress', { value: peer });
  if (forwarded !== undefined) request.headers['x-forwarded-for'] = forwarded;
  return createClientAddress(trusted)(request);
}

const cases: readonly (readonly [
  what: string,
  peer: string,
  forwarded: string | undefined,
  address: string,
])[] = [
  ['a client without proxies', '203.0.113.7', undefined, '203.0.113.7'],
  ['a client that claims to be another', '203.0.113.7', '1.2.3.4', '203.0.113.7'],
  ['a client behind a trusted proxy', '10.0.0.1', '203.0.113.7', '203.0.113.7'],
  [
    'a client that claims to be another, behind a trusted proxy',
    '10.0.0.1',
    '1.2.3.4, 203.0.113.7',
    '203.0.113.7',
  ],
  ['a client behind two trusted proxies', '10.0.0.1', '203.0.113.7, 10.9.9.9', '203.0.113.7'],
  ['a trusted proxy that speaks for itself', '10.0.0.1', undefined, '10.0.0.1'],
  ['a header of trusted proxies alone', '10.0.0.1', '10.0.0.2,10.0.0.3', '10.0.0.2'],
  ['nonsense from a trusted proxy', '10.0.0.1', '<script>', '10.0.0.1'],
  ['nothing from a trusted proxy', '10.0.0.1', '', '10.0.0.1'],
  ['an IPv4 proxy on an IPv6 socket', '::ffff:10.0.0.1', '203.0.113.7', '203.0.113.7'],
  ['an IPv4 client on an IPv6 socket', '::ffff:203.0.113.7', undefined, '203.0.113.7'],
  ['an IPv6 proxy', 'fd00::1', '2001:db8::7', '2001:db8::7'],
  ['an IPv6 proxy that is not trusted', 'fd00::2', '2001:db8::7', 'fd00::2'],
];
for (const [what, peer, forwarded, address] of cases) {
  test(`${what}: ${address}`, () => {
    assert.equal(addressOf(peer, forwarded), address);
  });
}

test('the log has the address of the client as far as it can be believed', async (t) => {
  const forged = await openRegistry(t);
  await forged.http.get('/v2/').set('X-Forwarded-For', '203.0.113.7');
  assert.match(forged.logLines.join(''), /"http.request.remoteaddr":"127\.0\.0\.1"/);
  const believed = await openRegistry(t, { settings: { http: { trustedproxies: ['127.0.0.0/8'] } } });
  await believed.http.get('/v2/').set('X-Forwarded-For', '203.0.113.7');
  assert.match(believed.logLines.join(''), /"http.request.remoteaddr":"203\.0\.113\.7"/);
});
