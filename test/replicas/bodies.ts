// A request whose body comes when the test wants it.
import { once } from 'node:events';
import { type ClientRequest, request } from 'node:http';
import { text } from 'node:stream/consumers';

export interface SlowRequest {
  /** Resolves when the bytes were handed to the system. */
  send(bytes: Uint8Array): Promise<void>;
  /** Sends the rest and resolves to the answer; to status 0 if the connection broke instead. */
  end(bytes?: Uint8Array): Promise<SlowAnswer>;
  /** Breaks the connection. */
  abort(): void;
}

export interface SlowAnswer {
  readonly status: number;
  readonly headers: NodeJS.Dict<string | string[]>;
  readonly body: string;
}

/** Begins a request with a body of unknown length. The path is relative to the registry at the URL. */
export async function beginRequest(url: string, method: string, path: string): Promise<SlowRequest> {
  const headers = { 'content-type': 'application/octet-stream' };
  const outgoing = request(new URL(path, url), { method, headers });
  // On a connection that is used again nothing would leave before there are bytes.
  outgoing.flushHeaders();
  const answer = answerTo(outgoing);
  return {
    send: (bytes) =>
      new Promise((resolve, reject) => {
        outgoing.write(bytes, (error) => (error ? reject(error) : resolve()));
      }),
    async end(bytes) {
      outgoing.end(bytes);
      return answer;
    },
    abort: () => void outgoing.destroy(),
  };
}

async function answerTo(outgoing: ClientRequest): Promise<SlowAnswer> {
  try {
    const [response] = await once(outgoing, 'response');
    const { statusCode: status = 0, headers } = response;
    return { status, headers, body: await text(response) };
  } catch (error) {
    return { status: 0, headers: {}, body: String(error) };
  } finally {
    // A connection may break once more while it is taken down.
    outgoing.on('error', () => undefined);
  }
}
