// Traces, where the environment asks for them.
import type { Logger } from 'pino';
import { chooseTraces } from '../../config/traces.ts';
import type { Traces } from '../observe/tracing.ts';

/** How long the last traces of a server that stops may take, in milliseconds. */
export const LAST_TRACES_MS = 3_000;

export type TraceState = 'lost' | 'delivered';

/** Tells of traces once, however many processes lose theirs: when the first one does, and when none does any more. */
export function createTraceNews(log: Logger): (of: object, state: TraceState, error?: unknown) => void {
  const losing = new Set<object>();
  return (of, state, error) => {
    const before = losing.size;
    if (state === 'lost') losing.add(of);
    else losing.delete(of);
    if (before === 0 && losing.size > 0) log.warn({ err: error }, 'traces do not arrive');
    if (before > 0 && losing.size === 0) log.info('traces arrive again');
  };
}

export interface OpenedTraces {
  readonly traces?: Traces;
  /** One line each, for people. */
  readonly warnings: readonly string[];
}

export async function openTraces(): Promise<OpenedTraces> {
  const { enabled, warnings } = chooseTraces(process.env);
  if (!enabled) return { warnings };
  // Only who is traced pays for loading the SDK, which reads the rest of the variables itself.
  const { createTraces } = await import('../observe/tracing.ts');
  return { traces: createTraces(), warnings };
}
