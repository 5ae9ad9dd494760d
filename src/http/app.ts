// The HTTP application: what every request goes through, in its order.
import type { RequestListener } from 'node:http';
import Koa from 'koa';
import type { Logger } from 'pino';
import type { RequestMeter } from '../observe/request-meter.ts';
import type { RequestTracer } from '../observe/request-tracer.ts';
import type { Witness } from '../registry/witness.ts';
import type { ClientAddress } from './client-address.ts';
import type { RequestState } from './context.ts';
import type { Guard } from './guard.ts';
import { createHotAnswers, type HotAnswers } from './hot-answers.ts';
import { accessLog, createAccessLog, type FollowRequest } from './middleware/access-log.ts';
import { closeAfterRefusal } from './middleware/close-after-refusal.ts';
import { onlyReads, onlyWhenHealthy } from './middleware/gates.ts';
import { identify } from './middleware/identify.ts';
import { measure } from './middleware/measure.ts';
import { onlyKnownRoutes } from './middleware/only-known-routes.ts';
import { reportErrors } from './middleware/report-errors.ts';
import { trace } from './middleware/trace.ts';
import type { Report } from './report.ts';
import { createRoutes, type Handlers, TOKEN_PATH } from './routes.ts';

export interface AppDependencies {
  readonly handlers: Handlers;
  readonly guard: Guard;
  readonly log: Logger;
  readonly addressOf: ClientAddress;
  /** Names of the health checks that fail. */
  readonly failingChecks: () => readonly string[];
  /** Given, requests are counted. */
  readonly meter?: RequestMeter | undefined;
  /** Given, requests are traced. */
  readonly tracer?: RequestTracer | undefined;
  /** Given, small answers are kept as long as they hold. */
  readonly witness?: Witness | undefined;
  /** Is told of pulls that are answered so. */
  readonly report?: Report | undefined;
  readonly settings: AppSettings;
}

export interface AppSettings {
  readonly prefix: string;
  readonly headers: readonly (readonly [name: string, values: readonly string[]])[];
  readonly readOnly: boolean;
  readonly logEveryRequest: boolean;
}

export function createApp(dependencies: AppDependencies): RequestListener {
  const { handlers, guard, log, addressOf, failingChecks, meter, tracer, settings } = dependencies;
  const follow = createAccessLog(log, { everyRequest: settings.logEveryRequest });
  const hot = hotAnswers(dependencies, settings.logEveryRequest ? follow : undefined);
  const app = new Koa<RequestState>();
  // What reaches Koa itself is a mistake of ours, since the middleware answers everything else; or it is what a connection
  // died of, which the access log tells.
  app.on('error', (error: unknown, ctx?: Koa.Context) => {
    if (error !== ctx?.req.errored && error !== ctx?.req.socket.errored) {
      log.error({ err: error }, 'unexpected failure');
    }
  });

  if (meter !== undefined) app.use(measure(meter));
  if (tracer !== undefined) app.use(trace(tracer, addressOf));
  app.use(accessLog(follow));
  app.use(identify({ addressOf, headers: settings.headers }));
  app.use(closeAfterRefusal());
  app.use(reportErrors());
  app.use(onlyWhenHealthy(failingChecks));
  if (settings.readOnly) app.use(onlyReads([`${settings.prefix.replace(/\/+$/, '')}${TOKEN_PATH}`]));
  app.use(createRoutes(handlers, { guard, kept: hot ?? NOT_KEPT, prefix: settings.prefix }).routes());
  app.use(onlyKnownRoutes());
  const listener = app.callback();
  return hot?.inFrontOf(listener) ?? listener;
}

/** Traces are to show what happened for each request, and so they all go the whole way. */
function hotAnswers(
  { witness, guard, addressOf, failingChecks, meter, tracer, report }: AppDependencies,
  follow: FollowRequest | undefined,
): HotAnswers | undefined {
  if (witness === undefined || tracer !== undefined) return undefined;
  return createHotAnswers({ witness, guard, addressOf, failingChecks, meter, report, follow });
}

const passOn = (_ctx: unknown, next: () => Promise<unknown>) => next();
const NOT_KEPT = { keep: passOn, keepGets: passOn };
