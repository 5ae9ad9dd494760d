// The gate of a registry with accounts: passwords, tokens and certificates come to a caller, and the rules to a permit.
import { ANONYMOUS, type Caller } from './caller.ts';
import type { ChallengeFacts, Gatekeeper } from './gatekeeper.ts';
import type { LimitedLogins } from './limited-logins.ts';
import type { Permit } from './permit.ts';
import { permitFor } from './policy/permit.ts';
import type { Policy } from './policy/policy.ts';
import { readCredentials } from './tokens/credentials.ts';

export interface GateDependencies {
  /** The rules that hold now. */
  readonly policy: () => Policy;
  /** Absent: passwords prove nothing. */
  readonly logins?: LimitedLogins;
  /** What a token allows; `undefined` if it is not genuine. Absent: tokens prove nothing. */
  readonly permitOfToken?: (token: string) => Promise<Permit | undefined>;
  readonly challenge: (facts: ChallengeFacts) => string | undefined;
}

export function createGate({ policy, logins, permitOfToken, challenge }: GateDependencies): Gatekeeper {
  const canLogIn = logins !== undefined || permitOfToken !== undefined;

  /** Of who shows nothing but a certificate, or not even that: a login may allow more, where there is one. */
  function permitOf(caller: Caller): Permit {
    return { ...permitFor(caller, policy()), couldBeBetter: canLogIn };
  }

  return {
    asksAtTheDoor: canLogIn,

    async admit({ authorization, address, certificate }) {
      const credentials = readCredentials(authorization);
      switch (credentials.kind) {
        case 'none':
          return permitOf(certificate ?? ANONYMOUS);
        case 'basic': {
          const login = await logins?.verify(credentials.name, credentials.password, address);
          return login && permitFor(login.caller, policy());
        }
        case 'bearer':
          return permitOfToken?.(credentials.token);
        case 'unreadable':
          return undefined;
      }
    },

    challenge,
  };
}

/** The rules of a registry whose tokens say everything. */
export const tokensAlone: Policy = {
  may: () => false,
  mayList: () => false,
};
