// The contract of a row of the bench: one kind of load, and the figures it gives.
import type { Target } from '../targets.ts';

export interface Metric {
  readonly name: string;
  readonly title: string;
  readonly unit: string;
  /** Which of two figures is the good one. */
  readonly better: 'more' | 'less';
}

/** By the name of the metric. One that is missing could not be taken. */
export type Readings = Readonly<Record<string, number | undefined>>;

export interface Row {
  readonly name: string;
  readonly metrics: readonly Metric[];
  /** Whether the row can also be run on a bucket without a registry. */
  readonly onBuckets?: true;
  /** Whether the row is for registries alone that have a twin which asks for a login. */
  readonly needsLogin?: true;
  /** Puts in place what the row reads; also warms the registry up. Outside the clock. Throws `WrongAnswer`. */
  prepare(target: Target): Promise<void>;
  /** One round. Throws `WrongAnswer`. */
  measure(target: Target, round: number): Promise<Readings>;
  /** Whether the bytes that the row pulled are the right ones; after the last round. Throws `WrongAnswer`. */
  verify?(target: Target): Promise<void>;
}
