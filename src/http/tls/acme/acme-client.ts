// A client of a certificate authority that speaks ACME (RFC 8555): account, order, challenge, certificate.
import { createHash, createPublicKey, type KeyObject, sign } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';

export interface AcmeClient {
  /**
   * Gets a certificate for the request (DER) of one host. `present` makes the server ready for the challenge
   * `tls-alpn-01`. Gives the certificates, the own one first, PEM. Throws AcmeError.
   */
  obtain(
    host: string,
    request: Buffer,
    present: (keyAuthorization: string) => Promise<void>,
  ): Promise<string>;
}

export interface AcmeSettings {
  readonly directoryUrl: string;
  /** On the curve P-256. */
  readonly accountKey: KeyObject;
  readonly email?: string | undefined;
  readonly signal: AbortSignal;
  /**
   * The least wait between two questions whether something is done, in milliseconds.
   * @default 2_000
   */
  readonly pollMs?: number;
}

/** The authority refused, or did not answer as it should. */
export class AcmeError extends Error {
  override readonly name = 'AcmeError';
  /** Milliseconds before which it asks not to be asked again. */
  readonly retryAfterMs: number;

  constructor(
    message: string,
    { retryAfterMs = 0, ...options }: ErrorOptions & { retryAfterMs?: number } = {},
  ) {
    super(message, options);
    this.retryAfterMs = retryAfterMs;
  }
}

const directorySchema = z.object({ newNonce: z.string(), newAccount: z.string(), newOrder: z.string() });
const orderSchema = z.object({
  status: z.string(),
  authorizations: z.array(z.string()).max(10),
  finalize: z.string(),
  certificate: z.string().optional(),
  error: z.unknown().optional(),
});
const authorizationSchema = z.object({
  status: z.string(),
  identifier: z.object({ value: z.string() }),
  challenges: z.array(
    z.object({
      type: z.string(),
      url: z.string(),
      token: z.string().optional(),
      error: z.unknown().optional(),
    }),
  ),
});
const problemSchema = z.object({ type: z.string().max(200), detail: z.string().max(500).catch('') });

const ANSWER_MS = 30_000;
const MOST_BYTES = 1024 * 1024;
/** How long an authority may take over one step. */
const STEP_MS = 5 * 60_000;
const LONGEST_POLL_MS = 30_000;
const BAD_NONCE = 'urn:ietf:params:acme:error:badNonce';

interface AcmeAnswer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
}

