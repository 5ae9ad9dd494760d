// Who gets in, and with what permit. One gatekeeper for each way to log in; HTTP asks it and knows nothing of how it finds out.
import { ANONYMOUS, type Caller } from './caller.ts';
import { type Permit, unlimited } from './permit.ts';
import { formatScopes, type Scope } from './tokens/scope.ts';

/** What a request shows of its sender. */
export interface Knock {
  /** The header Authorization as it came. */
  readonly authorization: string | undefined;
  /** The address of the client, as far as it can be believed. */
  readonly address: string;
  /** Who the certificate of the connection stands for. */
  readonly certificate?: Caller;
}

export interface ChallengeFacts {
  /** What would have been needed. */
  readonly scopes: readonly Scope[];
  /** What is wrong with the token that came (RFC 6750, section 3.1). */
  readonly fault?: 'invalid_token' | 'insufficient_scope';
  /** Scheme and host under which the client came here. */
  readonly origin: string;
}

export interface Gatekeeper {
  /**
   * What the request may do; `undefined` if it shows credentials that prove nothing. Throws `tooManyRequests` and `unavailable`.
   */
  admit(knock: Knock): Promise<Permit | undefined>;
  /** The value of WWW-Authenticate; `undefined` if nobody can log in. */
  challenge(facts: ChallengeFacts): string | undefined;
  /**
   * Whether those who show nothing are told at `/v2/` to log in, which is where clients look whether they have to.
   */
  readonly asksAtTheDoor: boolean;
}

/** Lets everybody do everything. */
export function createOpenGate(): Gatekeeper {
  const permit = unlimited(ANONYMOUS);
  return { asksAtTheDoor: false, admit: async () => permit, challenge: () => undefined };
}

/** `auth.silly` of the `registry` image: who says anything at all may do everything. For trying clients out. */
export function createSillyGate(settings: { readonly realm: string; readonly service: string }): Gatekeeper {
  const permit = unlimited({ ...ANONYMOUS, name: 'silly' });
  const stranger: Permit = {
    caller: ANONYMOUS,
    may: () => false,
    mayList: false,
    maySee: () => false,
    couldBeBetter: true,
  };
  return {
    asksAtTheDoor: true,
    admit: async ({ authorization = '' }) => (authorization === '' ? stranger : permit),
    challenge: ({ scopes }) => bearerChallenge(settings.realm, settings.service, { scopes }),
  };
}

/** A challenge of the Docker token specification. Values are quoted; those of settings have no quotes in them. */
export function bearerChallenge(
  realm: string,
  service: string,
  { scopes, fault }: Pick<ChallengeFacts, 'scopes' | 'fault'>,
): string {
  const parts = [
    `realm=${quoted(realm)}`,
    `service=${quoted(service)}`,
    ...(scopes.length > 0 ? [`scope=${quoted(formatScopes(scopes))}`] : []),
    ...(fault === undefined ? [] : [`error=${quoted(fault)}`]),
  ];
  return `Bearer ${parts.join(',')}`;
}

/** RFC 7617. */
export function basicChallenge(realm: string): string {
  return `Basic realm=${quoted(realm)}`;
}

/** RFC 9110, section 5.6.4; what no header may hold is left out. */
function quoted(text: string): string {
  return `"${text.replace(/[^\x20-\x7e]/g, '').replace(/["\\]/g, '\\$&')}"`;
}
