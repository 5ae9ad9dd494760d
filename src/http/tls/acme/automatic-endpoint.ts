// TLS with certificates that an authority gives by itself: each client gets the one of the name that it asks for, and the
// authority, which comes over the same port, gets the answer to its challenge.
import type { Socket } from 'node:net';
import { createSecureContext, createServer, type SecureContext, type TLSSocket } from 'node:tls';
import { readAuthorities } from '../certificate-files.ts';
import { admitsClients, type ClientRules, HANDSHAKE_MS, rulesOf, type TlsEndpoint } from '../tls-endpoint.ts';
import {
  type AutomaticCertificates,
  type AutomaticCertificatesOptions,
  type KeyPair,
  type LetsEncryptSettings,
  openAutomaticCertificates,
} from './automatic-certificates.ts';
import { CHALLENGE_PROTOCOL, isWholeRecord, offersChallenge } from './client-hello.ts';

export interface AutomaticTlsSettings extends ClientRules {
  readonly letsencrypt: LetsEncryptSettings;
}

/** Throws CertificateError or the system's error when files cannot be used. */
export async function openAutomaticEndpoint(
  settings: AutomaticTlsSettings,
  options: AutomaticCertificatesOptions,
): Promise<TlsEndpoint> {
  return endpointWith(settings, await openAutomaticCertificates(settings.letsencrypt, options));
}

/** With certificates that somebody else gets. Throws CertificateError. */
export async function endpointWith(
  settings: ClientRules,
  certificates: Pick<AutomaticCertificates, 'forHost' | 'forChallenge' | 'start' | 'stop'>,
): Promise<TlsEndpoint> {
  const authorities = await readAuthorities(settings.clientcas);
  const rules = rulesOf(settings, authorities);
  const contexts = new WeakMap<KeyPair, SecureContext>();
  let latest = new Map<string, { readonly cert: string; readonly context: SecureContext }>();

  function contextFor(name: string): SecureContext | undefined {
    const host = name.toLowerCase();
    const pair = certificates.forHost(host);
    if (pair === undefined) return undefined;
    const known = latest.get(host);
    if (known?.cert === pair.cert) return known.context;
    const context = createSecureContext({ ...rules, ...pair });
    latest = new Map([...latest, [host, { cert: pair.cert, context }]]);
    return context;
  }

  function challengeFor(name: string): SecureContext | undefined {
    const pair = certificates.forChallenge(name.toLowerCase());
    if (pair === undefined) return undefined;
    const context = contexts.get(pair) ?? createSecureContext(pair);
    contexts.set(pair, context);
    return context;
  }

  const challengeServer = createServer(
    {
      ALPNProtocols: [CHALLENGE_PROTOCOL],
      handshakeTimeout: HANDSHAKE_MS,
      SNICallback: (name, done) => done(null, challengeFor(name)),
    },
    // Nothing is said over it: the certificate was the answer.
    (socket: TLSSocket) => void socket.on('error', () => undefined).end(),
  );

  return {
    options: {
      ...rules,
      // Without a certificate for the name there is none at all, and the handshake fails.
      SNICallback: (name, done) => done(null, contextFor(name)),
    },
    admits: (socket) => admitsClients(socket, settings),
    intake: {
      isEnough: isWholeRecord,
      takes(socket: Socket, bytes: Buffer) {
        if (!offersChallenge(bytes)) return false;
        challengeServer.emit('connection', socket);
        return true;
      },
    },
    watch: () => certificates.start(),
    stop: () => certificates.stop(),
  };
}
