// `auth: token`: tokens of an outside token server, as the `registry` image takes them. Unlike it: a key fits the algorithms
// of its type only, a `jwk` in a token is nothing, and claims are checked for their types.
import { createHash } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import type { Logger } from 'pino';
import { atMost } from '../../registry/at-most.ts';
import type { Caller } from '../caller.ts';
import type { Permit } from '../permit.ts';
import { commonActions, parseAccess, permitOfAccess } from './access.ts';
import { ALGORITHMS, type Algorithm } from './algorithms.ts';
import { followOutsideKeys } from './outside-keys.ts';
import { type TokenFault, verifyToken } from './verify-token.ts';

export interface OutsideTokensSettings {
  /** Who the tokens have to be from, and for. */
  readonly issuer: string;
  readonly service: string;
  /** Paths of files; at least one of them. */
  readonly rootcertbundle?: string;
  readonly jwks?: string;
  /** @default all that are known; a key is used only with those of its type */
  readonly signingalgorithms?: readonly Algorithm[];
}

export interface OutsideTokens {
  /** What the token allows; `undefined` if it is not genuine, not for us, or not valid now. A token without access is a login. */
  permit(token: string, onRefusal?: (fault: TokenFault) => void): Promise<Permit | undefined>;
}

const MAX_NAME_LENGTH = 255;
/** A pull asks with the same token many times. As long as a key that was taken out may be good for. */
const REMEMBERED_FOR_MS = 30_000;
const MOST_REMEMBERED = 5000;

/** Throws TokenKeysError if the files cannot be used. */
export async function createOutsideTokens(
  settings: OutsideTokensSettings,
  { log, now = () => new Date() }: { readonly log: Logger; readonly now?: () => Date },
): Promise<OutsideTokens> {
  const { issuer, service, signingalgorithms: algorithms = ALGORITHMS } = settings;
  const keys = await followOutsideKeys({ ...settings, algorithms }, log, now);
  const remembered = new LRUCache<
    string,
    { readonly permit: Permit; readonly from: number; readonly until: number }
  >(atMost(MOST_REMEMBERED));

  return {
    async permit(token, onRefusal) {
      const mark = createHash('sha256').update(token).digest('base64');
      const known = remembered.get(mark);
      const time = now().getTime();
      if (known !== undefined && time >= known.from && time < known.until) return known.permit;
      const rules = { issuer, audiences: [service], algorithms, now, ...(onRefusal && { onRefusal }) };
      const verified = await verifyToken(token, keys.find, rules);
      if (verified === undefined) return undefined;
      const { claims, refusedFrom } = verified;
      const caller = readCaller(claims['sub']);
      const access = parseAccess(claims['access'], commonActions);
      if (caller === undefined || access === undefined) {
        onRefusal?.('malformed');
        return undefined;
      }
      // As in the `registry` image: who may list may list everything.
      const permit = permitOfAccess(caller, access, () => true);
      const until = Math.min(refusedFrom.getTime(), time + REMEMBERED_FOR_MS);
      remembered.set(mark, { permit, from: time, until });
      return permit;
    },
  };
}

function readCaller(subject: unknown): Caller | undefined {
  const name = subject ?? '';
  const isName = typeof name === 'string' && name.length <= MAX_NAME_LENGTH && !/\p{C}/u.test(name);
  return isName ? { kind: 'outsider', name, groups: [] } : undefined;
}
