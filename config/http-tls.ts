// The `http.tls` section: where the certificate comes from, and which clients are let in. Keys are those of the `registry`
// image; so is that nothing here counts until a certificate is given.
import { z } from 'zod';
import { cipherList, parseCipherSuite } from './cipher-suites.ts';
import { type LetsEncryptSettings, letsencryptSchema } from './letsencrypt.ts';
import { oneOf, parsed, text } from './scalars.ts';

/** Where certificates come from: files, or an authority that gives them by itself. */
export type CertificateSource =
  | { readonly kind: 'files'; readonly certificate: string; readonly key: string }
  | ({ readonly kind: 'letsencrypt' } & LetsEncryptSettings);

/** What TLS needs to know. Paths are those of PEM files. */
export interface TlsSettings {
  readonly source: CertificateSource;
  /** Who may have signed the certificates of clients. Empty: clients are not asked for one. */
  readonly clientcas: readonly string[];
  readonly clientauth: ClientAuth;
  readonly minimumtls: 'tls1.2' | 'tls1.3';
  /** As OpenSSL takes it. */
  readonly ciphers: string;
}

const CLIENT_AUTH = [
  'request-client-cert',
  'require-any-client-cert',
  'verify-client-cert-if-given',
  'require-and-verify-client-cert',
] as const;

/** What is asked of clients; the names are those of Go's crypto/tls. */
export type ClientAuth = (typeof CLIENT_AUTH)[number];

export const tlsSchema = z
  .strictObject({
    certificate: text('the path of a file')
      .optional()
      .describe(
        'The file with the certificate and those between it and the authority. Given, HTTPS is spoken.',
      ),
    key: text('the path of a file').optional().describe('The file with the key of the certificate.'),
    clientcas: z
      .array(text('the path of a file'))
      .default([])
      .describe(
        'Files with the authorities that may have signed the certificates of clients. Empty: no client is asked for one.',
      ),
    clientauth: oneOf(...CLIENT_AUTH)
      .optional()
      .describe(
        'What clients have to show: request-client-cert, require-any-client-cert, verify-client-cert-if-given or require-and-verify-client-cert. Not given: the last one.',
      ),
    minimumtls: oneOf('tls1.2', 'tls1.3')
      .optional()
      .describe('The least version of TLS: tls1.2 or tls1.3. Not given: tls1.2.'),
    ciphersuites: z
      .array(parsed(parseCipherSuite, 'the name of a cipher suite as Go has it, and not one of 3DES or RC4'))
      .default([])
      .describe('The cipher suites that are offered, by their names in Go. Empty: those that are safe.'),
    letsencrypt: letsencryptSchema.prefault({}),
  })
  .superRefine(checkTogether, { when: () => true })
  .transform(({ clientauth, minimumtls, ciphersuites, clientcas, ...from }): TlsSettings | undefined => {
    const source = sourceOf(from);
    if (source === undefined) return undefined;
    return {
      source,
      clientcas,
      clientauth: clientauth ?? 'require-and-verify-client-cert',
      minimumtls: minimumtls ?? 'tls1.2',
      ciphers: cipherList(ciphersuites),
    };
  });

interface Sources {
  readonly certificate?: string | undefined;
  readonly key?: string | undefined;
  readonly letsencrypt?: LetsEncryptSettings | undefined;
}

function sourceOf({ certificate, key, letsencrypt }: Sources): CertificateSource | undefined {
  if (letsencrypt !== undefined) return { kind: 'letsencrypt', ...letsencrypt };
  return certificate === undefined || key === undefined ? undefined : { kind: 'files', certificate, key };
}

/** What is wrong with settings that are each good by themselves. Runs beside other problems, so only asks what is given. */
function checkTogether(
  { certificate, key, clientcas, clientauth, letsencrypt }: Readonly<Record<string, unknown>>,
  context: z.RefinementCtx,
): void {
  const refuse = (name: string, message: string) =>
    context.addIssue({ code: 'custom', path: [name], message });
  const asksClients = Array.isArray(clientcas) && clientcas.length > 0;
  if ((certificate === undefined) !== (key === undefined)) {
    const missing = certificate === undefined ? 'certificate' : 'key';
    refuse(missing, 'is missing; certificate and key are given together or not at all');
  }
  if (clientauth !== undefined && clientauth !== 'request-client-cert' && !asksClients) {
    refuse(
      'clientcas',
      'is missing: without authorities no certificate of a client can be checked (clientauth)',
    );
  }
  if (letsencrypt !== undefined && (certificate !== undefined || key !== undefined)) {
    refuse('letsencrypt', 'must not be given with certificate and key: there is one source of certificates');
  }
  if (certificate === undefined && key === undefined && letsencrypt === undefined && asksClients) {
    refuse(
      'certificate',
      'is missing: clients show their certificates only to a server that has one (clientcas)',
    );
  }
}
