// What a setting may name on a network: an address, a URL, a header, a set of trusted proxies.
import { BlockList, isIP } from 'node:net';
import { z } from 'zod';
import { parsed, text } from './scalars.ts';

/** A TCP address. No `host` means every address of the machine. */
export interface TcpAddress {
  readonly net: 'tcp';
  readonly host?: string;
  readonly port: number;
}

/** Where another server listens. */
export interface RemoteAddress {
  readonly host: string;
  readonly port: number;
}

/** A token, and what may stand behind it: RFC 9110, sections 5.1 and 5.5, as Node holds answers to them. */
const HEADER_NAME = /^[!#$%&'*+\-.^_`|~\w]+$/;
const HEADER_VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;
/** Headers that change where a message ends: set by hand they break the connection. */
const FRAMING_HEADERS = new Set(['content-length', 'transfer-encoding', 'connection']);

/** Reads `:5000`, `127.0.0.1:5000`, `[::1]:5000` or `localhost:5000`; undefined for anything else. Port 0 means any free one. */
export function parseTcpAddress(address: string): TcpAddress | undefined {
  const [, bracketed, plain, digits] = /^(?:\[([^\]]*)\]|([^:[\]\s/]*)):(\d{1,5})$/.exec(address) ?? [];
  const port = Number(digits ?? Number.NaN);
  if (Number.isNaN(port) || port > 65_535) return undefined;
  if (bracketed !== undefined && isIP(bracketed) !== 6) return undefined;
  const host = bracketed ?? plain ?? '';
  return host === '' ? { net: 'tcp', port } : { net: 'tcp', host, port };
}

/** Reads an absolute http or https URL without credentials, query and fragment; gives it back without a slash at its end. */
export function parseBaseUrl(value: string): string | undefined {
  const url = parseHttpUrl(value);
  if (url === undefined || url.username !== '' || url.password !== '' || /[?#]/.test(value)) return undefined;
  return url.href.replace(/\/+$/, '');
}

/** Reads an absolute http or https URL. */
export function parseHttpUrl(value: string): URL | undefined {
  if (!/^https?:\/\/[^/]/i.test(value) || /\s/.test(value)) return undefined;
  return URL.parse(value) ?? undefined;
}

/** The address of another server: host and port. */
export function remoteAddress() {
  return parsed(parseRemoteAddress, 'host:port');
}

/** The value of one header. */
export function headerValue() {
  return text('a header value').refine(
    (value) => HEADER_VALUE.test(value),
    'must be a header value: no line breaks',
  );
}

/** Header names and their values. A name in two spellings is one header with both lists. */
export function headers() {
  return z
    .record(z.string(), z.array(headerValue()))
    .superRefine((values, context) => {
      for (const name of Object.keys(values).filter((name) => !isSettableHeader(name))) {
        context.addIssue({
          code: 'custom',
          path: [name],
          message: 'is not the name of a header that can be set',
        });
      }
    })
    .transform(mergeSpellings)
    .default({});
}

/** An IP address or a CIDR block, as `proxyBlockList` takes it. */
export function addressBlock() {
  return parsed(
    (value) => (addBlock(new BlockList(), value) ? value : undefined),
    'an IP address or a CIDR block such as 10.0.0.0/8 or fd00::/8',
  );
}

/** The set of addresses that the entries of `http.trustedproxies` or `storage.redirect.except.networks` describe. */
export function proxyBlockList(entries: readonly string[]): BlockList {
  const list = new BlockList();
  for (const entry of entries) {
    if (!addBlock(list, entry))
      throw new TypeError(`not an IP address or CIDR block: ${JSON.stringify(entry)}`);
  }
  return list;
}

function parseRemoteAddress(value: string): RemoteAddress | undefined {
  const address = parseTcpAddress(value);
  if (address?.host === undefined || address.port === 0) return undefined;
  return { host: address.host, port: address.port };
}

function addBlock(list: BlockList, entry: string): boolean {
  const [, address = '', bits] = /^([^/]+)(?:\/(\d{1,3}))?$/.exec(entry) ?? [];
  const version = isIP(address);
  // A zone (fe80::1%eth0) is an IP address to Node, but not to a BlockList.
  if (version === 0 || address.includes('%')) return false;
  const family = version === 4 ? 'ipv4' : 'ipv6';
  if (bits === undefined) {
    list.addAddress(address, family);
    return true;
  }
  if (Number(bits) > (version === 4 ? 32 : 128)) return false;
  list.addSubnet(address, Number(bits), family);
  return true;
}

function isSettableHeader(name: string): boolean {
  return HEADER_NAME.test(name) && !FRAMING_HEADERS.has(name.toLowerCase());
}

function mergeSpellings(values: Record<string, string[]>): Record<string, string[]> {
  const names = new Map<string, string>();
  const merged = new Map<string, string[]>();
  for (const [name, list] of Object.entries(values)) {
    const known = names.get(name.toLowerCase()) ?? name;
    names.set(name.toLowerCase(), known);
    merged.set(known, [...(merged.get(known) ?? []), ...list]);
  }
  return Object.fromEntries(merged);
}
