// A key that this registry signs tokens with, and how it is kept.
import { createPrivateKey, createPublicKey, generateKeyPair, type KeyObject } from 'node:crypto';
import { promisify } from 'node:util';
import { z } from 'zod';
import { type VerificationKey, verificationKey } from './algorithms.ts';
import { thumbprint } from './key-ids.ts';

export const SIGNING_ALGORITHMS = ['ES256', 'RS256'] as const;
export type SigningAlgorithm = (typeof SIGNING_ALGORITHMS)[number];

export interface SigningKey {
  /** The thumbprint of its public key. */
  readonly kid: string;
  readonly algorithm: SigningAlgorithm;
  readonly privateKey: KeyObject;
  /** For what it has signed. */
  readonly verification: VerificationKey;
  /** Published before that, so that every replica knows it when the first token comes. */
  readonly signsFrom: Date;
}

/** Why a key cannot be used; never with anything of the key. */
export class SigningKeyError extends Error {
  override readonly name = 'SigningKeyError';
}

const recordSchema = z.strictObject({
  version: z.literal(1),
  signsFrom: z.iso.datetime(),
  privateKey: z.string(),
});

export async function generateSigningKey(algorithm: SigningAlgorithm, signsFrom: Date): Promise<SigningKey> {
  const generate = promisify(generateKeyPair);
  const { privateKey } =
    algorithm === 'ES256'
      ? await generate('ec', { namedCurve: 'prime256v1' })
      : await generate('rsa', { modulusLength: 3072 });
  return signingKey(privateKey, signsFrom);
}

/** Takes a private key in PEM: P-256, or RSA of 2048 bits or more. Throws SigningKeyError for any other. */
export function parseSigningKey(pem: string, signsFrom: Date): SigningKey {
  let privateKey: KeyObject;
  try {
    privateKey = createPrivateKey(pem);
  } catch {
    throw new SigningKeyError('not a private key in PEM without a passphrase');
  }
  return signingKey(privateKey, signsFrom);
}

export function formatKeyRecord({ privateKey, signsFrom }: SigningKey): Uint8Array {
  const record: z.infer<typeof recordSchema> = {
    version: 1,
    signsFrom: signsFrom.toISOString(),
    privateKey: String(privateKey.export({ format: 'pem', type: 'pkcs8' })),
  };
  return Buffer.from(JSON.stringify(record));
}

/** Throws SigningKeyError for a record that is damaged, or not of this key. */
export function parseKeyRecord(kid: string, bytes: Uint8Array): SigningKey {
  const { data } = recordSchema.safeParse(parseJson(bytes));
  if (data === undefined) throw new SigningKeyError(`what is kept of the signing key ${kid} is damaged`);
  const key = parseSigningKey(data.privateKey, new Date(data.signsFrom));
  if (key.kid !== kid) throw new SigningKeyError(`what is kept as the signing key ${kid} is another key`);
  return key;
}

function signingKey(privateKey: KeyObject, signsFrom: Date): SigningKey {
  const publicKey = createPublicKey(privateKey);
  const kid = thumbprint(publicKey);
  const verifying = verificationKey(publicKey, SIGNING_ALGORITHMS);
  const algorithm = SIGNING_ALGORITHMS.find((known) => verifying?.algorithms.includes(known));
  if (kid === undefined || verifying === undefined || algorithm === undefined) {
    throw new SigningKeyError('a signing key has to be on the curve P-256, or RSA of 2048 bits or more');
  }
  return { kid, algorithm, privateKey, verification: verifying, signsFrom };
}

function parseJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(bytes).toString());
  } catch {
    return undefined;
  }
}
