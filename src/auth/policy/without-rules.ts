// What holds where nobody wrote rules.
import type { Caller } from '../caller.ts';
import { isWithinLimits } from './actions.ts';
import type { Policy } from './policy.ts';

/**
 * There are no accounts: everybody may do everything, as in the `registry` image without `auth`. Nobody is an administrator,
 * or immutable tags would be so for nobody.
 */
export const openPolicy: Policy = {
  may: (_caller, action) => action !== 'admin',
  mayList: () => true,
};

/**
 * Whoever has a password or a robot's secret may do everything but administration, as in the `registry` image with htpasswd. A
 * certificate without them may nothing, as there: it is a name in rules only. Nor may a token of an outside issuer, since
 * anybody may have one.
 */
export const accountsPolicy: Policy = {
  may(caller, action, repository) {
    if (!isWithinLimits(caller, action, repository)) return false;
    if (caller.isAdministrator === true) return true;
    return action !== 'admin' && isTrusted(caller);
  },
  mayList: isTrusted,
};

function isTrusted({ kind }: Caller): boolean {
  return kind === 'account' || kind === 'robot';
}
