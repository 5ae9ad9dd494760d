// Requests, by the names and labels of the `registry` image. A handler is the name of a route: repositories and users are in no label.
import { Counter, exponentialBuckets, Gauge, Histogram, type Registry } from 'prom-client';
import type { MeasuredRequest, RequestMeter } from '../request-meter.ts';

export interface HttpMetrics {
  readonly meter: RequestMeter;
  /** Counts what requests that still run have received and sent. To be called before the figures are read. */
  refresh(): void;
}

interface Running {
  readonly request: MeasuredRequest;
  receivedCounted: number;
  sentCounted: number;
}

const DURATIONS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 25, 60];
/** From 1 KiB, each twice the last one. */
const SIZES = exponentialBuckets(1024, 2, 22);
/** Other methods share one label: they are whatever a client likes. In small letters, as the image has them. */
const METHODS: readonly string[] = ['get', 'head', 'post', 'put', 'patch', 'delete', 'options'];

export function createHttpMetrics(registry: Registry): HttpMetrics {
  const registers = [registry];
  const total = new Counter({
    name: 'registry_http_requests_total',
    help: 'Total number of HTTP requests made.',
    labelNames: ['handler', 'code', 'method'],
    registers,
  });
  const inFlight = new Gauge({
    name: 'registry_http_in_flight_requests',
    help: 'The in-flight HTTP requests.',
    labelNames: ['handler'],
    registers,
  });
  const durations = new Histogram({
    name: 'registry_http_request_duration_seconds',
    help: 'The HTTP request latencies in seconds.',
    labelNames: ['handler', 'method'],
    buckets: DURATIONS,
    registers,
  });
  const requestSizes = new Histogram({
    name: 'registry_http_request_size_bytes',
    help: 'The HTTP request sizes in bytes.',
    labelNames: ['handler'],
    buckets: SIZES,
    registers,
  });
  const responseSizes = new Histogram({
    name: 'registry_http_response_size_bytes',
    help: 'The HTTP response sizes in bytes.',
    labelNames: ['handler'],
    buckets: SIZES,
    registers,
  });
  const received = new Counter({
    name: 'berth_http_received_bytes_total',
    help: 'Bytes of request bodies, those of requests that still run included.',
    labelNames: ['handler'],
    registers,
  });
  const sent = new Counter({
    name: 'berth_http_sent_bytes_total',
    help: 'Bytes of response bodies, those of requests that still run included.',
    labelNames: ['handler'],
    registers,
  });

  const running = new Set<Running>();
  const handlers = new Set<string>();

  function countBytes(one: Running, handler: string): void {
    const receivedNow = one.request.received();
    const sentNow = one.request.sent();
    received.inc({ handler }, receivedNow - one.receivedCounted);
    sent.inc({ handler }, sentNow - one.sentCounted);
    one.receivedCounted = receivedNow;
    one.sentCounted = sentNow;
  }

  return {
    meter: {
      begin(request) {
        const one: Running = { request, receivedCounted: 0, sentCounted: 0 };
        running.add(one);
        return (status, seconds) => {
          running.delete(one);
          const handler = request.handler();
          const method = methodLabel(request.method);
          handlers.add(handler);
          countBytes(one, handler);
          total.inc({ handler, code: String(status), method });
          durations.observe({ handler, method }, seconds);
          requestSizes.observe({ handler }, one.receivedCounted);
          responseSizes.observe({ handler }, one.sentCounted);
        };
      },
    },

    refresh() {
      for (const handler of handlers) inFlight.set({ handler }, 0);
      for (const one of running) {
        const handler = one.request.handler();
        handlers.add(handler);
        inFlight.inc({ handler });
        countBytes(one, handler);
      }
    },
  };
}

function methodLabel(method: string): string {
  const name = method.toLowerCase();
  return METHODS.includes(name) ? name : 'unknown';
}
