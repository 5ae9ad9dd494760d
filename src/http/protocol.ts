// What differs between a request over HTTP/1.1, which has its connection for itself, and one over HTTP/2, which has a
// stream on a connection that it shares.
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { ServerHttp2Stream } from 'node:http2';

/** Error codes of HTTP/2 (RFC 9113, section 7). node:http2 is loaded only where it is spoken: it takes 10 MB. */
const NO_ERROR = 0;
const INTERNAL_ERROR = 2;
const CANCEL = 8;

/** Whether there is no body, or an empty one. Over HTTP/2 a body needs no header that says so. */
export function hasEmptyBody(request: IncomingMessage): boolean {
  const { 'content-length': length, 'transfer-encoding': encoding } = request.headers;
  const stream = streamOf(request);
  if (stream !== undefined) return stream.endAfterHeaders || (length !== undefined && Number(length) === 0);
  return encoding === undefined && (length === undefined || Number(length) === 0);
}

/** Whether a body whose end was read has none: a stream that was reset before its answer ends like one that is complete. */
export function wasBrokenOff(request: IncomingMessage): boolean {
  const stream = streamOf(request);
  return stream !== undefined && (stream.closed || stream.destroyed || stream.aborted);
}

/** Whether nobody is there any more to take an answer. */
export function isGone(response: ServerResponse): boolean {
  const stream = streamOf(response);
  return stream === undefined ? response.destroyed : stream.closed || stream.destroyed;
}

/** Whether the answer went out whole. */
export function isAnswered(response: ServerResponse): boolean {
  return response.writableFinished && (streamOf(response)?.rstCode ?? 0) === 0;
}

/** Ends an answer so that the part of it that was sent cannot be taken for the whole. */
export function cutAnswer(response: ServerResponse): void {
  const stream = streamOf(response);
  if (stream === undefined) response.destroy();
  else stream.close(INTERNAL_ERROR);
}

/** Ends a request whose body is not waited for any longer. Whoever reads it gets the error. */
export function cutRequest(request: IncomingMessage, error: Error): void {
  streamOf(request)?.close(CANCEL);
  request.destroy(error);
}

/** Calls back when the last of an answer was given away. Over HTTP/2 the response itself waits for the end of the request. */
export function onceSent(response: ServerResponse, then: () => void): void {
  (streamOf(response) ?? response).once('finish', then);
}

/** Lets the rest of a body that was refused already go to nobody. Over HTTP/2 other requests go on beside it. */
export function cutRest(request: IncomingMessage): void {
  const stream = streamOf(request);
  if (stream === undefined) request.socket.destroy();
  else stream.close(NO_ERROR);
}

/** The name that the client calls the server by. */
export function hostOf(request: IncomingMessage): string | undefined {
  const authority = request.headers[':authority'];
  return request.headers.host ?? (typeof authority === 'string' ? authority : undefined);
}

/** Over HTTP/2 Node hands out messages of its own classes, which pass for those of HTTP/1.1 and have a stream as well. */
function streamOf(message: IncomingMessage | ServerResponse): ServerHttp2Stream | undefined {
  return (message as Partial<Http2Message>).stream;
}

interface Http2Message {
  readonly stream: ServerHttp2Stream;
}
