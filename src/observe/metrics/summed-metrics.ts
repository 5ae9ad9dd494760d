// The figures of a server that consists of several processes: those of all of them as one.
import { AggregatorRegistry, type MetricObjectWithValues, type MetricValue } from 'prom-client';
import type { MetricsPage } from './metrics.ts';

export interface SummedMetrics {
  /** All figures together, in the text format of Prometheus. */
  page(): Promise<MetricsPage>;
  /** A process is gone. What it has counted stays counted, as far as is known; its gauges are gone with it. */
  gone(process: object): void;
}

type Figures = MetricObjectWithValues<MetricValue<string>>[];

/** What only grows. A sum that fell would look like one that began anew. */
const COUNTED: ReadonlySet<unknown> = new Set(['counter', 'histogram', 'summary']);
/** How long figures of another process are waited for; one that does not answer is left at what it said last. */
const ANSWER_MS = 2_000;

/**
 * @param own the figures of this process
 * @param others the processes there are now, and what gives their figures
 */
export function sumMetrics(
  own: () => Promise<unknown>,
  others: () => ReadonlyMap<object, () => Promise<unknown>>,
): SummedMetrics {
  const latest = new Map<object, Figures>();
  let past: Promise<Figures> = Promise.resolve([]);

  async function ask(process: object, figures: () => Promise<unknown>): Promise<void> {
    const answer = await Promise.race([figures(), late(ANSWER_MS)]).catch(() => undefined);
    if (isFigures(answer) && others().has(process)) latest.set(process, answer);
  }

  return {
    async page() {
      const mine = ofThisProcess(await own());
      await Promise.all([...others()].map(([process, figures]) => ask(process, figures)));
      const sum = AggregatorRegistry.aggregate([mine, ...latest.values(), await past]);
      return { contentType: sum.contentType, text: await sum.metrics() };
    },

    gone(process) {
      const last = latest.get(process) ?? [];
      latest.delete(process);
      const counted = last.filter(({ type }) => COUNTED.has(type));
      past = past.then((before) => add(before, counted));
    },
  };
}

/** What cannot be summed, when a process began, is told of the one that has begun the others: it goes by the first that has it. */
function ofThisProcess(figures: unknown): Figures {
  if (!isFigures(figures)) return [];
  return figures.map((figure) =>
    figure.aggregator === 'omit' ? { ...figure, aggregator: 'first' } : figure,
  );
}

function add(...all: Figures[]): Promise<Figures> {
  return AggregatorRegistry.aggregate(all).getMetricsAsJSON();
}

function late(ms: number): Promise<undefined> {
  return new Promise((resolve) => void setTimeout(resolve, ms, undefined).unref());
}

function isFigures(value: unknown): value is Figures {
  return Array.isArray(value);
}
