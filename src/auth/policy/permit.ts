// The permit of a caller under the rules that hold at this moment: a request goes on with those that it began with.
import type { Caller } from '../caller.ts';
import type { Permit } from '../permit.ts';
import type { Policy } from './policy.ts';

export function permitFor(caller: Caller, policy: Policy): Permit {
  return {
    caller,
    may: (action, repository) => policy.may(caller, action, repository),
    mayList: policy.mayList(caller),
    maySee: (repository) => policy.may(caller, 'pull', repository),
    couldBeBetter: caller.kind === 'anonymous',
  };
}
