// Traces, where the environment asks for them.
import { chooseTraces } from '../../config/traces.ts';
import type { Traces } from '../observe/tracing.ts';

/** How long the last traces of a server that stops may take, in milliseconds. */
export const LAST_TRACES_MS = 3_000;

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
