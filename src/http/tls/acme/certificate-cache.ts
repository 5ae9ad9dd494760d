// The directory that certificates from an authority are kept in, as the `registry` image keeps them (Go's autocert), so that
// either server goes on with what the other has got:
//
//   acme_account+key      key of the account
//   <host>                key and certificates of the host, one after the other
//   <host>+berth-retry    ours: how often it failed, and when it may be tried again
import {
  createPrivateKey,
  generateKeyPairSync,
  type KeyObject,
  randomUUID,
  X509Certificate,
} from 'node:crypto';
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';

export interface HostCertificate {
  readonly key: string;
  /** The own one first. */
  readonly certificates: string;
  readonly validFrom: Date;
  readonly validTo: Date;
}

export interface Retry {
  readonly failures: number;
  /** Milliseconds since 1970. */
  readonly notBefore: number;
}

export interface CertificateCache {
  accountKey(): Promise<KeyObject>;
  /** Whatever is there and fits; not what is broken or for another host. */
  read(host: string): Promise<HostCertificate | undefined>;
  write(host: string, key: KeyObject, certificates: string): Promise<HostCertificate>;
  retry(host: string): Promise<Retry | undefined>;
  setRetry(host: string, retry: Retry | undefined): Promise<void>;
}

const retrySchema = z.object({ failures: z.int().nonnegative(), notBefore: z.int().nonnegative() });

/** Makes the directory if it is not there. Throws the system's error if that cannot be. */
export async function openCertificateCache(directory: string): Promise<CertificateCache> {
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const at = (name: string) => join(directory, name);

  /** Whole or not at all, and for nobody else to read. */
  async function replace(name: string, text: string): Promise<void> {
    const unfinished = at(`${name}.${randomUUID()}.tmp`);
    await writeFile(unfinished, text, { mode: 0o600, flush: true });
    await rename(unfinished, at(name));
  }

  async function load(name: string): Promise<string | undefined> {
    try {
      return await readFile(at(name), 'utf8');
    } catch (error) {
      if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
      throw error;
    }
  }

  return {
    async accountKey() {
      const kept = await load('acme_account+key');
      if (kept !== undefined) return createPrivateKey(kept);
      const key = newKey();
      await replace('acme_account+key', pemOf(key));
      return key;
    },
    async read(host) {
      const text = await load(host);
      return text === undefined ? undefined : parse(host, text);
    },
    async write(host, key, certificates) {
      const text = pemOf(key) + certificates;
      const parsed = parse(host, text);
      if (parsed === undefined) throw new TypeError('the authority gave a certificate that does not fit');
      await replace(host, text);
      return parsed;
    },
    async retry(host) {
      const text = await load(`${host}+berth-retry`);
      return retrySchema.safeParse(jsonOf(text ?? '')).data;
    },
    async setRetry(host, retry) {
      const name = `${host}+berth-retry`;
      if (retry === undefined) await rm(at(name), { force: true });
      else await replace(name, JSON.stringify(retry));
    },
  };
}

/** On the curve P-256, as everything here. */
export function newKey(): KeyObject {
  return generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
}

function pemOf(key: KeyObject): string {
  return String(key.export({ type: 'sec1', format: 'pem' }));
}

function parse(host: string, text: string): HostCertificate | undefined {
  const begin = text.indexOf('-----BEGIN CERTIFICATE-----');
  if (begin < 0) return undefined;
  const [key, certificates] = [text.slice(0, begin), text.slice(begin)];
  try {
    const own = new X509Certificate(certificates);
    if (!own.checkPrivateKey(createPrivateKey(key)) || own.checkHost(host) === undefined) return undefined;
    return { key, certificates, validFrom: own.validFromDate, validTo: own.validToDate };
  } catch {
    return undefined;
  }
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
