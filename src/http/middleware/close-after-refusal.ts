// A refused upload may still be coming in, for hours. Its sender gets the chance to read the refusal, and no more.
import type { IncomingMessage } from 'node:http';
import type { Middleware } from 'koa';
import type { RequestState } from '../context.ts';
import { cutRest, hasEmptyBody, onceSent } from '../protocol.ts';

/** What is read and thrown away of a body that nobody wants, so that the connection may be used again. */
const MOST_BYTES = 1024 * 1024;
const LONGEST_MS = 5_000;

export function closeAfterRefusal(): Middleware<RequestState> {
  return async function closeAfterRefusal(ctx, next) {
    await next();
    const { req, res } = ctx;
    if (req.complete || hasEmptyBody(req)) return;
    onceSent(res, () => drain(req));
  };
}

/** Closing at once, with unread bytes waiting, would reset the connection and take the answer with it. */
function drain(req: IncomingMessage): void {
  let received = 0;
  const cut = () => cutRest(req);
  // If the connection ends before, there is nothing left to cut; nobody waits for the timer then.
  const timer = setTimeout(cut, LONGEST_MS).unref();
  req.once('end', () => clearTimeout(timer));
  req.on('data', (chunk: Buffer) => {
    received += chunk.length;
    if (received > MOST_BYTES) cut();
  });
  req.resume();
}
