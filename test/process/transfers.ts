// Transfers of large blobs that take no memory of their own.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import type { Socket } from 'node:net';

const WRITE_LENGTH = 64 * 1024;

/** Pushes a blob that consists of the parts, one after the other, as fast as the server takes it. */
export async function pushBlob(
  port: number,
  digest: string,
  parts: Iterable<Uint8Array>,
  size: number,
): Promise<void> {
  const push = request({
    host: '127.0.0.1',
    port,
    method: 'POST',
    path: `/v2/app/blobs/uploads/?digest=${digest}`,
    headers: { 'content-length': size },
    agent: false,
  });
  const answered = once(push, 'response');
  for (const part of parts) {
    for (let start = 0; start < part.length; start += WRITE_LENGTH) {
      if (!push.write(part.subarray(start, start + WRITE_LENGTH))) await once(push, 'drain');
    }
  }
  push.end();
  const [answer] = (await answered) as [IncomingMessage];
  answer.resume();
  assert.equal(answer.statusCode, 201);
}

/** Pulls a blob to its end; resolves to its size. */
export async function readAll(port: number, digest: string): Promise<number> {
  let size = 0;
  for await (const chunk of await get(port, digest)) size += chunk.length;
  return size;
}

/** Takes the head of the answer and leaves the rest in the buffers on the way. The connection stays open. */
export async function readHead(port: number, digest: string): Promise<Socket> {
  const response = await get(port, digest);
  response.pause();
  return response.socket;
}

async function get(port: number, digest: string): Promise<IncomingMessage> {
  const pull = request({ host: '127.0.0.1', port, path: `/v2/app/blobs/${digest}`, agent: false }).end();
  const [response] = (await once(pull, 'response')) as [IncomingMessage];
  assert.equal(response.statusCode, 200);
  return response;
}
