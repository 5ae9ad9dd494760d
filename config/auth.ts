// The `auth` section: how a client proves who it is, and the rules for what it may do then.
import { z } from 'zod';
import { parseBaseUrl } from './network.ts';
import { countOrDefault, duration, flag, oneOf, parsed, text } from './scalars.ts';

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;

const url = () => parsed(parseBaseUrl, 'an http or https URL without user, query and fragment');

const path = () => text('the path of a file');

/** Algorithms of RFC 7518 and RFC 8037 by which an outside token server may sign. */
const ALGORITHMS = [
  'EdDSA',
  'HS256',
  'HS384',
  'HS512',
  'RS256',
  'RS384',
  'RS512',
  'ES256',
  'ES384',
  'ES512',
  'PS256',
  'PS384',
  'PS512',
] as const;

const silly = z.strictObject({
  realm: text().describe('The realm that is named to clients.'),
  service: text().describe('The service that is named to clients.'),
});

const htpasswd = z.strictObject({
  realm: text().default('Registry').describe('The realm that is named to clients.'),
  path: path().describe('The password file, as htpasswd -B makes it. Read again when it changes.'),
});

const token = z.strictObject({
  realm: url().optional().describe('The URL of the token server, which clients are sent to.'),
  service: text().describe('The service that tokens have to be made for.'),
  issuer: text().describe('The issuer that tokens have to be from.'),
  rootcertbundle: path()
    .optional()
    .describe('A file with the certificates that may sign tokens, or have signed the ones that do.'),
  jwks: path().optional().describe('A file with the keys that may sign tokens, as a JSON Web Key Set.'),
  autoredirect: flag()
    .default(false)
    .describe('Whether clients are sent to the host that they asked, in place of realm.'),
  autoredirectpath: text('a path').default('/auth/token').describe('The path that they are sent to there.'),
  signingalgorithms: z
    .array(oneOf(...ALGORITHMS))
    .default([])
    .describe(
      'The algorithms that tokens may be signed by. Empty: every one that fits the keys, but for HS*.',
    ),
});

const issuer = z.strictObject({
  name: text().describe('What rules call the issuer: oidc:<name>.'),
  issuer: text().describe('The issuer, exactly as its tokens name it.'),
  audience: z.array(text()).describe('What its tokens have to be made for; one of these.'),
  usernameclaim: text().default('sub').describe('The claim that names the caller.'),
  groupsclaim: text().optional().describe('The claim with the groups of the caller.'),
  jwks: path().optional().describe('A file with its keys, for an issuer that cannot be reached.'),
  ca: path()
    .optional()
    .describe('A file with the authorities that signed its certificate. Not given: the usual ones.'),
  allowprivate: flag()
    .default(false)
    .describe('Whether the issuer may have a private or local address, and speak http.'),
});

const berth = z.strictObject({
  realm: url()
    .optional()
    .describe(
      'The URL of /auth/token as clients reach it. Not given: below http.host; without that, at the host that the client asked.',
    ),
  service: text().default('berth').describe('The service that tokens are made for.'),
  issuer: text().default('berth').describe('The issuer that tokens name.'),
  tokenlife: duration()
    .default(5 * MINUTE)
    .describe('How long a token holds, from 1m to 1h. A length of time.'),
  refreshlife: duration()
    .default(720 * HOUR)
    .describe('How long a login can be renewed without the password. A length of time.'),
  algorithm: oneOf('ES256', 'RS256').default('ES256').describe('The algorithm that tokens are signed by.'),
  signingkey: path()
    .optional()
    .describe(
      'A file with the private key that signs tokens. Not given: one is made, and kept in the storage.',
    ),
  oidc: z.array(issuer).default([]).describe('Issuers whose tokens are taken as a login, as in CI.'),
});

const words = () => z.array(text());

const rule = z.strictObject({
  repositories: words().describe('Patterns of repository names: acme/*, acme/**.'),
  for: words().describe(
    'Whom it is about: everyone, anonymous, authenticated, user:<name>, group:<name>, robot:<name>, oidc:<name>, certificate:<name>.',
  ),
  actions: words().describe(
    'pull, push, overwrite, delete, admin; write is push and overwrite, all is everything.',
  ),
  effect: text().optional().describe('allow or deny. Not given: allow.'),
  when: text().optional().describe('What the claims of the caller have to be.'),
});

