// Which addresses are one client's: of IPv6 a whole /64, since that is what a single machine is given.
import { isIP } from 'node:net';

/** A name for the network of an address; the same one for an IPv4 address in either form. Empty for what is no address. */
export function networkOf(address: string): string {
  const plain = address.replace(/%.*$/, '');
  const family = isIP(plain);
  if (family === 0) return '';
  if (family === 4) return plain;
  const groups = groupsOf(plain);
  const [seventh = 0, eighth = 0] = groups.slice(6);
  if (isMappedIpv4(groups)) return [seventh >> 8, seventh & 255, eighth >> 8, eighth & 255].join('.');
  return `${groups
    .slice(0, 4)
    .map((group) => group.toString(16))
    .join(':')}::/64`;
}

/** The eight numbers of an IPv6 address. */
function groupsOf(address: string): number[] {
  // A URL writes it without capitals, leading zeros and dotted decimals.
  const canonical = new URL(`http://[${address}]`).hostname.slice(1, -1);
  const [front = [], back = []] = canonical.split('::').map((part) => (part === '' ? [] : part.split(':')));
  const gap = Array.from({ length: 8 - front.length - back.length }, () => '0');
  return [...front, ...gap, ...back].map((group) => Number.parseInt(group, 16));
}

function isMappedIpv4(groups: readonly number[]): boolean {
  return groups.slice(0, 5).every((group) => group === 0) && groups[5] === 0xffff;
}
