// Gets a JSON document from an issuer: little, soon, from nowhere but where it was asked for.
import { Agent, type Dispatcher, request } from 'undici';
import { parseStrictJson } from '../../registry/strict-json.ts';
import { createAddressGuard, type ResolveName } from './address-guard.ts';

export interface IssuerDocument {
  readonly content: unknown;
  /** What the answer allows by `Cache-Control`, in seconds; `undefined` where it says nothing. */
  readonly maxAge: number | undefined;
}

export interface DocumentReaderSettings {
  /** Whether the document may be at an address that is not one of the internet, and only then without TLS. */
  readonly allowPrivateAddresses: boolean;
  /** PEM: the authorities to believe, instead of those that Node.js knows. */
  readonly ca: string | undefined;
  /** For the whole of an answer. */
  readonly timeoutMs: number;
  /** @default the resolver of the system */
  readonly resolve?: ResolveName | undefined;
}

export type ReadDocument = (url: URL) => Promise<IssuerDocument>;

/** Why there is no document; the log may have it. */
export class DocumentError extends Error {
  override readonly name = 'DocumentError';
}

/** The largest key sets in use have about 30 KiB. */
const MAX_BYTES = 256 * 1024;

/**
 * Redirects are not followed. What it gives throws DocumentError. Every document has a connection of its own, so that none is
 * left open to an address that would not be reached today.
 */
export function createDocumentReader(settings: DocumentReaderSettings): ReadDocument {
  return async (url) => {
    const reach = reachOf(url, settings.allowPrivateAddresses);
    const guard = createAddressGuard(reach, settings.resolve);
    const agent = new Agent({
      allowH2: false,
      connect: {
        lookup: guard.lookup,
        timeout: settings.timeoutMs,
        ...(settings.ca === undefined ? {} : { ca: settings.ca }),
      },
    });
    try {
      guard.checkHost(url.hostname);
      return await read(url, agent, settings.timeoutMs);
    } catch (error) {
      if (error instanceof DocumentError) throw error;
      throw new DocumentError(`${url.href} cannot be read: ${reasonOf(error)}`, { cause: error });
    } finally {
      await agent.destroy();
    }
  };
}

function reachOf(url: URL, allowPrivateAddresses: boolean): 'public' | 'private' | 'any' {
  if (url.protocol === 'https:') return allowPrivateAddresses ? 'any' : 'public';
  // Whoever sits between us and an issuer without TLS can be the issuer: at most a network of one's own is believed.
  if (url.protocol === 'http:' && allowPrivateAddresses) return 'private';
  throw new DocumentError(`${url.href} is not an https address`);
}

async function read(url: URL, dispatcher: Dispatcher, timeoutMs: number): Promise<IssuerDocument> {
  const { statusCode, headers, body } = await request(url, {
    dispatcher,
    headers: { accept: 'application/json', 'user-agent': 'berth' },
    signal: AbortSignal.timeout(timeoutMs),
  });
  if (statusCode !== 200) throw new DocumentError(`${url.href} answered ${statusCode}`);
  const parts: Uint8Array[] = [];
  let size = 0;
  for await (const part of body) {
    size += part.length;
    if (size > MAX_BYTES) throw new DocumentError(`${url.href} is larger than ${MAX_BYTES} bytes`);
    parts.push(part);
  }
  return { content: parseStrictJson(Buffer.concat(parts)), maxAge: maxAgeOf(headers['cache-control']) };
}

function maxAgeOf(header: string | string[] | undefined): number | undefined {
  const directives = [header ?? []]
    .flat()
    .join(',')
    .toLowerCase()
    .split(/[\s,]+/);
  if (directives.some((each) => each === 'no-store' || each === 'no-cache')) return 0;
  const [seconds] = directives.flatMap((each) => /^max-age=(\d{1,9})$/.exec(each)?.[1] ?? []);
  return seconds === undefined ? undefined : Number(seconds);
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return 'unknown error';
  return error.message === '' && 'code' in error ? String(error.code) : error.message;
}
