// The caller as a token of this registry carries it from the login to the request.
import { z } from 'zod';
import { ACTIONS, type Caller } from '../caller.ts';

/** The name of the claim. */
export const CALLER_CLAIM = 'berth';

const callerSchema = z.strictObject({
  kind: z.enum(['anonymous', 'account', 'robot', 'federated', 'certificate']),
  name: z.string().max(255),
  groups: z.array(z.string()),
  issuer: z.string().exactOptional(),
  limits: z
    .array(z.strictObject({ repositories: z.string(), actions: z.array(z.enum(ACTIONS)) }))
    .exactOptional(),
  isAdministrator: z.literal(true).exactOptional(),
});

/** What an issuer or a certificate says of the caller stays behind: rules have looked at it when the token was made. */
export function callerToClaim({ claims: _, ...caller }: Caller): object {
  return caller;
}

/** `undefined` for what is no caller of ours. */
export function callerOfClaim(claim: unknown): Caller | undefined {
  const { data } = callerSchema.safeParse(claim);
  return data;
}
