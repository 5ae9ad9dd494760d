// Pushes one blob as docker does: POST, one PATCH with the whole blob as a stream, an empty PUT.
import { type Connection, WrongAnswer } from './connection.ts';
import type { PreparedBlob } from './content.ts';

/** Throws `WrongAnswer`, also if the registry counted other bytes than were sent. */
export async function pushBlob(
  connection: Connection,
  repository: string,
  blob: PreparedBlob,
): Promise<void> {
  const opened = await connection.exchange({
    method: 'POST',
    target: `/v2/${repository}/blobs/uploads/`,
    headers: { 'Content-Length': '0' },
    status: 202,
  });
  const appended = await connection.exchange({
    method: 'PATCH',
    target: locationOf(opened.headers),
    headers: { 'Transfer-Encoding': 'chunked' },
    body: blob.body,
    status: 202,
  });
  const range = appended.headers.get('range');
  if (range !== `0-${blob.size - 1}`) {
    throw new WrongAnswer(`a PATCH of ${blob.size} bytes was answered with the Range ${range}`);
  }
  const location = locationOf(appended.headers);
  const closed = await connection.exchange({
    method: 'PUT',
    target: `${location}${location.includes('?') ? '&' : '?'}digest=${encodeURIComponent(blob.digest)}`,
    headers: { 'Content-Length': '0' },
    status: 201,
  });
  checkReported(closed.headers, blob.digest);
}

/** Throws `WrongAnswer` for another digest than that of what was pushed. To report one is up to the registry. */
export function checkReported(headers: ReadonlyMap<string, string>, digest: string): void {
  const reported = headers.get('docker-content-digest') ?? digest;
  if (reported !== digest) throw new WrongAnswer(`a PUT of ${digest} was answered with ${reported}`);
}

function locationOf(headers: ReadonlyMap<string, string>): string {
  const location = headers.get('location');
  if (location === undefined) throw new WrongAnswer('an upload was answered without Location');
  return location;
}
