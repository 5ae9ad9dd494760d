// TLS for a listening server: what it shows, whom it lets in, and how both change while it runs.
import type { Socket } from 'node:net';
import type { TLSSocket, TlsOptions } from 'node:tls';
import type { Logger } from 'pino';
import {
  CertificateError,
  type CertificateFiles,
  type CertificateSet,
  concernsOf,
  readCertificates,
  stateOf,
} from './certificate-files.ts';

/** What clients have to show, in the words of Go's crypto/tls. Nothing, without authorities. */
export type ClientAuth =
  | 'request-client-cert'
  | 'require-any-client-cert'
  | 'verify-client-cert-if-given'
  | 'require-and-verify-client-cert';

/** What does not depend on where the certificate comes from. */
export interface ClientRules {
  /** Files with the authorities that may have signed the certificates of clients. */
  readonly clientcas: readonly string[];
  readonly clientauth: ClientAuth;
  readonly minimumtls: 'tls1.2' | 'tls1.3';
  /** As OpenSSL takes it. */
  readonly ciphers: string;
}

export interface TlsSettings extends ClientRules, CertificateFiles {}

export interface TlsEndpoint {
  /** What a server begins with. */
  readonly options: TlsOptions;
  /** Looks at connections before their handshake, and may take one for itself. */
  readonly intake?: {
    isEnough(firstBytes: Buffer): boolean;
    takes(socket: Socket, firstBytes: Buffer): boolean;
  };
  /** Whether a connection whose handshake is done may go on. */
  admits(socket: TLSSocket): boolean;
  /**
   * Tells of files that changed. `authorities` says whether other clients are believed now than before: connections that
   * were let in by the old ones should not live on for long.
   */
  watch(changed: (options: TlsOptions, change: { readonly authorities: boolean }) => void): void;
  stop(): void;
}

export interface TlsEndpointOptions {
  readonly log: Logger;
  readonly now?: () => Date;
  /**
   * Milliseconds between two looks at the files.
   * @default 5_000
   */
  readonly lookMs?: number;
}

/** Longer than a handshake takes over the worst of lines. */
export const HANDSHAKE_MS = 15_000;
const DAY_MS = 24 * 60 * 60 * 1000;

/** Reads the files. Throws CertificateError if they cannot be used. */
export async function openTlsEndpoint(
  settings: TlsSettings,
  { log, now = () => new Date(), lookMs = 5_000 }: TlsEndpointOptions,
): Promise<TlsEndpoint> {
  let state = await stateOf(settings);
  let current = await readCertificates(settings);
  let warnedAt = 0;
  let refused: string | undefined;
  let timer: NodeJS.Timeout | undefined;
  await warn();

  async function warn(): Promise<void> {
    warnedAt = now().getTime();
    for (const concern of await concernsOf(settings, current, now())) log.warn(concern);
  }

  /** The new files, once they can be used. Files that are half replaced become whole by the next look as a rule. */
  async function look(): Promise<CertificateSet | undefined> {
    const seen = await stateOf(settings);
    if (seen === state) return undefined;
    try {
      const next = await readCertificates(settings);
      state = seen;
      refused = undefined;
      return next;
    } catch (error) {
      if (!(error instanceof CertificateError)) throw error;
      if (refused !== seen) {
        refused = seen;
        return undefined;
      }
      state = seen;
      log.error({ err: error }, 'the changed TLS files cannot be used; the old ones stay in use');
      return undefined;
    }
  }

  return {
    options: optionsOf(settings, current),
    admits: (socket) => admitsClients(socket, settings),
    watch(changed) {
      const again = () => {
        timer = setTimeout(turn, lookMs).unref();
      };
      const turn = () =>
        void refresh()
          .catch((error: unknown) => log.error({ err: error }, 'the TLS files cannot be looked at'))
          .finally(() => {
            if (timer !== undefined) again();
          });
      const refresh = async () => {
        const next = await look();
        if (next !== undefined) {
          const authorities = next.clientcas.join() !== current.clientcas.join();
          current = next;
          changed(optionsOf(settings, next), { authorities });
          log.info({ validTo: next.validTo.toISOString() }, 'the TLS files changed and are in use');
          await warn();
        } else if (now().getTime() - warnedAt > DAY_MS) await warn();
      };
      again();
    },
    stop() {
      clearTimeout(timer);
      timer = undefined;
    },
  };
}

function optionsOf(settings: TlsSettings, files: CertificateSet): TlsOptions {
  return { cert: files.certificate, key: files.key, ...rulesOf(settings, files.clientcas) };
}

/** All that a context depends on but its certificate: what is left out of a new context has Node's defaults again. */
export function rulesOf(settings: ClientRules, authorities: readonly string[]): TlsOptions {
  const asksClients = authorities.length > 0;
  return {
    minVersion: settings.minimumtls === 'tls1.3' ? 'TLSv1.3' : 'TLSv1.2',
    ciphers: settings.ciphers,
    honorCipherOrder: true,
    handshakeTimeout: HANDSHAKE_MS,
    requestCert: asksClients,
    rejectUnauthorized: asksClients && settings.clientauth === 'require-and-verify-client-cert',
    // An authority between is trusted without the one above it, as in the image.
    ...(asksClients && { ca: [...authorities], allowPartialTrustChain: true }),
  };
}

/** What Node cannot be told to check. That every certificate is a good one, it sees to itself. */
export function admitsClients(socket: TLSSocket, { clientcas, clientauth }: ClientRules): boolean {
  if (clientcas.length === 0) return true;
  const shown = Object.keys(socket.getPeerCertificate()).length > 0;
  switch (clientauth) {
    case 'request-client-cert':
      return true;
    case 'require-any-client-cert':
      return shown;
    case 'verify-client-cert-if-given':
      return !shown || socket.authorized;
    case 'require-and-verify-client-cert':
      return shown && socket.authorized;
  }
}
