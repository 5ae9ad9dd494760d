// Pulls one blob and drops its bytes; whether they are the right ones is checked apart, outside the clock (digest.ts).
import { openConnection, WrongAnswer } from './connection.ts';

/** On a connection of its own. Throws `WrongAnswer`, also if the blob is not `size` bytes long. */
export async function pullBlob(url: string, repository: string, digest: string, size: number): Promise<void> {
  const connection = await openConnection(url, 1024 * 1024);
  try {
    const answer = await connection.exchange({
      method: 'GET',
      target: `/v2/${repository}/blobs/${digest}`,
      status: 200,
    });
    if (answer.bodyBytes !== size)
      throw new WrongAnswer(`${digest} has ${answer.bodyBytes} bytes, not ${size}`);
  } finally {
    connection.close();
  }
}