export function createAcmeClient(settings: AcmeSettings): AcmeClient {
  const { directoryUrl, accountKey, email, signal, pollMs = 2_000 } = settings;
  const { crv, kty, x, y } = createPublicKey(accountKey).export({ format: 'jwk' });
  // Exactly these members in this order: the thumbprint is the hash of their text (RFC 7638).
  const jwk = { crv, kty, x, y };
  const thumbprint = createHash('sha256').update(JSON.stringify(jwk)).digest('base64url');
  let nonce: string | undefined;

  async function send(url: string, init: RequestInit): Promise<AcmeAnswer> {
    if (new URL(url).protocol !== new URL(directoryUrl).protocol) {
      throw new AcmeError('the authority names an address of another kind than its own');
    }
    const limit = AbortSignal.any([signal, AbortSignal.timeout(ANSWER_MS)]);
    try {
      const response = await fetch(url, { ...init, redirect: 'error', signal: limit });
      nonce = response.headers.get('replay-nonce') ?? nonce;
      return { status: response.status, headers: response.headers, text: await bounded(response) };
    } catch (error) {
      if (error instanceof AcmeError) throw error;
      throw new AcmeError('the authority cannot be reached', { cause: error });
    }
  }

  /** A signed request (section 6.2). Without a payload it asks for what is at the address. */
  async function post(url: string, account: string | undefined, payload?: object): Promise<AcmeAnswer> {
    for (let left = 3; ; left -= 1) {
      const { newNonce } = await directory();
      if (nonce === undefined) await send(newNonce, { method: 'HEAD' });
      const header = { alg: 'ES256', nonce, url, ...(account === undefined ? { jwk } : { kid: account }) };
      nonce = undefined;
      const body = JSON.stringify(signed(header, payload));
      const answer = await send(url, {
        method: 'POST',
        body,
        headers: { 'content-type': 'application/jose+json' },
      });
      if (answer.status < 400) return answer;
      const problem = problemSchema.safeParse(jsonOf(answer)).data;
      if (problem?.type === BAD_NONCE && left > 0) continue;
      throw new AcmeError(`the authority answers ${answer.status}${describe(problem)}`, {
        retryAfterMs: retryAfterOf(answer),
      });
    }
  }

  function signed(header: object, payload?: object) {
    const protectedPart = base64url(JSON.stringify(header));
    const body = payload === undefined ? '' : base64url(JSON.stringify(payload));
    const signature = sign('sha256', Buffer.from(`${protectedPart}.${body}`), {
      key: accountKey,
      dsaEncoding: 'ieee-p1363',
    });
    return { protected: protectedPart, payload: body, signature: signature.toString('base64url') };
  }

  async function directory() {
    known ??= read(directorySchema, await send(directoryUrl, {}));
    return known;
  }
  let known: z.output<typeof directorySchema> | undefined;

  /** The address of the account, which is made if this key has none yet (section 7.3). */
  async function openAccount(): Promise<string> {
    const contact = email === undefined ? {} : { contact: [`mailto:${email}`] };
    const { newAccount } = await directory();
    const { headers } = await post(newAccount, undefined, { termsOfServiceAgreed: true, ...contact });
    return required(headers.get('location'), 'no account');
  }

  async function waitFor<T extends { readonly status: string }>(
    schema: z.ZodType<T>,
    url: string,
    account: string,
    pending: readonly string[],
  ): Promise<T> {
    const end = performance.now() + STEP_MS;
    for (;;) {
      const answer = await post(url, account);
      const value = read(schema, answer);
      if (!pending.includes(value.status)) return value;
      if (performance.now() > end) throw new AcmeError('the authority does not come to an end');
      await sleep(Math.min(Math.max(retryAfterOf(answer), pollMs), LONGEST_POLL_MS), undefined, { signal });
    }
  }

  async function authorize(
    url: string,
    account: string,
    present: (keyAuthorization: string) => Promise<void>,
  ): Promise<void> {
    const { status, challenges } = read(authorizationSchema, await post(url, account));
    if (status === 'valid') return;
    const challenge = challenges.find(({ type }) => type === 'tls-alpn-01');
    if (challenge?.token === undefined || !/^[A-Za-z0-9_-]{1,512}$/.test(challenge.token)) {
      throw new AcmeError('the authority does not offer the challenge tls-alpn-01');
    }
    await present(`${challenge.token}.${thumbprint}`);
    await post(challenge.url, account, {});
    const done = await waitFor(authorizationSchema, url, account, ['pending', 'processing']);
    if (done.status === 'valid') return;
    const problem = problemSchema.safeParse(
      done.challenges.find(({ type }) => type === 'tls-alpn-01')?.error,
    );
    throw new AcmeError(`the authority could not check the name${describe(problem.data)}`);
  }

  return {
    async obtain(host, request, present) {
      const account = await openAccount();
      const identifiers = [{ type: 'dns', value: host }];
      const { newOrder } = await directory();
      const made = await post(newOrder, account, { identifiers });
      const address = required(made.headers.get('location'), 'no order');
      const order = read(orderSchema, made);
      for (const url of order.authorizations) await authorize(url, account, present);
      await waitFor(orderSchema, address, account, ['pending', 'processing']);
      await post(order.finalize, account, { csr: request.toString('base64url') });
      const done = await waitFor(orderSchema, address, account, ['ready', 'processing']);
      if (done.status !== 'valid') {
        throw new AcmeError(
          `the authority refuses the order${describe(problemSchema.safeParse(done.error).data)}`,
        );
      }
      return (await post(required(done.certificate, 'no certificate'), account)).text;
    },
  };
}

/** The whole of an answer, unless it is longer than any that is due. */
async function bounded(response: Response): Promise<string> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of response.body ?? []) {
    size += chunk.length;
    if (size > MOST_BYTES) throw new AcmeError('the authority sends too much');
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString();
}

function read<T>(schema: z.ZodType<T>, answer: AcmeAnswer): T {
  const parsed = schema.safeParse(jsonOf(answer));
  if (parsed.success) return parsed.data;
  throw new AcmeError('the authority sends what is not understood', { cause: parsed.error });
}

function jsonOf({ text }: AcmeAnswer): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function required<T>(value: T | null | undefined, what: string): T {
  if (value === null || value === undefined) throw new AcmeError(`the authority names ${what}`);
  return value;
}

function describe(problem: z.output<typeof problemSchema> | undefined): string {
  return problem === undefined
    ? ''
    : `: ${problem.type.replace(/^urn:ietf:params:acme:error:/, '')} ${problem.detail}`;
}

function retryAfterOf({ headers }: AcmeAnswer): number {
  const header = headers.get('retry-after') ?? '';
  if (/^\d{1,7}$/.test(header)) return Number(header) * 1000;
  const date = Date.parse(header);
  return Number.isNaN(date) ? 0 : Math.max(0, date - Date.now());
}

function base64url(text: string): string {
  return Buffer.from(text).toString('base64url');
}
