// Which addresses a request of ours may go to. A name says nothing about where it leads, and may lead elsewhere the next
// moment: so the addresses are judged that a connection is about to be made to, never the name.
import type { LookupAddress } from 'node:dns';
import { lookup } from 'node:dns/promises';
import { BlockList, isIP, type LookupFunction } from 'node:net';

/** `public`: the internet alone. `private`: everything but the internet. */
export type Reach = 'public' | 'private' | 'any';

/** All addresses of a name. */
export type ResolveName = (hostname: string) => Promise<readonly LookupAddress[]>;

export interface AddressGuard {
  /** For `net.connect`, which skips it when the host is an address already. Fails with AddressRefused. */
  readonly lookup: LookupFunction;
  /** Throws AddressRefused if the host of a URL is an address that is out of reach. A name passes. */
  checkHost(hostname: string): void;
}

/** The message is for the log: it tells what a name leads to. */
export class AddressRefused extends Error {
  override readonly name = 'AddressRefused';
}

/** A name is out of reach if one of its addresses is: an honest answer does not mix the internet with what is behind us. */
export function createAddressGuard(reach: Reach, resolve: ResolveName = resolveWithSystem): AddressGuard {
  const notPublic = listNotPublic();

  return {
    checkHost(hostname) {
      const host = hostname.replace(/^\[(.*)\]$/, '$1');
      if (isIP(host) !== 0 && !isInReach(host)) throw refusal(host, host);
    },
    lookup(hostname, options, callback) {
      resolveInReach(hostname).then(
        ([first, ...others]) => {
          if (options.all === true) callback(null, [first, ...others]);
          else callback(null, first.address, first.family);
        },
        (error: Error) => callback(error, []),
      );
    },
  };

  async function resolveInReach(hostname: string): Promise<[LookupAddress, ...LookupAddress[]]> {
    const [first, ...others] = await resolve(hostname);
    if (first === undefined) throw new AddressRefused(`${hostname} has no address`);
    const outside = [first, ...others].find(({ address }) => !isInReach(address));
    if (outside !== undefined) throw refusal(hostname, outside.address);
    return [first, ...others];
  }

  function isInReach(address: string): boolean {
    if (reach === 'any') return true;
    const plain = address.replace(/%.*$/, '');
    const family = isIP(plain);
    if (family === 0) return false;
    const isPublic = !notPublic.check(plain, family === 4 ? 'ipv4' : 'ipv6');
    return isPublic === (reach === 'public');
  }

  function refusal(hostname: string, address: string): AddressRefused {
    const kind =
      reach === 'public'
        ? 'not an address of the internet'
        : 'an address of the internet, and http is not safe';
    return new AddressRefused(`${hostname} is at ${address}, which is ${kind}`);
  }
}

function resolveWithSystem(hostname: string): Promise<readonly LookupAddress[]> {
  return lookup(hostname, { all: true });
}

/** IANA's registries of special-purpose addresses. An IPv4 address that is mapped into IPv6 counts as itself. */
function listNotPublic(): BlockList {
  const list = new BlockList();
  for (const [network, bits] of IPV4) {
    list.addSubnet(network, bits, 'ipv4');
    // NAT64 carries them as well.
    list.addSubnet(`64:ff9b::${network}`, 96 + bits, 'ipv6');
  }
  for (const [network, bits] of IPV6) list.addSubnet(network, bits, 'ipv6');
  return list;
}

const IPV4: readonly (readonly [network: string, bits: number])[] = [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.0.2.0', 24],
  ['192.88.99.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['198.51.100.0', 24],
  ['203.0.113.0', 24],
  ['224.0.0.0', 4],
  ['240.0.0.0', 4],
];

const IPV6: readonly (readonly [network: string, bits: number])[] = [
  // Loopback, the unspecified address, and IPv4 as it was once written.
  ['::', 96],
  ['64:ff9b:1::', 48],
  ['100::', 64],
  // Teredo, benchmarks, identifiers; 6to4: tunnels that end anywhere.
  ['2001::', 23],
  ['2001:db8::', 32],
  ['2002::', 16],
  ['3fff::', 20],
  ['5f00::', 16],
  ['fc00::', 7],
  ['fe80::', 10],
  ['fec0::', 10],
  ['ff00::', 8],
];
