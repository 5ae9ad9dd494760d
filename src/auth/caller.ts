// Who asks, as far as it was proved.

/** What a claim or a certificate says: plain JSON. */
export type Claim = string | number | boolean | null | readonly Claim[] | { readonly [name: string]: Claim };

export interface Caller {
  /**
   * How the name was come by: names of different kinds are different callers. `account`: by a password that this registry or
   * its password file knows. `robot`: by the secret of a robot account. `federated`: by a token of an outside issuer.
   * `certificate`: by a client certificate. `outsider`: by a token of the outside token server, which says itself what may be done.
   */
  readonly kind: 'anonymous' | 'account' | 'robot' | 'federated' | 'certificate' | 'outsider';
  /** Empty for anonymous. Printable, at most 255 characters. */
  readonly name: string;
  readonly groups: readonly string[];
  /** Of a federated caller: the name that the configuration gives its issuer. */
  readonly issuer?: string;
  /** What the issuer or the certificate says of the caller. */
  readonly claims?: { readonly [name: string]: Claim };
  /** What a robot's secret is limited to, whatever the rules allow; absent: no limit. */
  readonly limits?: readonly Limit[];
  /** Whether the registry itself may be administered: accounts, keys. */
  readonly isAdministrator?: true;
}

/** What may be done at most in the repositories that a pattern names (patterns.ts). */
export interface Limit {
  readonly repositories: string;
  readonly actions: readonly Action[];
}

/**
 * `push`: new content and new tags. `overwrite`: moving a tag that is there. `admin`: everything in the repository, also what
 * immutability forbids to others.
 */
export const ACTIONS = ['pull', 'push', 'overwrite', 'delete', 'admin'] as const;
export type Action = (typeof ACTIONS)[number];

export const ANONYMOUS: Caller = { kind: 'anonymous', name: '', groups: [] };
