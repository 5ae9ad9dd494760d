// Where a request comes from. A header may say so only if a proxy that is trusted sent it (`http.trustedproxies`).
import type { IncomingMessage } from 'node:http';
import { type BlockList, isIP } from 'node:net';

export type ClientAddress = (request: IncomingMessage) => string;

/** Goes through X-Forwarded-For from its end, as far as proxies are trusted; the rest of it anybody could have written. */
export function createClientAddress(trustedProxies: BlockList): ClientAddress {
  return (request) => {
    let address = plain(request.socket.remoteAddress ?? '');
    const header = request.headers['x-forwarded-for'];
    if (header === undefined) return address;
    const forwarded = (Array.isArray(header) ? header.join(',') : header).split(',').map(plain);
    while (isTrusted(trustedProxies, address)) {
      const before = forwarded.pop();
      if (before === undefined || isIP(before) === 0) return address;
      address = before;
    }
    return address;
  };
}

/** Whether the headers of a peer at this address are believed. */
export function isTrusted(trustedProxies: BlockList, address: string): boolean {
  const known = plain(address);
  const family = isIP(known);
  return family !== 0 && trustedProxies.check(known, family === 6 ? 'ipv6' : 'ipv4');
}

/** Without the form in which IPv6 sockets name IPv4 peers. */
function plain(address: string): string {
  return address.trim().replace(/^::ffff:(?=\d+\.\d+\.\d+\.\d+$)/i, '');
}
