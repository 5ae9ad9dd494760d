// Logins and tokens: how many, and how they ended. Never whose.
import { Counter, type Registry } from 'prom-client';

const LOGINS = ['succeeded', 'failed', 'limited'] as const;
const TOKENS = ['issued', 'refused'] as const;

export type LoginResult = (typeof LOGINS)[number];
export type TokenResult = (typeof TOKENS)[number];

export interface AccessMetrics {
  readonly onLogin: (result: LoginResult) => void;
  readonly onToken: (result: TokenResult) => void;
}

export function createAccessMetrics(registry: Registry): AccessMetrics {
  const logins = counter(registry, 'berth_logins_total', LOGINS, 'Logins with a password or a secret.');
  const tokens = counter(registry, 'berth_token_requests_total', TOKENS, 'Requests for a token.');
  return {
    onLogin: (result) => logins.inc({ result }),
    onToken: (result) => tokens.inc({ result }),
  };
}

/** Begins at 0 for each result, so that the first failure is seen as a change. */
function counter(registry: Registry, name: string, results: readonly string[], help: string) {
  const made = new Counter({ name, help, labelNames: ['result'], registers: [registry] });
  for (const result of results) made.inc({ result }, 0);
  return made;
}
