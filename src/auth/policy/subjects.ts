// For whom a rule is. Names of different kinds are different callers: an account `ci`, a robot `ci`, a certificate with the
// common name `ci` and a token from outside with the name `ci` have nothing to do with one another.
import type { Caller } from '../caller.ts';
import { accepted, type Parsed, refused } from './parsed.ts';

export type Subject =
  | { readonly kind: 'everyone' | 'anonymous' | 'authenticated' }
  | { readonly kind: NamedKind; readonly name: string };

export type NamedKind = 'user' | 'group' | 'robot' | 'oidc' | 'certificate';

/** The accounts that belong to a group by what the policy says. */
export type Members = ReadonlyMap<string, ReadonlySet<string>>;

const PLAIN_KINDS = ['everyone', 'anonymous', 'authenticated'] as const;
const NAMED_KINDS = ['user', 'group', 'robot', 'oidc', 'certificate'] as const;
const MAX_NAME_LENGTH = 255;

/**
 * `everyone`, `anonymous`, `authenticated`, `user:<name>`, `group:<name>`, `robot:<name>`, `oidc:<name of the issuer>`,
 * `certificate:<name>`, and `certificate:*` for whoever has a certificate.
 */
export function parseSubject(text: string): Parsed<Subject> {
  const plain = PLAIN_KINDS.find((kind) => kind === text);
  if (plain !== undefined) return accepted({ kind: plain });
  const colon = text.indexOf(':');
  const kind = NAMED_KINDS.find((known) => known === text.slice(0, Math.max(0, colon)));
  if (kind === undefined)
    return refused(
      `must be one of ${[...PLAIN_KINDS, ...NAMED_KINDS.map((each) => `${each}:<name>`)].join(', ')}`,
    );
  const name = text.slice(colon + 1);
  if (kind === 'certificate' && name === '*') return accepted({ kind, name });
  if (name === '' || name !== name.trim() || name.length > MAX_NAME_LENGTH)
    return refused(`must have a name of 1 to ${MAX_NAME_LENGTH} characters right after the colon`);
  if (/[*?]/.test(name)) return refused('must be a name in full; name several in a list, or a group');
  return accepted({ kind, name });
}

/** Whether the rule is for this caller, as far as that is said by who it is. */
export function isMeant(subject: Subject, caller: Caller, members: Members): boolean {
  switch (subject.kind) {
    case 'everyone':
      return true;
    case 'anonymous':
      return caller.kind === 'anonymous';
    case 'authenticated':
      // A token of a public issuer proves no more than that its owner has an account there: so does half the world.
      return caller.kind !== 'anonymous' && caller.kind !== 'federated';
    case 'user':
      return caller.kind === 'account' && caller.name === subject.name;
    case 'robot':
      return caller.kind === 'robot' && caller.name === subject.name;
    case 'group':
      return isMember(caller, subject.name, members);
    case 'oidc':
      return caller.kind === 'federated' && caller.issuer === subject.name;
    case 'certificate':
      return caller.kind === 'certificate' && (subject.name === '*' || caller.name === subject.name);
  }
}

/** Only the registry's own groups count: what an issuer or a certificate calls a group is a claim. */
function isMember(caller: Caller, group: string, members: Members): boolean {
  if (caller.kind !== 'account' && caller.kind !== 'robot') return false;
  if (caller.groups.includes(group)) return true;
  return caller.kind === 'account' && members.get(group)?.has(caller.name) === true;
}
