// Under which scheme and host a client came here. A header may say so only if a proxy that is trusted sent it.
import type { IncomingMessage } from 'node:http';
import type { BlockList } from 'node:net';
import { isTrusted } from './client-address.ts';
import { hostOf } from './protocol.ts';

export type ClientOrigin = (request: IncomingMessage) => string;

/** A host and a port, and nothing that could end a quoted text or begin a path. */
const HOST = /^(?:[A-Za-z0-9._-]{1,255}|\[[0-9A-Fa-f:.]{2,45}\])(?::\d{1,5})?$/;

export function createClientOrigin(trustedProxies: BlockList): ClientOrigin {
  return (request) => {
    const believes = isTrusted(trustedProxies, request.socket.remoteAddress ?? '');
    const said = believes ? lastOf(request.headers['x-forwarded-proto']) : undefined;
    const scheme = said === 'https' || said === 'http' ? said : isEncrypted(request) ? 'https' : 'http';
    const host =
      (believes ? lastOf(request.headers['x-forwarded-host']) : undefined) ?? hostOf(request) ?? '';
    return `${scheme}://${HOST.test(host) ? host : 'localhost'}`;
  };
}

function isEncrypted({ socket }: IncomingMessage): boolean {
  return 'encrypted' in socket && socket.encrypted === true;
}

function lastOf(header: string | readonly string[] | undefined): string | undefined {
  const text = typeof header === 'string' ? header : header?.at(-1);
  return text?.split(',').at(-1)?.trim();
}
