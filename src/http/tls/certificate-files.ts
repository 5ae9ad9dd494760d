// The PEM files of a TLS server: read and checked as a set, since a certificate is nothing without its key.
import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';

export interface CertificateFiles {
  readonly certificate: string;
  readonly key: string;
  /** Authorities that may have signed the certificates of clients. */
  readonly clientcas: readonly string[];
}

/** What the files hold, PEM. */
export interface CertificateSet {
  readonly certificate: string;
  readonly key: string;
  readonly clientcas: readonly string[];
  readonly validFrom: Date;
  readonly validTo: Date;
}

/** The files cannot be used. The message names the file and holds nothing of what is in it. */
export class CertificateError extends Error {
  override readonly name = 'CertificateError';
}

const DAY_MS = 24 * 60 * 60 * 1000;
/** How long before its end a certificate is worth a word. */
const WARNING_MS = 14 * DAY_MS;

/** Reads all files. Throws CertificateError when one cannot be read, is not what it should be, or key and certificate do not match. */
export async function readCertificates(files: CertificateFiles): Promise<CertificateSet> {
  const certificate = await read(files.certificate);
  const key = await read(files.key);
  const clientcas = await readAuthorities(files.clientcas);
  const own = parseCertificate(certificate, files.certificate);
  if (!own.checkPrivateKey(parseKey(key, files.key))) {
    throw new CertificateError(`${files.key} is not the key of the certificate in ${files.certificate}`);
  }
  return { certificate, key, clientcas, validFrom: own.validFromDate, validTo: own.validToDate };
}

/** Reads files with certificates of authorities, any number in each. Throws CertificateError. */
export async function readAuthorities(paths: readonly string[]): Promise<string[]> {
  const texts = await Promise.all(paths.map(read));
  for (const [index, pem] of texts.entries()) {
    for (const authority of pem.match(PEM_CERTIFICATE) ?? ['']) {
      parseCertificate(authority, paths[index] ?? '');
    }
  }
  return texts;
}

const PEM_CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;

/** What is to be said about files that can be used, one line each. */
export async function concernsOf(
  files: CertificateFiles,
  { validFrom, validTo }: CertificateSet,
  now: Date,
): Promise<string[]> {
  const concerns: string[] = [];
  const left = validTo.getTime() - now.getTime();
  if (left <= 0) concerns.push(`the certificate in ${files.certificate} expired at ${validTo.toISOString()}`);
  else if (left < WARNING_MS)
    concerns.push(`the certificate in ${files.certificate} expires at ${validTo.toISOString()}`);
  if (validFrom > now)
    concerns.push(`the certificate in ${files.certificate} is valid only from ${validFrom.toISOString()} on`);
  const { mode } = await stat(files.key);
  if ((mode & 0o004) !== 0) concerns.push(`every user of this machine can read the key in ${files.key}`);
  return concerns;
}

/** Changes whenever one of the files does; what cannot be looked at counts as a state of its own. */
export async function stateOf({ certificate, key, clientcas }: CertificateFiles): Promise<string> {
  const states = [certificate, key, ...clientcas].map(async (path) => {
    // Follows links, as Kubernetes changes its secrets by moving one.
    const found = await stat(path).catch(() => undefined);
    return found === undefined ? '' : `${found.dev}:${found.ino}:${found.size}:${found.mtimeMs}`;
  });
  return (await Promise.all(states)).join(' ');
}

async function read(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? ` (${error.code})` : '';
    throw new CertificateError(`${path} cannot be read${code}`, { cause: error });
  }
}

function parseCertificate(pem: string, path: string): X509Certificate {
  try {
    return new X509Certificate(pem);
  } catch (error) {
    throw new CertificateError(`${path} does not hold a certificate in PEM form`, { cause: error });
  }
}

function parseKey(pem: string, path: string): KeyObject {
  if (/ENCRYPTED/.test(pem))
    throw new CertificateError(`the key in ${path} is encrypted, which is not offered`);
  try {
    return createPrivateKey(pem);
  } catch {
    // Without the cause: nobody vouches that it quotes nothing of a key.
    throw new CertificateError(`${path} does not hold a private key in PEM form`);
  }
}
