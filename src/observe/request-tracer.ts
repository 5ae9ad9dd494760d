// What the HTTP layer tells whoever traces requests.

/** A request as it came in. */
export interface TracedRequest {
  readonly method: string;
  readonly path: string;
  readonly address: string;
  readonly userAgent: string | undefined;
  /** Of the trace that it belongs to, if it does (W3C Trace Context). */
  readonly traceparent: string | undefined;
  readonly tracestate: string | undefined;
}

/** How a request ended. */
export interface TracedEnd {
  /** The pattern of its route, if it has one. */
  readonly route: string | undefined;
  readonly status: number;
  readonly received: number;
  readonly sent: number;
  readonly error: unknown;
}

export interface RequestSpan {
  /** What names the span in the log. */
  readonly ids: Readonly<Record<string, string>>;
  /** Runs the work so that the steps in it belong to the request. */
  run<T>(work: () => Promise<T>): Promise<T>;
  /** To be called once. */
  end(how: TracedEnd): void;
}

export interface RequestTracer {
  begin(request: TracedRequest): RequestSpan;
}
