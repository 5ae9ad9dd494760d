// Who the bearer of a proved token is.
import type { Caller, Claim } from '../caller.ts';
import type { JsonObject } from '../tokens/decoded-token.ts';

type Claims = { readonly [name: string]: Claim };

export interface ClaimMapping {
  /** The configuration's name for the issuer. */
  readonly issuerName: string;
  readonly usernameClaim: string;
  readonly groupsClaim: string | undefined;
  /** Claims that must be there with this text, or one of these. */
  readonly requiredClaims: { readonly [name: string]: string | readonly string[] };
}

const MAX_NAME_LENGTH = 255;
const MAX_GROUPS = 200;
/** Kubernetes nests two deep. Rules look into claims for every request, so there is an end to them. */
const MAX_CLAIM_DEPTH = 8;
const MAX_CLAIM_VALUES = 1000;

/**
 * `undefined` if a required claim is missing or has another value, if the claim for the name has nothing that can be one, or
 * if the claims are endless.
 */
export function federatedCaller(claims: JsonObject, mapping: ClaimMapping): Caller | undefined {
  if (!areBounded(claims)) return undefined;
  const meets = Object.entries(mapping.requiredClaims).every(([name, wanted]) => {
    const text = textOf(claimOf(claims, name));
    return text !== undefined && [wanted].flat().includes(text);
  });
  const name = claimOf(claims, mapping.usernameClaim);
  if (!meets || !isName(name)) return undefined;
  const groups = mapping.groupsClaim === undefined ? undefined : claimOf(claims, mapping.groupsClaim);
  return { kind: 'federated', issuer: mapping.issuerName, name, groups: groupsIn(groups), claims };
}

/** What was JSON is made of claims alone; only how many there are is to be seen. */
function areBounded(claims: JsonObject): claims is Claims {
  let values = 0;
  return fits(claims, 0);

  function fits(claim: unknown, depth: number): boolean {
    values += 1;
    if (depth > MAX_CLAIM_DEPTH || values > MAX_CLAIM_VALUES) return false;
    if (typeof claim !== 'object' || claim === null) return true;
    return Object.values(claim).every((inner) => fits(inner, depth + 1));
  }
}

/** A list, or a single one as some issuers write it. What cannot be a name is left out. */
function groupsIn(claim: Claim | undefined): readonly string[] {
  const list: readonly unknown[] = Array.isArray(claim) ? claim : [claim];
  return [...new Set(list.filter(isName))].slice(0, MAX_GROUPS);
}

function claimOf(claims: Claims, name: string): Claim | undefined {
  return Object.hasOwn(claims, name) ? claims[name] : undefined;
}

function textOf(claim: Claim | undefined): string | undefined {
  if (typeof claim === 'string') return claim;
  return typeof claim === 'number' || typeof claim === 'boolean' ? String(claim) : undefined;
}

/** Printable, since it goes into logs. */
function isName(value: unknown): value is string {
  return typeof value === 'string' && value.length <= MAX_NAME_LENGTH && /^(?=.*\S)\P{C}+$/u.test(value);
}
