// What the audit log says of callers and addresses: names that are printable, and never what proved them.
import type { Caller } from './caller.ts';

/** A caller for a log line. */
export function describeCaller({ kind, name, issuer }: Caller): object {
  return { kind, name: printable(name), ...(issuer !== undefined && { issuer }) };
}

/** A name from outside, as far as a log line can bear it. */
export function printable(name: string): string {
  return name.slice(0, 255).replace(/[^\x20-\x7e]/g, '?');
}
