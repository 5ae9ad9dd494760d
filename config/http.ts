// The `http` section: where the server listens, how it is seen from outside, whom it believes.
import { z } from 'zod';
import { debugSchema } from './http-debug.ts';
import { tlsSchema } from './http-tls.ts';
import type { TcpAddress } from './network.ts';
import { addressBlock, headers, parseBaseUrl, parseTcpAddress } from './network.ts';
import { flag, integer, oneOf, parsed, parseInteger, text, timer } from './scalars.ts';

/** `http.addr` and `http.net`, taken apart. */
export type ListenAddress = TcpAddress | { readonly net: 'unix'; readonly path: string };

/** Each takes some 70 MB: a number beyond this is a slip of the pen. */
const MOST_WORKERS = 256;

export const httpSchema = z
  .strictObject({
    addr: text('an address')
      .default(':5000')
      .describe(
        'Where the server listens: host:port, :port for every address, or the path of a unix socket.',
      ),
    net: oneOf('tcp', 'unix').default('tcp').describe('The kind of socket: tcp or unix.'),
    host: parsed(
      parseBaseUrl,
      'an http or https URL such as https://registry.example.com, without user, query and fragment',
    )
      .optional()
      .describe(
        'The URL that clients reach the server under, such as https://registry.example.com. Put in front of every location; not given, locations are paths.',
      ),
    prefix: parsed(parsePrefix, 'a path such as /registry/')
      .default('')
      .describe('The path in front of /v2/, when there is one. Read without the slash at its end.'),
    secret: text()
      .optional()
      .describe(
        'Given, upload locations carry the signed state that a registry image with the same secret asks for.',
      ),
    relativeurls: flag()
      .default(false)
      .describe('Accepted, without effect: locations are paths unless host is given.'),
    draintimeout: timer()
      .default(30_000)
      .describe('How long requests may go on after a stop signal. A length of time; 0 stops at once.'),
    headers: headers().describe(
      'Headers that are added to every answer of the API: name and list of values.',
    ),
    trustedproxies: z
      .array(addressBlock())
      .default([])
      .describe('IP addresses and CIDR blocks whose Forwarded and X-Forwarded-* headers are believed.'),
    minimumrate: integer(0)
      .default(1024)
      .describe('Bytes per second below which a transfer is cut, over a minute. 0: never.'),
    openuploads: integer(0)
      .default(10_000)
      .describe(
        'Uploads that one client may have open at a server: begun, not finished, and gone on with within an hour. 0: any number.',
      ),
    workers: parsed(parseWorkers, `auto, or a whole number from 1 to ${MOST_WORKERS}`)
      .default(1)
      .describe('How many processes answer requests: a number, or auto for one on each core.'),
    tls: tlsSchema.prefault({}),
    http2: z
      .strictObject({
        disabled: flag().default(false).describe('Whether only HTTP/1.1 is spoken over TLS.'),
      })
      .prefault({}),
    h2c: z
      .strictObject({
        enabled: flag()
          .default(false)
          .describe('Whether HTTP/2 is spoken without TLS too, to clients that begin with it.'),
      })
      .prefault({}),
    debug: debugSchema.prefault({}),
  })
  .superRefine(checkVersions, { when: () => true })
  .transform((http, context) => {
    const listen = parseListenAddress(http.net, http.addr);
    if (listen !== undefined) return { ...http, listen };
    const tcp =
      'must be host:port or :port, with a port from 0 to 65535 (0: any free one) and an IPv6 host in brackets';
    const message =
      http.net === 'tcp' ? tcp : 'must be the path of a socket with a slash in it, since http.net is unix';
    context.addIssue({ code: 'custom', path: ['addr'], message });
    return z.NEVER;
  });

/** Runs beside other problems, so only asks what is given. */
function checkVersions(
  { tls, http2, h2c }: Readonly<Record<string, unknown>>,
  context: z.RefinementCtx,
): void {
  const says = (section: unknown, key: string) => Object(section)[key] === true;
  if (!says(h2c, 'enabled')) return;
  const refuse = (message: string) => context.addIssue({ code: 'custom', path: ['h2c', 'enabled'], message });
  if (tls !== undefined) refuse('must be false with http.tls: HTTP/2 is spoken over TLS then');
  if (says(http2, 'disabled')) refuse('must be false, since http.http2.disabled is true');
}

function parseWorkers(value: string): number | 'auto' | undefined {
  if (value.toLowerCase() === 'auto') return 'auto';
  const count = parseInteger(value);
  return count !== undefined && count >= 1 && count <= MOST_WORKERS ? count : undefined;
}

function parseListenAddress(net: 'tcp' | 'unix', addr: string): ListenAddress | undefined {
  if (net === 'tcp') return parseTcpAddress(addr);
  return addr.includes('/') ? { net, path: addr } : undefined;
}

/** `/a/b` for `/a/b/`, `a/b` and `/a/b`; nothing for `/`. */
function parsePrefix(value: string): string | undefined {
  const path = value.replace(/^\/+|\/+$/g, '');
  if (path === '') return '';
  const segments = path.split('/');
  const sound = segments.every((segment) => /^[A-Za-z0-9._~-]+$/.test(segment) && !/^\.{1,2}$/.test(segment));
  return sound ? `/${path}` : undefined;
}
