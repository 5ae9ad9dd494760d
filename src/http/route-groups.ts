// The rows of a URL table in groups, so that a request is compared with a few of them and not with all: those of repositories by the
// word before the last part of their path, which a path has to have that any of them fits.
import Router, { type RouterMiddleware } from '@koa/router';
import type { RequestState } from './context.ts';

type Step = RouterMiddleware<RequestState>;
type AddRow = (name: string, path: string, ...steps: readonly [Step, ...Step[]]) => void;

export interface RouteGroups {
  readonly get: AddRow;
  readonly put: AddRow;
  readonly post: AddRow;
  readonly patch: AddRow;
  readonly delete: AddRow;
  /** For rows that are of no repository. */
  readonly others: Router<RequestState>;
  /** All rows. */
  rows(): Router<RequestState>['stack'];
  /** Runs the row that fits, or what comes next; `matched` of the context says which rows would have with another method. */
  routes(): Step;
}

/** What the paths of repositories begin with. */
const REPOSITORY = '/v2/*name/';

/** @param prefix stands before every path, without a slash at its end */
export function createRouteGroups(prefix: string): RouteGroups {
  const options = { sensitive: true, prefix };
  const others = new Router<RequestState>(options);
  const groups = new Map<string, Router<RequestState>>();

  function groupOf(path: string): Router<RequestState> {
    const word = path.startsWith(REPOSITORY) ? lastButOne(path) : '';
    if (!/^\w+$/.test(word)) return others;
    const group = groups.get(word) ?? new Router<RequestState>(options);
    groups.set(word, group);
    return group;
  }

  return {
    get: (name, path, ...steps) => void groupOf(path).get(name, path, ...steps),
    put: (name, path, ...steps) => void groupOf(path).put(name, path, ...steps),
    post: (name, path, ...steps) => void groupOf(path).post(name, path, ...steps),
    patch: (name, path, ...steps) => void groupOf(path).patch(name, path, ...steps),
    delete: (name, path, ...steps) => void groupOf(path).delete(name, path, ...steps),
    others,
    rows: () => [...groups.values(), others].flatMap(({ stack }) => stack),

    routes() {
      const elsewhere = others.routes();
      const grouped = new Map([...groups].map(([word, group]) => [word, group.routes()]));
      return (ctx, next) => {
        const group = grouped.get(lastButOne(ctx.path));
        return group === undefined ? elsewhere(ctx, next) : group(ctx, () => elsewhere(ctx, next));
      };
    },
  };
}

/** The last part but one of a path, whether it has a slash at its end or not. */
function lastButOne(path: string): string {
  const end = path.lastIndexOf('/', path.length - 2);
  return end <= 0 ? '' : path.slice(path.lastIndexOf('/', end - 1) + 1, end);
}
