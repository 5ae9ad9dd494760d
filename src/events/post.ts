// One attempt to tell an endpoint of one event.
import type { EventEndpoint } from './endpoint.ts';
import type { RegistryEvent } from './event.ts';
import { messageOf } from './formats.ts';
import { signatureHeaders } from './signature.ts';

/** The endpoint did not take the event. The message says why, and nothing that is a secret. */
export class NotTakenError extends Error {
  override readonly name = 'NotTakenError';
  /** The status of the answer, if there was one. */
  readonly status: number | undefined;

  constructor(message: string, status?: number) {
    super(message);
    this.status = status;
  }
}

export interface Postman {
  /** Resolves to the status of the endpoint when it has taken the event. Throws NotTakenError. */
  post(event: RegistryEvent, signal: AbortSignal): Promise<number>;
  close(): Promise<void>;
}

/** Bytes of an answer that are read, so that its connection can be used again; what is in them is of no interest. */
const ANSWER_BYTES = 64 * 1024;

/**
 * Redirects are not followed: an event goes where the configuration says, with its headers and its signature, and nowhere else.
 * @param connections that are open to the endpoint at the same time
 */
export async function createPostman(
  endpoint: EventEndpoint,
  { connections, now }: { readonly connections: number; readonly now: () => Date },
): Promise<Postman> {
  // Only who tells somebody pays for loading the client.
  const { Agent, request } = await import('undici');
  const { url, authorization } = splitCredentials(endpoint.url);
  const agent = new Agent({ connections, pipelining: 1, connect: { timeout: endpoint.timeout } });
  const fixed = {
    'user-agent': 'Berth',
    ...(authorization !== undefined && { authorization }),
    ...lowerCased(endpoint.headers),
  };
  return {
    async post(event, signal) {
      const { contentType, body } = messageOf(event, endpoint.format);
      const signature = endpoint.secret === undefined ? {} : signatureHeaders(endpoint.secret, body, now());
      const within = AbortSignal.any([signal, AbortSignal.timeout(endpoint.timeout)]);
      let status: number;
      try {
        const answer = await request(url, {
          method: 'POST',
          headers: { ...fixed, 'content-type': contentType, ...signature },
          body,
          dispatcher: agent,
          signal: within,
        });
        status = answer.statusCode;
        await answer.body.dump({ limit: ANSWER_BYTES, signal: within }).catch(() => undefined);
      } catch (error) {
        throw new NotTakenError(reasonOf(error));
      }
      if (status >= 200 && status < 300) return status;
      throw new NotTakenError(`status ${status}`, status);
    },
    close: () => agent.destroy(),
  };
}

/** What a URL says of user and password goes into a header (RFC 7617), as every client does it. */
function splitCredentials(text: string): { readonly url: string; readonly authorization?: string } {
  const url = new URL(text);
  const { username, password } = url;
  if (username === '' && password === '') return { url: url.href };
  url.username = '';
  url.password = '';
  const credentials = `${decoded(username)}:${decoded(password)}`;
  return { url: url.href, authorization: `Basic ${Buffer.from(credentials).toString('base64')}` };
}

/** A per cent sign that is nothing but that is one. */
function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function lowerCased(headers: EventEndpoint['headers']): Readonly<Record<string, string[]>> {
  return Object.fromEntries(
    Object.entries(headers).map(([name, values]) => [name.toLowerCase(), [...values]]),
  );
}

/** Codes and names only: messages of a client may quote a URL or a header. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return 'no answer';
  if (error.name === 'TimeoutError') return 'no answer in time';
  return 'code' in error && typeof error.code === 'string' ? error.code : error.name;
}
