// Which functions a CPU profile (`node --cpu-prof`) says the time went to.
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';

export interface FunctionCost {
  /** Name and place. */
  readonly place: string;
  /** Of the time that was not idle, 0 to 1; without what it called. */
  readonly share: number;
}

const profileSchema = z.object({
  nodes: z.array(
    z.object({
      id: z.int(),
      callFrame: z.object({ functionName: z.string(), url: z.string(), lineNumber: z.int() }),
    }),
  ),
  samples: z.array(z.int()),
  timeDeltas: z.array(z.int()),
});

const IDLE = new Set(['(idle)', '(root)', '(program)']);

/** The `count` most expensive functions over all profiles in the directory; none if there are no profiles. */
export async function readTopCosts(directory: string, count: number): Promise<readonly FunctionCost[]> {
  const microseconds = new Map<string, number>();
  for (const name of await readdir(directory)) {
    if (!name.endsWith('.cpuprofile')) continue;
    addProfile(microseconds, JSON.parse(await readFile(join(directory, name), 'utf8')));
  }
  const total = microseconds.values().reduce((sum, value) => sum + value, 0);
  return [...microseconds]
    .sort(([, a], [, b]) => b - a)
    .slice(0, count)
    .map(([place, spent]) => ({ place, share: spent / total }));
}

export function formatCosts(costs: readonly FunctionCost[]): string {
  const lines = costs.map(({ place, share }) => `${(share * 100).toFixed(1).padStart(5)} %  ${place}`);
  return ["Berth's time, without idle, by function:", ...lines].join('\n');
}

function addProfile(microseconds: Map<string, number>, content: unknown): void {
  const { nodes, samples, timeDeltas } = profileSchema.parse(content);
  const places = new Map(nodes.map(({ id, callFrame }) => [id, callFrame]));
  for (const [index, id] of samples.entries()) {
    const frame = places.get(id);
    if (frame === undefined || IDLE.has(frame.functionName)) continue;
    const file = frame.url.replace(/^file:\/\/.*\/(?=[^/]+\/[^/]+$)/, '');
    const place = `${frame.functionName || '(anonymous)'} ${file}:${frame.lineNumber + 1}`;
    microseconds.set(place, (microseconds.get(place) ?? 0) + (timeDeltas[index] ?? 0));
  }
}
