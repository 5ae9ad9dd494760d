// Tokens of outside issuers as proof of who asks: what CI jobs have instead of a secret.
import type { Caller } from '../caller.ts';
import { decodeToken } from '../tokens/decoded-token.ts';
import { type Issuer, MAX_TOKEN_LENGTH } from './issuer.ts';
import { IssuerSettingsError } from './issuer-settings.ts';

export interface Federation {
  /**
   * Who the bearer is, if one of the issuers vouches for it. Text that is no token costs next to nothing. A token may be used
   * again within its life, as every layer of a pull needs it. Throws `unavailable` if the issuer's keys cannot be had.
   */
  recognize(token: string): Promise<Caller | undefined>;
}

/**
 * A token is checked against the issuer that it names and no other: keys of one issuer prove nothing about another. Throws
 * IssuerSettingsError if two issuers have the same name or the same address.
 */
export function createFederation(issuers: readonly Issuer[]): Federation {
  const byAddress = new Map(issuers.map((issuer) => [issuer.issuer, issuer]));
  for (const { name, issuer } of issuers) {
    const alike = issuers.filter((other) => other.name === name || other.issuer === issuer);
    if (alike.length > 1)
      throw new IssuerSettingsError(name, 'has the name or the address of another issuer');
  }

  return {
    async recognize(token) {
      if (token.length > MAX_TOKEN_LENGTH) return undefined;
      const named = decodeToken(token)?.claims['iss'];
      return typeof named === 'string' ? byAddress.get(named)?.prove(token) : undefined;
    },
  };
}
