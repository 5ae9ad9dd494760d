// The keys that this registry signs its tokens with. Those made here are kept in storage, one object each, and every replica
// that shares it knows them all; those given in a file are used as they are.
import { readFile } from 'node:fs/promises';
import pMap from 'p-map';
import type { StorageDriver } from '../../../storage-drivers/driver.ts';
import { isKeyNotFound } from '../../../storage-drivers/errors.ts';
import { authKey } from '../../registry/layout.ts';
import type { VerificationKey } from './algorithms.ts';
import { isPast, newestFirst, PUBLISHED_BEFORE_MS, signerAt } from './key-succession.ts';
import {
  formatKeyRecord,
  generateSigningKey,
  parseKeyRecord,
  parseSigningKey,
  type SigningAlgorithm,
  type SigningKey,
  SigningKeyError,
} from './signing-key.ts';

export interface SigningKeys {
  /** The key to sign with now. */
  signer(): Promise<SigningKey>;
  /** What verifies tokens with this `kid`; `undefined` if no such key is trusted, or not any more. */
  find(kid: string): Promise<VerificationKey | undefined>;
  /** The public keys as a JSON Web Key Set, those included that are yet to sign. */
  jwks(): Promise<{ readonly keys: readonly PublicJwk[] }>;
}

export interface StoredSigningKeys extends SigningKeys {
  /** Every key that is kept, the newest first. */
  all(): Promise<readonly KeptKey[]>;
  /**
   * Makes a key that begins to sign in two minutes, when every replica knows it. The old one verifies until its last token has
   * run out; keys for which that is so are removed. Resolves to the new key.
   */
  rotate(): Promise<SigningKey>;
  /** Distrusts a key at once, for one that became known: its tokens are refused within half a minute everywhere. */
  remove(kid: string): Promise<void>;
}

/** `waits`: published, and yet to sign. `verifies`: another one signs now. `past`: and its last token has run out. */
export type KeyState = 'waits' | 'signs' | 'verifies' | 'past';

export type KeptKey = Pick<SigningKey, 'kid' | 'algorithm' | 'signsFrom'> & { readonly state: KeyState };

export type PublicJwk = Readonly<Record<string, unknown>>;

export interface SigningKeysDependencies {
  /** One that checks its keys. */
  readonly driver: StorageDriver;
  /** @default 'ES256' */
  readonly algorithm?: SigningAlgorithm;
  /** How long the tokens live that are signed, in seconds. */
  readonly tokenLife: number;
  /**
   * Whether a store without a key is given one, to sign with.
   * @default true
   */
  readonly makesFirst?: boolean;
  readonly now?: () => Date;
}

/** A key that was removed is good for this long at most. */
const LIST_EVERY_MS = 30_000;
/** A `kid` that is not known costs a look at the storage, but no more often than this, whoever makes them up. */
const LIST_FOR_UNKNOWN_EVERY_MS = 2000;
const KEY_ID = /^[A-Za-z0-9_-]{43}$/;

