// The keys of an outside token server: certificates in a bundle, a set of keys, or both, in files that are read again when
// they change.
import { X509Certificate } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import type { Logger } from 'pino';
import { createLooks, fileVersion } from '../file-looks.ts';
import { type Algorithm, type VerificationKey, verificationKey } from './algorithms.ts';
import { isValidAt, keyOfChain } from './certificate-chain.ts';
import type { TokenHeader } from './decoded-token.ts';
import { KeySetError, parseKeySet } from './jwks.ts';
import { curveThumbprint, libtrustFingerprint, thumbprint } from './key-ids.ts';

export interface OutsideKeysSettings {
  /** Path of a file with certificates in PEM. */
  readonly rootcertbundle?: string;
  /** Path of a file with a JSON Web Key Set. */
  readonly jwks?: string;
  /** What tokens may be signed with. */
  readonly algorithms: readonly Algorithm[];
}

export interface OutsideKeys {
  find(header: TokenHeader): Promise<VerificationKey | undefined>;
}

/** Why there is no key. The message is one line for whoever started the server. */
export class TokenKeysError extends Error {
  override readonly name = 'TokenKeysError';
}

interface Keys {
  /** Differs whenever the files may differ. */
  readonly version: string;
  readonly byId: ReadonlyMap<string, VerificationKey>;
  readonly roots: readonly X509Certificate[];
}

/** A key that was taken out is refused after this long at the latest. */
const LOOK_EVERY_MS = 5000;
const MAX_BYTES = 2 ** 20;

/** Reads the files for the first time. Throws TokenKeysError if they cannot be read, or there is no key that is of use. */
export async function followOutsideKeys(
  settings: OutsideKeysSettings,
  log: Logger,
  now: () => Date,
): Promise<OutsideKeys> {
  let keys = await readKeys(settings);
  const look = createLooks(LOOK_EVERY_MS, now, lookAgain);
  warnOfExpired(keys.roots);

  return {
    async find({ kid, x5c }) {
      await look();
      // As in the `registry` image a chain goes before an id; one that leads nowhere is not made up for by another name.
      if (x5c !== undefined && keys.roots.length > 0) {
        const key = keyOfChain(x5c, keys.roots, now());
        return key && verificationKey(key, settings.algorithms);
      }
      return kid === undefined ? undefined : keys.byId.get(kid);
    },
  };

  async function lookAgain(): Promise<void> {
    try {
      if ((await versionOf(settings)) === keys.version) return;
      keys = await readKeys(settings);
      log.info({ keys: keys.byId.size }, 'the keys of the token server have changed and were read again');
      warnOfExpired(keys.roots);
    } catch (error) {
      log.error(
        { err: error },
        'the keys of the token server have changed and cannot be used; the old ones stay in force',
      );
    }
  }

  function warnOfExpired(roots: readonly X509Certificate[]): void {
    for (const root of roots) {
      if (isValidAt(root, now())) continue;
      const facts = { subject: root.subject, from: root.validFromDate, to: root.validToDate };
      log.warn(facts, 'a certificate of auth.token.rootcertbundle is not valid now; only its key is of use');
    }
  }
}

async function readKeys(settings: OutsideKeysSettings): Promise<Keys> {
  const { rootcertbundle, jwks, algorithms } = settings;
  const version = await versionOf(settings);
  const roots =
    rootcertbundle === undefined ? [] : readCertificates(rootcertbundle, await readText(rootcertbundle));
  const ofRoots = roots.flatMap((root) => keysOfRoot(root, roots, algorithms));
  const listed = jwks === undefined ? [] : readKeySet(jwks, await readText(jwks), algorithms);
  const byId = new Map([...ofRoots, ...listed]);
  if (byId.size === 0)
    throw new TokenKeysError('auth.token: there is no key that tokens could be verified with');
  return { version, byId, roots };
}

/** A bundle's key under every name that token servers know it by. */
function keysOfRoot(
  { publicKey }: X509Certificate,
  roots: readonly X509Certificate[],
  algorithms: readonly Algorithm[],
): readonly (readonly [id: string, key: VerificationKey])[] {
  const key = verificationKey(publicKey, algorithms);
  if (key === undefined) return [];
  const shared = curveThumbprint(publicKey);
  const isAlone = roots.filter((root) => curveThumbprint(root.publicKey) === shared).length === 1;
  const ids = [libtrustFingerprint(publicKey), thumbprint(publicKey), isAlone ? shared : undefined];
  return ids.filter((id) => id !== undefined).map((id) => [id, key] as const);
}

function readCertificates(path: string, text: string): readonly X509Certificate[] {
  const blocks = text.match(/-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g) ?? [];
  if (blocks.length === 0) throw new TokenKeysError(`auth.token.rootcertbundle: no certificate in ${path}`);
  try {
    return blocks.map((block) => new X509Certificate(block));
  } catch (error) {
    throw new TokenKeysError(`auth.token.rootcertbundle: a certificate in ${path} is damaged`, {
      cause: error,
    });
  }
}

function readKeySet(
  path: string,
  text: string,
  algorithms: readonly Algorithm[],
): readonly (readonly [id: string, key: VerificationKey])[] {
  try {
    const { keys } = parseKeySet(parseJson(text), { algorithms });
    return keys.flatMap(({ kid, ...key }) => (kid === undefined ? [] : [[kid, key] as const]));
  } catch (error) {
    if (!(error instanceof KeySetError)) throw error;
    throw new TokenKeysError(`auth.token.jwks: ${path}: ${error.message}`, { cause: error });
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // Without its cause, which would quote the text: it may hold secrets.
    throw new KeySetError('not JSON');
  }
}

async function readText(path: string): Promise<string> {
  const text = await explained(path, readFile(path, 'utf8'));
  if (text.length > MAX_BYTES)
    throw new TokenKeysError(`auth.token: ${path} is larger than ${MAX_BYTES} bytes`);
  return text;
}

async function versionOf({ rootcertbundle, jwks }: OutsideKeysSettings): Promise<string> {
  const paths = [rootcertbundle, jwks].filter((path) => path !== undefined);
  const versions = paths.map(async (path) =>
    fileVersion(await explained(path, stat(path, { bigint: true }))),
  );
  return (await Promise.all(versions)).join(' ');
}

async function explained<T>(path: string, work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown error';
    throw new TokenKeysError(`auth.token: ${path} cannot be read (${code})`, { cause: error });
  }
}
