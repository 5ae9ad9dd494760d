// Somebody who is told of events, and of which.
import type { RegistryEvent } from './event.ts';
import type { EventFormat } from './formats.ts';

export interface EventEndpoint {
  /** Differs from that of every other endpoint; under it the store remembers how far it was told. */
  readonly name: string;
  readonly url: string;
  readonly headers: Readonly<Record<string, readonly string[]>>;
  /** Milliseconds that one attempt may take. */
  readonly timeout: number;
  /** Failures in a row after which it is said in the log. */
  readonly threshold: number;
  /** Milliseconds before the first repetition; each further one waits twice as long, up to a minute. */
  readonly backoff: number;
  readonly ignore: { readonly mediatypes: readonly string[]; readonly actions: readonly string[] };
  readonly format: EventFormat;
  readonly secret?: string | undefined;
}

export function wants({ ignore }: Pick<EventEndpoint, 'ignore'>, { action, target }: RegistryEvent): boolean {
  if (ignore.actions.includes(action)) return false;
  return target.mediaType === undefined || !ignore.mediatypes.includes(target.mediaType);
}
