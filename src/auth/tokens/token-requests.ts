// Requests for tokens: GET with a query (Docker token specification), POST with a form (its OAuth 2 variant, and RFC 8693).
// Pure: parameters in, one of a few meanings out.
import { RegistryError } from '../../registry/errors.ts';
import { parseScopes, type Scope } from './scope.ts';

/** What every request for a token says. */
export interface TokenRequest {
  /** Empty if the client names none. */
  readonly service: string;
  readonly scopes: readonly Scope[];
  readonly clientId: string;
  /** Whether a refresh token is asked for. */
  readonly offline: boolean;
}

/** By GET: the credentials are in the `Authorization` header. */
export interface QueryRequest extends TokenRequest {
  /** Who the client says that it is; proves nothing. */
  readonly account: string;
}

/** By POST: how the caller is proved. */
export type FormRequest = TokenRequest &
  (
    | { readonly grant: 'password'; readonly name: string; readonly password: string }
    | { readonly grant: 'refreshToken'; readonly refreshToken: string }
    | { readonly grant: 'tokenExchange'; readonly subjectToken: string }
  );

/** In bytes, for whoever reads the body: a token of an OIDC issuer and some scopes. */
export const MAX_FORM_BYTES = 64 * 1024;
const MAX_QUERY_LENGTH = 16 * 1024;
const MAX_PARAMETERS = 100;
const MAX_TEXT = 255;
/** What proves somebody. */
const MAX_SECRET = 16 * 1024;
const SECRETS = [
  'password',
  'refresh_token',
  'subject_token',
  'actor_token',
  'client_secret',
  'access_token',
];
const EXCHANGE = 'urn:ietf:params:oauth:grant-type:token-exchange';
/** What an OIDC issuer's token is called (RFC 8693, 3). */
const SUBJECT_TYPES = ['urn:ietf:params:oauth:token-type:id_token', 'urn:ietf:params:oauth:token-type:jwt'];
const ANSWER_TYPES = ['', 'urn:ietf:params:oauth:token-type:access_token'];

/** Reads the query of a GET, without its `?`. Throws `parameterInvalid`; also for a secret in it, which would be in every log. */
export function parseTokenQuery(query: string): QueryRequest {
  const parameters = parse(query, MAX_QUERY_LENGTH);
  refuseSecrets(parameters);
  return {
    ...requestOf(parameters),
    account: text(parameters, 'account'),
    offline: text(parameters, 'offline_token') === 'true',
  };
}

/**
 * Reads the form of a POST.
 * @param query that of its address, without `?`: it must not hold a secret either
 * Throws `parameterInvalid`, whose detail never quotes a value.
 */
export function parseTokenForm(body: string, query = ''): FormRequest {
  refuseSecrets(parse(query, MAX_QUERY_LENGTH));
  const form = parse(body, MAX_FORM_BYTES);
  const request = requestOf(form);
  const grant = text(form, 'grant_type');
  if (grant === 'password') {
    const name = required(form, 'username', MAX_TEXT);
    return { ...request, grant, name, password: required(form, 'password', MAX_SECRET) };
  }
  if (grant === 'refresh_token') {
    const refreshToken = required(form, 'refresh_token', MAX_TEXT);
    return { ...request, grant: 'refreshToken', refreshToken, offline: false };
  }
  if (grant === EXCHANGE) return { ...request, ...exchangeOf(form), offline: false };
  throw invalid('grant_type is not password, refresh_token or token-exchange');
}

function exchangeOf(form: URLSearchParams): {
  readonly grant: 'tokenExchange';
  readonly subjectToken: string;
} {
  if (!SUBJECT_TYPES.includes(text(form, 'subject_token_type'))) {
    throw invalid('subject_token_type is not that of an ID token or a JWT');
  }
  if (!ANSWER_TYPES.includes(text(form, 'requested_token_type'))) {
    throw invalid('requested_token_type is not that of an access token');
  }
  // Acting for somebody else is not offered, and must not look as if it were.
  if (form.has('actor_token')) throw invalid('actor_token is not accepted');
  return { grant: 'tokenExchange', subjectToken: required(form, 'subject_token', MAX_SECRET) };
}

function requestOf(parameters: URLSearchParams): TokenRequest {
  return {
    // RFC 8693 calls it the audience.
    service: text(parameters, 'service') || text(parameters, 'audience'),
    scopes: parseScopes(parameters.getAll('scope')),
    clientId: text(parameters, 'client_id'),
    offline: text(parameters, 'access_type') === 'offline',
  };
}

function parse(encoded: string, maxLength: number): URLSearchParams {
  if (encoded.length > maxLength) throw invalid('too long');
  if (encoded.split('&', MAX_PARAMETERS + 1).length > MAX_PARAMETERS) throw invalid('too many parameters');
  return new URLSearchParams(encoded);
}

function refuseSecrets(query: URLSearchParams): void {
  const secret = SECRETS.find((name) => query.has(name));
  if (secret !== undefined) throw invalid(`${secret} must not be in the address`);
}

function required(parameters: URLSearchParams, name: string, maxLength: number): string {
  const value = text(parameters, name, maxLength);
  if (value === '') throw invalid(`${name} is missing`);
  return value;
}

/** Of parameters that are there once (RFC 6749, 3.2); empty if absent. */
function text(parameters: URLSearchParams, name: string, maxLength = MAX_TEXT): string {
  const values = parameters.getAll(name);
  if (values.length > 1) throw invalid(`${name} is there twice`);
  const [value = ''] = values;
  if (value.length > maxLength) throw invalid(`${name} is too long`);
  return value;
}

function invalid(detail: string): RegistryError {
  return new RegistryError('parameterInvalid', { detail });
}
