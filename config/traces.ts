// Whether requests are traced: by the variables of OpenTelemetry, which its SDK reads itself once it is loaded.
import type { Environment } from './variables.ts';

export interface TraceChoice {
  readonly enabled: boolean;
  /** One line each, for people. */
  readonly warnings: readonly string[];
}

const ENDPOINTS = ['OTEL_EXPORTER_OTLP_TRACES_ENDPOINT', 'OTEL_EXPORTER_OTLP_ENDPOINT'];
const PROTOCOLS = ['OTEL_EXPORTER_OTLP_TRACES_PROTOCOL', 'OTEL_EXPORTER_OTLP_PROTOCOL'];

/**
 * Traces are made when somebody is named who takes them, and nothing speaks against it: OTEL_SDK_DISABLED, another
 * OTEL_TRACES_EXPORTER than otlp, a protocol that is not spoken.
 */
export function chooseTraces(environment: Environment): TraceChoice {
  const given = (name: string) => environment[name]?.trim() ?? '';
  const endpoint = ENDPOINTS.find((name) => given(name) !== '');
  if (endpoint === undefined || given('OTEL_SDK_DISABLED').toLowerCase() === 'true') return without();
  const exporters = given('OTEL_TRACES_EXPORTER');
  if (exporters === 'none') return without();
  if (exporters !== '' && !exporters.split(',').some((name) => name.trim() === 'otlp')) {
    return without('OTEL_TRACES_EXPORTER: there are no traces; otlp and none are known');
  }
  if (!/^https?:\/\/[^/]/i.test(given(endpoint)) || !URL.canParse(given(endpoint))) {
    return without(`${endpoint}: there are no traces; it has to be an http or https URL`);
  }
  const protocol = PROTOCOLS.find((name) => given(name) !== '');
  if (protocol !== undefined && !given(protocol).startsWith('http/')) {
    return without(
      `${protocol}: there are no traces; OTLP is spoken over HTTP (http/json), mostly on port 4318`,
    );
  }
  return { enabled: true, warnings: [] };
}

function without(...warnings: readonly string[]): TraceChoice {
  return { enabled: false, warnings };
}
