// What holds where nobody wrote rules.
import type { Caller } from '../caller.ts';
import { isWithinLimits } from './actions.ts';
import type { Policy } from './policy.ts';

/** There are no accounts: everybody may do everything, as in the `registry` image without `auth`. */
export const openPolicy: Policy = {
  may: () => true,
  isImmutable: () => false,
  mayList: () => true,
};

/**
 * Whoever has a password, a robot's secret or a certificate may do everything but administration, as in the `registry`
 * image with htpasswd. A token of an outside issuer is worth nothing without a rule, since anybody may have one.
 */
export const accountsPolicy: Policy = {
  may(caller, action, repository) {
    if (!isWithinLimits(caller, action, repository)) return false;
    if (caller.isAdministrator === true) return true;
    return action !== 'admin' && isTrusted(caller);
  },
  isImmutable: () => false,
  mayList: isTrusted,
};

function isTrusted({ kind }: Caller): boolean {
  return kind !== 'anonymous' && kind !== 'federated';
}
