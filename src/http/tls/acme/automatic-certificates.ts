// Certificates that are got from an authority before they are needed, and again before they end (`http.tls.letsencrypt`).
import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import { AcmeError, createAcmeClient } from './acme-client.ts';
import { type HostCertificate, newKey, openCertificateCache } from './certificate-cache.ts';
import { certificateRequest, challengeCertificate } from './documents.ts';

export interface LetsEncryptSettings {
  /** The directory that they are kept in. */
  readonly cachefile: string;
  /** Whom the authority may write to. */
  readonly email?: string | undefined;
  /** The names that certificates are got for, in lower case. Others are never asked for. */
  readonly hosts: readonly string[];
  readonly directoryurl: string;
}

/** PEM. */
export interface KeyPair {
  readonly key: string;
  readonly cert: string;
}

export interface AutomaticCertificates {
  /** The certificate of one of the hosts; undefined for other names, and before there is one. */
  forHost(host: string): KeyPair | undefined;
  /** The certificate that answers the challenge that runs for a host now. */
  forChallenge(host: string): KeyPair | undefined;
  /** All of them, for whoever else answers to the hosts. */
  current(): CertificatesNow;
  /** Begins to get what is missing and to renew what ends. The server has to be reachable by now. */
  start(): void;
  stop(): void;
}

/** Those of every host that has one. */
export interface CertificatesNow {
  readonly certificates: Readonly<Record<string, KeyPair>>;
  readonly challenges: Readonly<Record<string, KeyPair>>;
}

export interface AutomaticCertificatesOptions {
  readonly log: Logger;
  /** Hears of every change. An answer to a challenge is announced to the authority after that. Must not throw. */
  readonly onChange?: ((now: CertificatesNow) => Promise<void>) | undefined;
  readonly now?: () => Date;
  readonly pollMs?: number;
  /**
   * Milliseconds from a failure to the next try, doubled with each one. Let's Encrypt allows five failures an hour.
   * @default 15 minutes
   */
  readonly retryMs?: number;
}

const MINUTE_MS = 60_000;
const DAY_MS = 24 * 60 * MINUTE_MS;
/** When a certificate of ninety days is renewed, before its end. Shorter ones: after two thirds of their life. */
const RENEWAL_MS = 30 * DAY_MS;
const LONGEST_RETRY_MS = 12 * 60 * MINUTE_MS;
const LOOK_MS = MINUTE_MS;

/** Reads what is there already. Throws the system's error when the directory cannot be used. */
export async function openAutomaticCertificates(
  { cachefile, email, hosts, directoryurl }: LetsEncryptSettings,
  { log, onChange, now = () => new Date(), pollMs, retryMs = 15 * MINUTE_MS }: AutomaticCertificatesOptions,
): Promise<AutomaticCertificates> {
  const cache = await openCertificateCache(cachefile);
  const accountKey = await cache.accountKey();
  const stopped = new AbortController();
  const { signal } = stopped;
  const client = createAcmeClient({
    directoryUrl: directoryurl,
    accountKey,
    email,
    signal,
    ...(pollMs !== undefined && { pollMs }),
  });
  const certificates = new Map<string, HostCertificate>();
  const challenges = new Map<string, KeyPair>();
  for (const host of hosts) {
    const kept = await cache.read(host);
    if (kept !== undefined) certificates.set(host, kept);
  }

  function current(): CertificatesNow {
    const pairs = [...certificates].map(([host, found]): [string, KeyPair] => [host, pairOf(found)]);
    return { certificates: Object.fromEntries(pairs), challenges: Object.fromEntries(challenges) };
  }

  async function obtain(host: string): Promise<void> {
    const key = newKey();
    try {
      const chain = await client.obtain(host, certificateRequest(host, key), async (keyAuthorization) => {
        const challengeKey = newKey();
        const cert = challengeCertificate(host, keyAuthorization, challengeKey, now());
        challenges.set(host, { cert, key: String(challengeKey.export({ type: 'pkcs8', format: 'pem' })) });
        await onChange?.(current());
      });
      const got = await cache.write(host, key, chain);
      certificates.set(host, got);
      await onChange?.(current());
      await cache.setRetry(host, undefined);
      log.info({ host, validTo: got.validTo.toISOString() }, 'got a certificate');
    } finally {
      challenges.delete(host);
    }
  }

  /** Remembered beyond a restart: a server that crashes over and over must not use up what the authority allows. */
  async function delay(host: string, error: unknown): Promise<void> {
    const failures = ((await cache.retry(host))?.failures ?? 0) + 1;
    const asked = error instanceof AcmeError ? error.retryAfterMs : 0;
    const wait = Math.max(Math.min(retryMs * 2 ** (failures - 1), LONGEST_RETRY_MS), asked);
    await cache.setRetry(host, { failures, notBefore: Math.ceil(now().getTime() + wait) });
    log.error({ err: error, host, failures, retryInMs: wait }, 'no certificate could be got');
  }

  async function keep(host: string): Promise<void> {
    const notBefore = (await cache.retry(host))?.notBefore ?? 0;
    if (now().getTime() < Math.max(notBefore, renewalOf(certificates.get(host)))) return;
    try {
      await obtain(host);
    } catch (error) {
      if (!signal.aborted) await delay(host, error);
    }
  }

  /** One host after the other: nobody is in a hurry, and authorities count requests. */
  async function run(): Promise<void> {
    while (!signal.aborted) {
      for (const host of hosts) {
        await keep(host).catch((error: unknown) =>
          log.error({ err: error, host }, 'certificates cannot be kept'),
        );
      }
      await sleep(Math.min(LOOK_MS, retryMs), undefined, { signal, ref: false }).catch(() => undefined);
    }
  }

  return {
    forHost(host) {
      const found = certificates.get(host);
      return found && pairOf(found);
    },
    forChallenge: (host) => challenges.get(host),
    current,
    start: () => void run(),
    stop: () => stopped.abort(),
  };
}

function pairOf({ key, certificates }: HostCertificate): KeyPair {
  return { key, cert: certificates };
}

/** When to ask for a new certificate, in milliseconds since 1970. */
function renewalOf(certificate: HostCertificate | undefined): number {
  if (certificate === undefined) return 0;
  const life = certificate.validTo.getTime() - certificate.validFrom.getTime();
  return certificate.validTo.getTime() - Math.min(RENEWAL_MS, life / 3);
}
