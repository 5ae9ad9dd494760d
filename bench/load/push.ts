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
  const digest = closed.headers.get('docker-content-digest');
  if (digest !== undefined && digest !== blob.digest)
    throw new WrongAnswer(`a PUT of ${blob.digest} was answered with ${digest}`);
}

function locationOf(headers: ReadonlyMap<string, string>): string {
  const location = headers.get('location');
  if (location === undefined) throw new WrongAnswer('an upload was answered without Location');
  return location;
}
