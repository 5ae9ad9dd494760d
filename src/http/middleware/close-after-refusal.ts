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
    const rest = drain(req);
    if (res.writableFinished) rest.answered();
    else onceSent(res, rest.answered);
  };
}

/**
 * Reads from now on, so that every byte counts: what nobody has begun to read when the answer is sent, Node reads to its end
 * and throws away. Closing before the answer is sent, or with unread bytes waiting, would take the answer with it.
 */
function drain(req: IncomingMessage): { readonly answered: () => void } {
  let received = 0;
  let isAnswered = false;
  let timer: NodeJS.Timeout | undefined;
  req.once('end', () => clearTimeout(timer));
  req.on('data', (chunk: Buffer) => {
    received += chunk.length;
    if (received <= MOST_BYTES) return;
    if (isAnswered) cutRest(req);
    else req.pause();
  });
  req.resume();
  req.read(0);
  return {
    answered() {
      isAnswered = true;
      if (req.complete) return;
      if (received > MOST_BYTES) cutRest(req);
      // If the connection ends before, there is nothing left to cut; nobody waits for the timer then.
      else timer = setTimeout(() => cutRest(req), LONGEST_MS).unref();
    },
  };
}
