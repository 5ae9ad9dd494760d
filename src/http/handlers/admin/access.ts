// Who may ask the admin API for what. A token is for what stands in its scope, and administration stands in none.
import type { Caller } from '../../../auth/caller.ts';
import { RegistryError } from '../../../registry/errors.ts';
import type { RequestContext } from '../../context.ts';
import type { Operation } from './operations.ts';

/** Throws `unauthorized` where other credentials could help, else `denied`. */
export function requireCaller(ctx: RequestContext, who: Operation['who']): void {
  if (who === 'anybody') return;
  if (callerOf(ctx).kind === 'anonymous') throw new RegistryError('unauthorized');
  if (who === 'administrator') requireAdministrator(ctx);
}

/** Throws as `requireCaller`. */
export function requireAdministrator(ctx: RequestContext): void {
  const { permit } = ctx.state;
  if (permit?.caller.isAdministrator && !permit.couldBeBetter) return;
  throw new RegistryError(permit?.couldBeBetter ? 'unauthorized' : 'denied');
}

/**
 * The account that came with its password. A token would let its thief guess the password, past the limit on logins.
 * Throws as `requireCaller`.
 */
export function requireAccount(ctx: RequestContext): Caller {
  const caller = callerOf(ctx);
  // The password of whoever came by another way is not kept here.
  if (caller.kind !== 'account') throw new RegistryError('denied');
  if (ctx.state.permit?.couldBeBetter) throw new RegistryError('unauthorized');
  return caller;
}

/** Throws `denied` where nobody looked who it is. */
export function callerOf(ctx: RequestContext): Caller {
  const { permit } = ctx.state;
  if (permit === undefined) throw new RegistryError('denied');
  return permit.caller;
}
