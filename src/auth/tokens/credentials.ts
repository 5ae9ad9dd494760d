// What an `Authorization` header holds (RFC 9110, 11.6.2), before anything of it is believed.

export type Credentials =
  /** Nothing was presented. */
  | { readonly kind: 'none' }
  | { readonly kind: 'basic'; readonly name: string; readonly password: string }
  | { readonly kind: 'bearer'; readonly token: string }
  /** It proves nothing, and is not nothing either: of another scheme, malformed, or longer than any credentials are. */
  | { readonly kind: 'unreadable' };

const UNREADABLE: Credentials = { kind: 'unreadable' };

/** OIDC tokens come as passwords too, and are the longest of all. */
const MAX_LENGTH = 24 * 1024;
const MAX_NAME_LENGTH = 255;
const BASE64 = /^(?:[A-Za-z0-9+/_-]+={0,2})$/;

/**
 * Reads the header. An empty name with an empty password (`Basic Og==`, as old dockers send it) is nothing.
 */
export function readCredentials(header: string | undefined): Credentials {
  if (header === undefined || header.trim() === '') return { kind: 'none' };
  if (header.length > MAX_LENGTH) return UNREADABLE;
  const [, scheme = '', value = ''] = /^([A-Za-z]{1,16}) +(\S+)$/.exec(header) ?? [];
  if (/^bearer$/i.test(scheme)) return { kind: 'bearer', token: value };
  return /^basic$/i.test(scheme) ? readBasic(value) : UNREADABLE;
}

/** The charset is UTF-8 (RFC 7617, 2.1), and a name has no colon. */
function readBasic(value: string): Credentials {
  if (!BASE64.test(value)) return UNREADABLE;
  const text = decode(Buffer.from(value, 'base64'));
  const colon = text?.indexOf(':') ?? -1;
  if (text === undefined || colon === -1) return UNREADABLE;
  const name = text.slice(0, colon);
  const password = text.slice(colon + 1);
  if (name === '' && password === '') return { kind: 'none' };
  // Control characters are forbidden in both (RFC 7617, 2); a NUL would end a password early elsewhere.
  if (name.length > MAX_NAME_LENGTH || /\p{Cc}/u.test(text)) return UNREADABLE;
  return { kind: 'basic', name, password };
}

function decode(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return undefined;
  }
}
