// What the configuration says of an outside issuer, and what is wrong with it.
import { X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';

export interface IssuerSettings {
  /** What rules call it. */
  readonly name: string;
  /** An https address, exactly as the issuer writes it in `iss`. */
  readonly issuer: string;
  /** A token must be for one of them: what keeps other services from using the tokens they get with us. */
  readonly audiences: readonly string[];
  /**
   * Whether the issuer may be in a network of one's own, and only then without TLS.
   * @default false
   */
  readonly allowPrivateAddresses?: boolean | undefined;
  /** Where its keys are, if it has no discovery document. */
  readonly keysUrl?: string | undefined;
  /** Its keys: a JSON Web Key Set, or the path of one. Nothing is requested then. */
  readonly jwks?: string | undefined;
  /** Path of a PEM file: the authorities that may vouch for the issuer's certificate, instead of the well-known ones. */
  readonly ca?: string | undefined;
  /** @default 'sub' */
  readonly usernameClaim?: string | undefined;
  /** @default none: the caller has no groups */
  readonly groupsClaim?: string | undefined;
  /** Claims without which a token is worth nothing, such as the owner of the repository that a job runs for. */
  readonly requiredClaims?: { readonly [name: string]: string | readonly string[] } | undefined;
}

/** The message is one line for whoever started the server. */
export class IssuerSettingsError extends Error {
  override readonly name = 'IssuerSettingsError';

  constructor(issuerName: string, problem: string, facts?: ErrorOptions) {
    super(`OIDC issuer ${issuerName} ${problem}`, facts);
  }
}

/** An address as an issuer may have it (OpenID Connect Discovery 1.0, 2). Throws IssuerSettingsError. */
export function parseHttpUrl(settings: IssuerSettings, setting: string, text: string): URL {
  const url = URL.parse(text);
  const allowed = settings.allowPrivateAddresses === true ? ['https:', 'http:'] : ['https:'];
  // Given keys need no connection, so a cluster may call itself what it likes.
  if (settings.jwks !== undefined) allowed.push('http:');
  if (url === null || !allowed.includes(url.protocol))
    throw new IssuerSettingsError(
      settings.name,
      `needs an https address as ${setting} (http with allowprivate)`,
    );
  if (
    url.username !== '' ||
    url.password !== '' ||
    url.hash !== '' ||
    (setting === 'issuer' && url.search !== '')
  )
    throw new IssuerSettingsError(
      settings.name,
      `may have nothing but scheme, host, port and path in its ${setting}`,
    );
  return url;
}

/** Throws IssuerSettingsError. */
export async function readIssuerFile(issuerName: string, path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown error';
    throw new IssuerSettingsError(issuerName, `names the file ${path}, which cannot be read (${code})`, {
      cause: error,
    });
  }
}

/** The PEM of a file of certificates. Throws IssuerSettingsError. */
export async function readAuthorities(issuerName: string, path: string): Promise<string> {
  const pem = await readIssuerFile(issuerName, path);
  try {
    new X509Certificate(pem);
  } catch (error) {
    throw new IssuerSettingsError(issuerName, `names ${path} as ca, which is no certificate`, {
      cause: error,
    });
  }
  return pem;
}
