// Whether Redis is there: what the events of its client come down to.
import type { EventEmitter } from 'node:events';
import { RedisRefusedError } from './coordination.ts';
import { explainRefusal } from './redis-refusal.ts';

export type ConnectionState = 'up' | 'down';
export type ChangeListener = (state: ConnectionState, error?: Error) => void;

export interface ConnectionWatch {
  /**
   * Resolves to the state as soon as there is one; after so many milliseconds it is `down`. Throws RedisRefusedError if Redis
   * did not let this server in by then.
   */
  firstState(limitMs: number): Promise<ConnectionState>;
  /** Hears of every change from now on. */
  onChange(listener: ChangeListener): void;
  /** From now on nobody hears anything. */
  end(): void;
}

export function watchConnection(client: EventEmitter): ConnectionWatch {
  let state: ConnectionState | undefined;
  let lastError: Error | undefined;
  let refusal: RedisRefusedError | undefined;
  let listeners: readonly ChangeListener[] = [];
  const known = Promise.withResolvers<void>();

  function change(next: ConnectionState): void {
    known.resolve();
    if (next === state) return;
    state = next;
    for (const listener of listeners) listener(next, next === 'down' ? lastError : undefined);
  }

  // Stays as long as the client: an error that nobody listens to would end the process.
  client.on('error', (error: Error) => {
    lastError = error;
    const explanation = explainRefusal(error);
    if (explanation === undefined) return;
    refusal = new RedisRefusedError(explanation, { cause: error });
    known.resolve();
  });
  client.on('ready', () => change('up'));
  client.on('close', () => change('down'));

  return {
    async firstState(limitMs) {
      const timer = setTimeout(() => change('down'), limitMs);
      await known.promise;
      clearTimeout(timer);
      if (refusal !== undefined) throw refusal;
      return state ?? 'down';
    },
    onChange(listener) {
      listeners = [...listeners, listener];
    },
    end() {
      listeners = [];
    },
  };
}
