// One outside issuer that the configuration trusts: its keys, and what its tokens prove.
//
// Where the keys come from is fixed by the configuration and never by a token: the issuer's own discovery document (OpenID
// Connect Discovery 1.0, which must name the very issuer that was asked), an address given instead of it, or a set of keys
// that was given in full, which needs no request.
import type { Logger } from 'pino';
import type { Caller } from '../caller.ts';
import { ASYMMETRIC_ALGORITHMS } from '../tokens/algorithms.ts';
import { isObject } from '../tokens/decoded-token.ts';
import { findIn, type KeySet, parseKeySet } from '../tokens/jwks.ts';
import { type TokenFault, verifyToken } from '../tokens/verify-token.ts';
import type { ResolveName } from './address-guard.ts';
import { federatedCaller } from './federated-caller.ts';
import { createDocumentReader, DocumentError, type ReadDocument } from './issuer-document.ts';
import {
  type IssuerSettings,
  IssuerSettingsError,
  parseHttpUrl,
  readAuthorities,
  readIssuerFile,
} from './issuer-settings.ts';
import { createRememberedKeys, type LoadedKeys, type RememberedKeys } from './remembered-keys.ts';

export interface Issuer {
  /** The configuration's name for it. */
  readonly name: string;
  /** What its tokens have as `iss`. */
  readonly issuer: string;
  /** Who the bearer is, if the token is proof of it. Throws `unavailable` if the issuer's keys cannot be had. */
  prove(token: string): Promise<Caller | undefined>;
}

export interface IssuerDependencies {
  readonly log: Logger;
  /** @default the clock */
  readonly now?: () => Date;
  /** @default the resolver of the system */
  readonly resolve?: ResolveName;
  /** Milliseconds for each document. @default 5000 */
  readonly timeoutMs?: number;
}

/** Characters. Issuers that list the groups of a person write long ones. */
export const MAX_TOKEN_LENGTH = 16 * 1024;
const TIMEOUT_MS = 5000;
/** Seconds after which a file of keys is read again. */
const FILE_MAX_AGE = 60;
/** Nobody shares a secret with an issuer. */
const KEY_RULES = { algorithms: ASYMMETRIC_ALGORITHMS };

/**
 * Reads the files that the settings name, and asks nobody yet: an issuer that is down does not keep the registry from
 * starting. Throws IssuerSettingsError.
 */
export async function createIssuer(settings: IssuerSettings, deps: IssuerDependencies): Promise<Issuer> {
  const { name, issuer, audiences } = settings;
  const now = deps.now ?? (() => new Date());
  const log = deps.log.child({ issuer: name });
  if (audiences.length === 0) throw new IssuerSettingsError(name, 'needs at least one audience');
  const keys = await createKeys(settings, { ...deps, log, now });
  const mapping = {
    issuerName: name,
    usernameClaim: settings.usernameClaim ?? 'sub',
    groupsClaim: settings.groupsClaim,
    requiredClaims: settings.requiredClaims ?? {},
  };

  return {
    name,
    issuer,
    async prove(token) {
      const rules = { issuer, audiences, maxLength: MAX_TOKEN_LENGTH, now, onRefusal: refuse };
      const verified = await verifyToken(token, ({ kid }) => keys.find(kid), rules);
      if (verified === undefined) return undefined;
      const caller = federatedCaller(verified.claims, mapping);
      if (caller === undefined) refuse('claims');
      return caller;
    },
  };

  function refuse(fault: TokenFault | 'claims'): void {
    log.info({ fault }, 'a token of an outside issuer was refused');
  }
}

async function createKeys(
  settings: IssuerSettings,
  deps: IssuerDependencies & { readonly now: () => Date },
): Promise<RememberedKeys> {
  const { name, jwks } = settings;
  const url = parseHttpUrl(settings, 'issuer', settings.issuer);
  if (jwks === undefined)
    return createRememberedKeys({ ...deps, load: await createDownload(settings, url, deps) });
  if (/^\s*\{/.test(jwks)) {
    const keys = parseGivenKeys(name, jwks);
    return { find: async (kid) => findIn(keys, kid) };
  }
  const load = async () => ({
    keys: parseGivenKeys(name, await readIssuerFile(name, jwks)),
    maxAge: FILE_MAX_AGE,
  });
  await load();
  return createRememberedKeys({ ...deps, load });
}

async function createDownload(
  settings: IssuerSettings,
  issuer: URL,
  { resolve, timeoutMs = TIMEOUT_MS }: IssuerDependencies,
): Promise<() => Promise<LoadedKeys>> {
  const { name, ca, keysUrl, allowPrivateAddresses = false } = settings;
  const given = keysUrl === undefined ? undefined : parseHttpUrl(settings, 'keysurl', keysUrl);
  if (ca !== undefined) await readAuthorities(name, ca);
  return async () => {
    const read = createDocumentReader({
      allowPrivateAddresses,
      // Read anew, since clusters replace the file.
      ca: ca === undefined ? undefined : await readAuthorities(name, ca),
      timeoutMs,
      resolve,
    });
    const { content, maxAge } = await read(given ?? (await discoverKeysUrl(settings.issuer, issuer, read)));
    // A set that has become empty is believed: it is how all keys are withdrawn.
    return { keys: parseKeySet(content, KEY_RULES), maxAge };
  };
}

async function discoverKeysUrl(issuer: string, url: URL, read: ReadDocument): Promise<URL> {
  const address = new URL(`${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`);
  const { content } = await read(address);
  if (!isObject(content) || content['issuer'] !== issuer)
    throw new DocumentError(`${address.href} is the document of another issuer`);
  const keysUrl = content['jwks_uri'];
  const found = typeof keysUrl === 'string' ? URL.parse(keysUrl) : null;
  if (found === null || found.username !== '' || found.password !== '')
    throw new DocumentError(`${address.href} names no address of keys`);
  // No way down from an issuer that is reached over TLS.
  if (found.protocol !== 'https:' && found.protocol !== url.protocol)
    throw new DocumentError(`${address.href} names keys that are not at an https address`);
  return found;
}

function parseGivenKeys(name: string, text: string): KeySet {
  try {
    const keys = parseKeySet(JSON.parse(text), KEY_RULES);
    if (keys.keys.length > 0) return keys;
  } catch (error) {
    throw new IssuerSettingsError(name, 'has a jwks that is not a JSON Web Key Set', { cause: error });
  }
  throw new IssuerSettingsError(name, 'has a jwks without a key that signatures can be checked with');
}