const immutableTags = z.strictObject({
  repositories: words().describe('Patterns of repository names.'),
  tags: words().describe('Patterns of whole tags: v[0-9]*.'),
  except: words().optional().describe('Patterns of tags that are none of them.'),
});

const policy = z.strictObject({
  path: path()
    .optional()
    .describe('A file with the rules, read again when it changes. In place of the keys below.'),
  rules: z
    .array(rule)
    .optional()
    .describe('The rules. The first one that is about an action decides; else it is denied.'),
  immutabletags: z
    .array(immutableTags)
    .optional()
    .describe('Tags that nobody moves or deletes once they are there.'),
  groups: z
    .record(z.string(), words())
    .optional()
    .describe('Groups and their members, for accounts in a password file.'),
});

export const AUTH_SCHEMES = ['none', 'silly', 'htpasswd', 'token', 'berth'] as const;

/** In the result the section that was chosen is `scheme`, so that one `switch` on `scheme.name` knows its parameters. */
export const authSchema = z
  .strictObject({
    none: z.strictObject({}).optional().describe('Nobody is asked.'),
    silly: silly.optional().describe('For trying clients out: whoever says anything at all is let in.'),
    htpasswd: htpasswd.optional().describe('Accounts in a password file.'),
    token: token.optional().describe('Tokens of an outside token server.'),
    berth: berth.optional().describe('Accounts that the registry keeps itself, and tokens of its own.'),
    policy: policy.optional().describe('Who may do what in which repository.'),
    failedlogins: z
      .strictObject({
        peraddress: countOrDefault(60).describe('Failed logins from one address before it has to wait.'),
        peraccount: countOrDefault(10).describe(
          'Failed logins to one account from one address before it has to wait.',
        ),
      })
      .prefault({}),
  })
  .superRefine(check, { when: () => true })
  .transform(({ none: _open, silly, htpasswd, token, berth, policy, failedlogins }) => {
    const scheme = silly
      ? ({ name: 'silly', ...silly } as const)
      : htpasswd
        ? ({ name: 'htpasswd', ...htpasswd } as const)
        : token
          ? ({ name: 'token', ...token } as const)
          : berth
            ? ({ name: 'berth', ...berth } as const)
            : ({ name: 'none' } as const);
    return { scheme, ...(policy && { policy }), failedlogins };
  });

/** Runs beside other problems, so only asks what is given. */
function check(auth: Readonly<Record<string, unknown>>, context: z.RefinementCtx): void {
  const refuse = (path: string[], message: string) => context.addIssue({ code: 'custom', path, message });
  const named = AUTH_SCHEMES.filter((name) => auth[name] !== undefined);
  if (named.length > 1) refuse([], `names ${named.join(' and ')}; exactly one is possible`);
  const { token, policy, berth } = auth;
  if (isMap(token)) {
    if (token['rootcertbundle'] === undefined && token['jwks'] === undefined) {
      refuse(['token'], 'has neither rootcertbundle nor jwks: no token could be believed');
    }
    if (token['realm'] === undefined && token['autoredirect'] !== true) {
      refuse(['token', 'realm'], 'is missing: clients would not know where to get a token');
    }
  }
  if (isMap(policy)) {
    const inline = ['rules', 'immutabletags', 'groups'].filter((name) => policy[name] !== undefined);
    if (policy['path'] !== undefined && inline.length > 0) {
      refuse(['policy'], `has path and ${inline.join(', ')}; the rules are in one place`);
    }
    if (token !== undefined || auth['silly'] !== undefined) {
      refuse(['policy'], 'is without effect: what may be done is said by the tokens');
    }
  }
  if (isMap(berth)) checkBerth(berth, refuse);
}

function checkBerth(
  { tokenlife, oidc }: Readonly<Record<string, unknown>>,
  refuse: (path: string[], message: string) => void,
): void {
  if (typeof tokenlife === 'number' && (tokenlife < MINUTE || tokenlife > HOUR)) {
    refuse(['berth', 'tokenlife'], 'must be from 1m to 1h');
  }
  if (!Array.isArray(oidc)) return;
  const seen = new Set<unknown>();
  for (const { name, audience } of oidc.filter(isMap)) {
    if (seen.has(name)) refuse(['berth', 'oidc'], 'names two issuers alike');
    seen.add(name);
    if (Array.isArray(audience) && audience.length === 0) {
      refuse(['berth', 'oidc'], 'has an issuer without audience: tokens made for others would be taken');
    }
  }
}

function isMap(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
