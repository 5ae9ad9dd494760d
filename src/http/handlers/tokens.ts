// Tokens: asked for with a query or a form (Docker token specification, RFC 6749, RFC 8693), and the keys that sign them.
import type { Logger } from 'pino';
import { describeCaller } from '../../auth/audit.ts';
import { ANONYMOUS } from '../../auth/caller.ts';
import { basicChallenge } from '../../auth/gatekeeper.ts';
import type { LimitedLogins } from '../../auth/limited-logins.ts';
import { readCredentials } from '../../auth/tokens/credentials.ts';
import type { SigningKeys } from '../../auth/tokens/signing-keys.ts';
import {
  type FormRequest,
  MAX_FORM_BYTES,
  parseTokenForm,
  parseTokenQuery,
  type TokenRequest,
} from '../../auth/tokens/token-requests.ts';
import type { Proof, TokenService } from '../../auth/tokens/token-service.ts';
import { RegistryError } from '../../registry/errors.ts';
import type { Handler, RequestContext } from '../context.ts';
import { knockOf } from '../guard.ts';
import { replyJson } from '../reply.ts';
import { readBody } from '../request-body.ts';
import type { PaceSettings } from '../transfer-pace.ts';

export interface TokenHandlers {
  readonly get: Handler;
  readonly post: Handler;
  readonly keys: Handler;
}

export interface TokenHandlersDependencies {
  readonly tokens: TokenService;
  readonly keys: Pick<SigningKeys, 'jwks'>;
  readonly logins: LimitedLogins;
  /** The service that tokens are made for. */
  readonly service: string;
  readonly audit: Logger;
  readonly pace: PaceSettings;
  /** Hears how each request for a token ended, and not whose it was. */
  readonly onToken?: ((result: 'issued' | 'refused') => void) | undefined;
}

/** How long others may keep the keys, in seconds: a new one is shown for longer before it signs. */
const KEYS_MAX_AGE = 60;
const LOGIN = 'Berth';
const ACCESS_TOKEN = 'urn:ietf:params:oauth:token-type:access_token';

export function createTokenHandlers(dependencies: TokenHandlersDependencies): TokenHandlers {
  const { tokens, keys, logins, service, audit, pace, onToken } = dependencies;

  async function answer(ctx: RequestContext, request: TokenRequest, proof: Proof | undefined): Promise<void> {
    if (request.service !== '' && request.service !== service) {
      throw new RegistryError('parameterInvalid', { detail: 'there is no such service here' });
    }
    if (proof === undefined) {
      ctx.res.setHeader('WWW-Authenticate', basicChallenge(LOGIN));
      throw new RegistryError('loginWrong');
    }
    const { offline, clientId } = request;
    const issued = await tokens.issue(proof, request.scopes, { offline, clientId });
    audit.info(
      {
        event: 'token',
        ...describeCaller(proof.caller),
        address: ctx.state.remoteAddress,
        request: ctx.state.id,
        scope: issued.scope,
      },
      'token issued',
    );
    onToken?.('issued');
    replyJson(ctx, { ...issued, token_type: 'Bearer', issued_token_type: ACCESS_TOKEN });
  }

  /** A failure of ours is no refusal. */
  function counted(handler: Handler): Handler {
    return async (ctx) => {
      try {
        await handler(ctx);
      } catch (error) {
        if (error instanceof RegistryError && error.status < 500) onToken?.('refused');
        throw error;
      }
    };
  }

  async function proofOfHeader(ctx: RequestContext): Promise<Proof | undefined> {
    const { authorization, address, certificate } = knockOf(ctx);
    const credentials = readCredentials(authorization);
    if (credentials.kind === 'none') return { caller: certificate ?? ANONYMOUS };
    // A token is no login: whoever has one would have it for ever.
    if (credentials.kind !== 'basic') return undefined;
    return logins.verify(credentials.name, credentials.password, address);
  }

  function proofOfForm(ctx: RequestContext, form: FormRequest): Promise<Proof | undefined> {
    const address = ctx.state.remoteAddress;
    switch (form.grant) {
      case 'password':
        return logins.verify(form.name, form.password, address);
      case 'refreshToken':
        return tokens.refresh(form.refreshToken, form.service === '' ? undefined : form.service);
      case 'tokenExchange':
        return logins.verify('', form.subjectToken, address);
    }
  }

  return {
    get: counted(async (ctx) => {
      ctx.res.setHeader('Cache-Control', 'no-store');
      const request = parseTokenQuery(ctx.querystring);
      await answer(ctx, request, await proofOfHeader(ctx));
    }),

    post: counted(async (ctx) => {
      ctx.res.setHeader('Cache-Control', 'no-store');
      if (!/^application\/x-www-form-urlencoded *(;|$)/i.test(ctx.get('Content-Type'))) {
        throw new RegistryError('requestInvalid', { detail: 'the body has to be a form' });
      }
      const body = await readBody(ctx, MAX_FORM_BYTES, 'requestTooLarge', pace);
      const form = parseTokenForm(Buffer.from(body).toString(), ctx.querystring);
      await answer(ctx, form, await proofOfForm(ctx, form));
    }),

    async keys(ctx) {
      ctx.res.setHeader('Cache-Control', `public, max-age=${KEYS_MAX_AGE}`);
      replyJson(ctx, await keys.jwks());
    },
  };
}
