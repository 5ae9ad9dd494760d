// Traces by OpenTelemetry: a span for each request, and one for each step of it in the store and in Redis. Where they go, how many
// of them, and under which name, the SDK takes from the standard variables (OTEL_*). Loaded only where somebody takes them.
//
// Nothing is registered with the global API, so that two servers in one process do not meet, and no library is patched.
import { AsyncLocalStorage } from 'node:async_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  type Context,
  defaultTextMapGetter,
  ROOT_CONTEXT,
  type Span,
  SpanKind,
  SpanStatusCode,
  trace,
} from '@opentelemetry/api';
import { ExportResultCode, W3CTraceContextPropagator } from '@opentelemetry/core';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import {
  defaultResource,
  detectResources,
  envDetector,
  resourceFromAttributes,
} from '@opentelemetry/resources';
import { BatchSpanProcessor, NodeTracerProvider, type SpanExporter } from '@opentelemetry/sdk-trace-node';
import { describeFailure } from './failure.ts';
import type { RequestTracer, TracedRequest } from './request-tracer.ts';

export interface Traces {
  readonly requests: RequestTracer;
  /** A call of the storage driver has just ended. Belongs to the request that is served; outside of one nothing is told. */
  onStorageAction(driver: string, action: string, seconds: number, error?: unknown): void;
  /** The same for a script in Redis. */
  onScript(seconds: number, error?: unknown): void;
  /** What names the request that is served in the log. */
  currentIds(): Readonly<Record<string, string>>;
  /** Hears when spans begin to get lost, and when they arrive again. */
  onChange(listener: (state: 'lost' | 'delivered', error?: unknown) => void): void;
  /** Sends what is left, for so many milliseconds at most. */
  close(limitMs: number): Promise<void>;
}

type Attributes = Readonly<Record<string, string | number>>;

const NAME = 'berth';
const NO_IDS = {};

export function createTraces(): Traces {
  let listener: Parameters<Traces['onChange']>[0] = () => undefined;
  const exporter = watched(new OTLPTraceExporter(), (state, error) => listener(state, error));
  const provider = new NodeTracerProvider({
    resource: defaultResource()
      .merge(resourceFromAttributes({ 'service.name': NAME }))
      .merge(detectResources({ detectors: [envDetector] })),
    spanProcessors: [new BatchSpanProcessor(exporter)],
  });
  const tracer = provider.getTracer(NAME);
  const propagator = new W3CTraceContextPropagator();
  const current = new AsyncLocalStorage<Context>();

  function contextOf({ traceparent, tracestate }: TracedRequest): Context {
    if (traceparent === undefined) return ROOT_CONTEXT;
    const carrier = { traceparent, ...(tracestate !== undefined && { tracestate }) };
    return propagator.extract(ROOT_CONTEXT, carrier, defaultTextMapGetter);
  }

  /** A step that is over already. */
  function addStep(
    name: string,
    seconds: number,
    about: { readonly kind: SpanKind; readonly attributes: Attributes },
    error: unknown,
  ): void {
    const parent = current.getStore();
    if (parent === undefined) return;
    const end = performance.timeOrigin + performance.now();
    const span = tracer.startSpan(name, { ...about, startTime: end - seconds * 1000 }, parent);
    if (error !== undefined) markFailed(span, error);
    span.end(end);
  }

  return {
    requests: {
      begin(request) {
        const parent = contextOf(request);
        const span = tracer.startSpan(
          request.method,
          { kind: SpanKind.SERVER, attributes: attributesOf(request) },
          parent,
        );
        const context = trace.setSpan(parent, span);
        return {
          ids: idsOf(span),
          run: (work) => current.run(context, work),
          end({ route, status, received, sent, error }) {
            if (route !== undefined)
              span.updateName(`${request.method} ${route}`).setAttribute('http.route', route);
            span.setAttributes({
              'http.response.status_code': status,
              'http.request.body.size': received,
              'http.response.body.size': sent,
            });
            if (status >= 500) markFailed(span, error);
            span.end();
          },
        };
      },
    },

    onStorageAction(driver, action, seconds, error) {
      const kind = driver === 's3' ? SpanKind.CLIENT : SpanKind.INTERNAL;
      const attributes = { 'berth.storage.driver': driver, 'berth.storage.action': action };
      const isAbsent = error instanceof Error && 'code' in error && error.code === 'keyNotFound';
      addStep(`storage ${action}`, seconds, { kind, attributes }, isAbsent ? undefined : error);
    },

    onScript(seconds, error) {
      const attributes = { 'db.system.name': 'redis', 'db.operation.name': 'EVAL' };
      addStep('redis EVAL', seconds, { kind: SpanKind.CLIENT, attributes }, error);
    },

    currentIds() {
      const context = current.getStore();
      const span = context && trace.getSpan(context);
      return span === undefined ? NO_IDS : idsOf(span);
    },

    onChange(next) {
      listener = next;
    },

    async close(limitMs) {
      const sent = provider.shutdown().catch(() => undefined);
      await Promise.race([sent, sleep(limitMs, undefined, { ref: false })]);
    },
  };
}

function attributesOf({ method, path, address, userAgent }: TracedRequest): Attributes {
  return {
    'http.request.method': method,
    'url.path': path,
    'client.address': address,
    ...(userAgent !== undefined && { 'user_agent.original': userAgent }),
  };
}

function idsOf(span: Span): Readonly<Record<string, string>> {
  const { traceId, spanId } = span.spanContext();
  return { trace_id: traceId, span_id: spanId };
}

/** With a word for the kind of failure: messages of errors may hold what is not everybody's business. */
function markFailed(span: Span, error: unknown): void {
  span.setStatus({ code: SpanStatusCode.ERROR });
  if (error !== undefined) span.setAttribute('error.type', describeFailure(error));
}

/** Tells of the first failure and of the first success after it. */
function watched(
  exporter: SpanExporter,
  changed: (state: 'lost' | 'delivered', error?: unknown) => void,
): SpanExporter {
  let isLosing = false;
  return {
    export(spans, done) {
      exporter.export(spans, (result) => {
        const failed = result.code !== ExportResultCode.SUCCESS;
        if (failed !== isLosing) changed(failed ? 'lost' : 'delivered', result.error);
        isLosing = failed;
        done(result);
      });
    },
    forceFlush: async () => exporter.forceFlush?.(),
    shutdown: () => exporter.shutdown(),
  };
}
