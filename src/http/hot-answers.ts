// Small answers that are asked for again and again. A row of the URL table says that its answers may be kept; one that was given
// is then given again in front of Koa, for a fraction of the work, to whoever may have it, as long as everything in the store
// that it rests on is unchanged. That is looked at for each request anew: nothing that is kept here is believed.
import { randomUUID } from 'node:crypto';
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import { setImmediate as endOfTurn } from 'node:timers/promises';
import { LRUCache } from 'lru-cache';
import type { RequestMeter } from '../observe/request-meter.ts';
import type { Happening } from '../registry/happening.ts';
import { parseRepositoryName, type RepositoryName } from '../registry/name.ts';
import type { Evidence, Witness } from '../registry/witness.ts';
import type { ClientAddress } from './client-address.ts';
import { type Exchange, parameter, type RequestContext } from './context.ts';
import type { Guard } from './guard.ts';
import type { FollowRequest } from './middleware/access-log.ts';
import { count } from './middleware/measure.ts';
import { hasEmptyBody } from './protocol.ts';
import type { Report } from './report.ts';

export interface HotAnswers {
  /** Keeps what the handlers behind it answer. Only for rows whose guard is `may('pull')` and nothing else. */
  readonly keep: Keeper;
  /** The same, for rows that answer HEAD without having the body. */
  readonly keepGets: Keeper;
  /** Answers what it can, and leaves the rest to the listener. */
  inFrontOf(listener: RequestListener): RequestListener;
}

type Keeper = (ctx: RequestContext, next: () => Promise<unknown>) => Promise<unknown>;

export interface HotAnswersDependencies {
  readonly witness: Witness;
  readonly guard: Pick<Guard, 'lets'>;
  readonly addressOf: ClientAddress;
  readonly failingChecks: () => readonly string[];
  /** Absent: nobody wants to know. */
  readonly follow?: FollowRequest | undefined;
  readonly meter?: RequestMeter | undefined;
  readonly report?: Report | undefined;
}

interface Answer {
  readonly path: string;
  readonly repository: RepositoryName;
  readonly evidence: Evidence;
  /** Names and values in turn, but for the header that names the request. */
  readonly headers: readonly string[];
  readonly body: Buffer;
  /** What there is to tell of a GET. */
  readonly happening?: Happening;
  readonly routerName?: string;
  readonly params: Readonly<Record<string, string>>;
}

/** Larger answers are streamed, or rare. In bytes. */
const LARGEST_BODY = 64 * 1024;
const KEPT_BYTES = 8 * 1024 * 1024;
/** What an answer costs beside its body, about. */
const COST = 2048;

const REQUEST_ID = 'X-Request-Id';
/** What is of one request, or of one connection. */
const NOT_KEPT: readonly string[] = ['x-request-id', 'connection'];

/** With one of these a request may want another answer than the one before it got. */
const CONDITIONS = ['range', 'if-none-match', 'if-match', 'if-modified-since', 'if-range', 'expect'] as const;

export function createHotAnswers(dependencies: HotAnswersDependencies): HotAnswers {
  const { witness, guard, addressOf, failingChecks, follow, meter, report } = dependencies;
  const answers = new LRUCache<string, Answer>({
    maxSize: KEPT_BYTES,
    sizeCalculation: ({ body }, url) => body.length + 2 * url.length + COST,
  });
  const holds = createSharedLooks();

  /** Resolves to whether it was answered. */
  async function giveAgain(
    request: IncomingMessage,
    response: ServerResponse,
    answer: Answer,
  ): Promise<boolean> {
    const { method = '' } = request;
    const { path, routerName, params, happening } = answer;
    const state = { id: randomUUID(), remoteAddress: addressOf(request) };
    const exchange: Exchange = { req: request, res: response, method, path, routerName, params, state };
    if (!(await guard.lets(exchange, 'pull', answer.repository))) return false;
    if (failingChecks().length > 0) return false;
    if (!(await holds(answer.evidence))) {
      answers.delete(request.url ?? '');
      return false;
    }
    if (happening !== undefined && method === 'GET') await report?.(exchange, happening);
    if (meter !== undefined) count(exchange, meter);
    follow?.(exchange);
    response.writeHead(200, [...answer.headers, REQUEST_ID, state.id]);
    response.end(method === 'HEAD' ? undefined : answer.body);
    return true;
  }

  async function keep(ctx: RequestContext, next: () => Promise<unknown>): Promise<void> {
    const { evidence } = await witness.during(next);
    const { body, status, req, res, state } = ctx;
    if (evidence === undefined || status !== 200 || !isPlain(req)) return;
    if (!Buffer.isBuffer(body) || body.length > LARGEST_BODY) return;
    answers.set(req.url ?? '', {
      path: ctx.path,
      repository: parseRepositoryName(parameter(ctx, 'name')),
      evidence,
      headers: headersOf(res),
      body,
      ...(state.happening && { happening: state.happening }),
      ...(typeof ctx.routerName === 'string' && { routerName: ctx.routerName }),
      params: ctx.params,
    });
  }

  return {
    keep,
    keepGets: (ctx, next) => (ctx.method === 'HEAD' ? next() : keep(ctx, next)),

    inFrontOf(listener) {
      return (request, response) => {
        const kept = request.httpVersionMajor === 1 ? answers.get(request.url ?? '') : undefined;
        if (kept === undefined || !isPlain(request)) return listener(request, response);
        giveAgain(request, response, kept).then(
          (isAnswered) => isAnswered || listener(request, response),
          // Whatever failed, it fails again where failures are told.
          () => listener(request, response),
        );
      };
    },
  };
}

/**
 * Whether what was seen is still so. One look is for all who ask in the same turn of the event loop, at its end: no sooner than any of
 * them came.
 */
function createSharedLooks(): (evidence: Evidence) => Promise<boolean> {
  const looks = new Map<Evidence, Promise<boolean>>();

  async function look(evidence: Evidence): Promise<boolean> {
    await endOfTurn();
    looks.delete(evidence);
    return evidence();
  }

  return (evidence) => {
    const shared = looks.get(evidence) ?? look(evidence);
    looks.set(evidence, shared);
    return shared;
  };
}

/** Whether everybody who sends this gets the same. */
function isPlain(request: IncomingMessage): boolean {
  const { method, headers } = request;
  if (method !== 'GET' && method !== 'HEAD') return false;
  for (const name of CONDITIONS) if (headers[name] !== undefined) return false;
  return hasEmptyBody(request);
}

function headersOf(response: ServerResponse): string[] {
  const headers: string[] = [];
  const names = spellsNames(response) ? response.getRawHeaderNames() : response.getHeaderNames();
  for (const name of names) {
    if (NOT_KEPT.includes(name.toLowerCase())) continue;
    const value = response.getHeader(name);
    const values = Array.isArray(value) ? value : [String(value)];
    for (const one of values) headers.push(name, one);
  }
  return headers;
}

/** Over HTTP/1.1 names are kept as they were written, which the types do not say of answers. */
function spellsNames(response: object): response is { getRawHeaderNames(): string[] } {
  return 'getRawHeaderNames' in response && typeof response.getRawHeaderNames === 'function';
}