/** Reads the keys, and makes the first one if there is none. Throws SigningKeyError, and what the store throws. */
export async function openSigningKeys(dependencies: SigningKeysDependencies): Promise<StoredSigningKeys> {
  const { driver, algorithm = 'ES256', tokenLife } = dependencies;
  const { makesFirst = true, now = () => new Date() } = dependencies;
  let keys: ReadonlyMap<string, SigningKey> = new Map();
  let listedAt = Number.NEGATIVE_INFINITY;
  let lookedForUnknownAt = Number.NEGATIVE_INFINITY;
  let listing: Promise<void> | undefined;
  let making: Promise<SigningKey> | undefined;

  await list();
  if (makesFirst) await signer();
  return { signer, find, jwks, all, rotate, remove };

  async function find(kid: string): Promise<VerificationKey | undefined> {
    await listIfOlderThan(LIST_EVERY_MS);
    if (!keys.has(kid) && KEY_ID.test(kid)) await listForUnknown();
    const key = keys.get(kid);
    return key === undefined || isPast(key, [...keys.values()], tokenLife, now())
      ? undefined
      : key.verification;
  }

  async function signer(): Promise<SigningKey> {
    await listIfOlderThan(LIST_EVERY_MS);
    const known = signerAt([...keys.values()], algorithm, now());
    if (known !== undefined) return known;
    making ??= make(now()).finally(() => {
      making = undefined;
    });
    const made = await making;
    return signerAt([...keys.values()], algorithm, now()) ?? made;
  }

  async function jwks(): Promise<{ readonly keys: readonly PublicJwk[] }> {
    await listForUnknown();
    const all = [...keys.values()];
    return { keys: all.filter((key) => !isPast(key, all, tokenLife, now())).map(publicJwk) };
  }

  async function all(): Promise<readonly KeptKey[]> {
    await listAnew();
    const known = [...keys.values()];
    const time = now();
    const signing = signerAt(known, algorithm, time);
    const stateOf = (key: SigningKey): KeyState => {
      if (key === signing) return 'signs';
      if (key.algorithm === algorithm && key.signsFrom > time) return 'waits';
      return isPast(key, known, tokenLife, time) ? 'past' : 'verifies';
    };
    return known.sort(newestFirst).map((key) => ({
      kid: key.kid,
      algorithm: key.algorithm,
      signsFrom: key.signsFrom,
      state: stateOf(key),
    }));
  }

  async function rotate(): Promise<SigningKey> {
    await list();
    const key = await make(new Date(now().getTime() + PUBLISHED_BEFORE_MS));
    const all = [...keys.values()];
    for (const old of all.filter((one) => isPast(one, all, tokenLife, now()))) await remove(old.kid);
    return key;
  }

  async function remove(kid: string): Promise<void> {
    if (!KEY_ID.test(kid)) return;
    await driver.delete(keyOf(kid), { alone: true });
    await listAnew();
  }

  /** Replicas that start together each make one. Both are good, and once both know both, both sign with the same. */
  async function make(signsFrom: Date): Promise<SigningKey> {
    const key = await generateSigningKey(algorithm, signsFrom);
    await driver.write(keyOf(key.kid), formatKeyRecord(key));
    await listAnew();
    return key;
  }

  async function listIfOlderThan(age: number): Promise<void> {
    if (Math.abs(now().getTime() - listedAt) >= age) await list();
  }

  async function listForUnknown(): Promise<void> {
    const time = now().getTime();
    if (Math.abs(time - lookedForUnknownAt) < LIST_FOR_UNKNOWN_EVERY_MS) return;
    lookedForUnknownAt = time;
    await listAnew();
  }

  /** Not a list that began before the change. */
  async function listAnew(): Promise<void> {
    await listing?.catch(() => undefined);
    await list();
  }

  function list(): Promise<void> {
    listing ??= readAll().finally(() => {
      listing = undefined;
    });
    return listing;
  }

  async function readAll(): Promise<void> {
    const startedAt = now().getTime();
    const entries = await driver.list(authKey('keys'));
    const kids = entries.map(({ name }) => name).filter((name) => KEY_ID.test(name));
    // A key never changes under its name, so those that are known need not be read again.
    const found = await pMap(kids, (kid) => keys.get(kid) ?? read(kid), { concurrency: 8 });
    keys = new Map(found.filter((key) => key !== undefined).map((key) => [key.kid, key]));
    listedAt = startedAt;
  }

  async function read(kid: string): Promise<SigningKey | undefined> {
    try {
      return parseKeyRecord(kid, await driver.read(keyOf(kid)));
    } catch (error) {
      if (isKeyNotFound(error)) return undefined;
      throw error;
    }
  }
}

/**
 * The keys of a file with private keys in PEM: the first one signs, all of them verify. So a new key is put first, on every
 * replica, and the old one taken out when its last token has run out. Throws SigningKeyError.
 */
export async function readSigningKeys(path: string, algorithm?: SigningAlgorithm): Promise<SigningKeys> {
  const blocks =
    (await readText(path)).match(/-----BEGIN ([A-Z ]*PRIVATE KEY)-----[^-]*-----END \1-----/g) ?? [];
  const keys = blocks.map((block) => explained(path, () => parseSigningKey(block, new Date(0))));
  const [first] = keys;
  if (first === undefined) throw new SigningKeyError(`${path}: there is no private key in it`);
  if (algorithm !== undefined && first.algorithm !== algorithm) {
    throw new SigningKeyError(`${path}: the key is for ${first.algorithm}, and not for ${algorithm}`);
  }
  const byId = new Map(keys.map((key) => [key.kid, key]));
  return {
    signer: async () => first,
    find: async (kid) => byId.get(kid)?.verification,
    jwks: async () => ({ keys: keys.map(publicJwk) }),
  };
}

function publicJwk({ kid, algorithm, verification }: SigningKey): PublicJwk {
  return { ...verification.key.export({ format: 'jwk' }), kid, alg: algorithm, use: 'sig' };
}

function keyOf(kid: string): string {
  return authKey('keys', kid);
}

async function readText(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown error';
    throw new SigningKeyError(`${path} cannot be read (${code})`, { cause: error });
  }
}

function explained<T>(path: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof SigningKeyError)) throw error;
    throw new SigningKeyError(`${path}: ${error.message}`);
  }
}
