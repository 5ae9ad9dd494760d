// By what a receiver knows that an event came from here, and when: HMAC-SHA256 over the time and the body, with the secret that
// both have.
import { createHmac } from 'node:crypto';

/**
 * `Berth-Timestamp`: seconds since 1970. `Berth-Signature`: `sha256=` and the hexadecimal HMAC of the timestamp, a full stop and
 * the body. Whoever checks it compares without telling where the two differ, and refuses times that are long ago.
 */
export function signatureHeaders(
  secret: string,
  body: string,
  now: Date,
): Readonly<Record<'berth-timestamp' | 'berth-signature', string>> {
  const timestamp = String(Math.floor(now.getTime() / 1000));
  const signature = createHmac('sha256', secret).update(`${timestamp}.${body}`).digest('hex');
  return { 'berth-timestamp': timestamp, 'berth-signature': `sha256=${signature}` };
}
