// The rows of the URL table that the admin API has, one for each operation.
import type Router from '@koa/router';
import type { RequestState } from '../../context.ts';
import type { Guard } from '../../guard.ts';
import { ADMIN_BASE, type AdminHandlers } from './handlers.ts';
import { type OperationId, operations } from './operations.ts';

/** Names of the routes: `admin`. */
export function addAdminRoutes(
  router: Router<RequestState>,
  handlers: AdminHandlers,
  guard: Pick<Guard, 'administration'>,
): void {
  for (const id of Object.keys(operations).filter(isOperation)) {
    const { method, path } = operations[id];
    const pattern = `${ADMIN_BASE}${path.replaceAll(/\{(\w+)\}/g, ':$1')}`;
    router[method]('admin', pattern, guard.administration, handlers[id]);
  }
}

function isOperation(text: string): text is OperationId {
  return Object.hasOwn(operations, text);
}
