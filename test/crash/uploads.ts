// Pushes of blobs, each in one of the ways that the specification has, with everything noted in the ledger.
import { type Algorithm, digestOf } from '../support/sample-image.ts';
import { type Cell, HERE } from './ledger.ts';
import type { Random } from './random.ts';
import { assertStatus, type Line, locationIn, type OpenUpload, type World, withDigest } from './world.ts';

export const blobCell = (repository: string, name: string): Cell => ({ kind: 'blob', repository, name });
export const uploadCell = ({ repository, location }: Pick<OpenUpload, 'repository' | 'location'>): Cell => ({
  kind: 'upload',
  repository,
  name: location,
});

/** Pushes the content in a way that the numbers choose. Resolves to its cell when it is acknowledged. */
export async function pushBlob(
  world: World,
  line: Line,
  random: Random,
  repository: string,
  content: Uint8Array,
): Promise<Cell> {
  const algorithm: Algorithm = random.percent(20) ? 'sha512' : 'sha256';
  const digest = digestOf(content, algorithm);
  if (random.percent(40)) return pushWhole(world, line, repository, digest, content);
  const upload = await openUpload(world, line, repository, digest, content);
  const chunks = random.integer(0, 3);
  for (let chunk = 0; chunk < chunks; chunk += 1) {
    await sendChunk(line, upload, random.integer(2, Math.ceil(content.length / 2) + 1));
  }
  return closeUpload(world, line, upload);
}

async function pushWhole(
  world: World,
  line: Line,
  repository: string,
  digest: string,
  content: Uint8Array,
): Promise<Cell> {
  const cell = blobCell(repository, digest);
  const change = world.ledger.begin(cell, HERE);
  const path = `/v2/${repository}/blobs/uploads/?digest=${digest}`;
  assertStatus(await line('POST', path, { body: content }), 201, path);
  change.acknowledge();
  return cell;
}

export async function openUpload(
  world: World,
  line: Line,
  repository: string,
  digest: string,
  content: Uint8Array,
): Promise<OpenUpload> {
  const answer = await line('POST', `/v2/${repository}/blobs/uploads/`);
  assertStatus(answer, 202, 'POST of an upload');
  const begun = world.ledger.begin(uploadCell({ repository, location: locationIn(answer) }), HERE);
  const upload = {
    repository,
    location: locationIn(answer),
    digest,
    content,
    begun,
    acknowledged: 0,
    sent: 0,
  };
  world.uploads.set(upload.location, upload);
  return upload;
}

/** Sends the next bytes, as many as there are up to `length`, after those that are acknowledged. */
export async function sendChunk(line: Line, upload: OpenUpload, length: number): Promise<void> {
  const start = upload.acknowledged;
  const chunk = upload.content.subarray(start, start + length);
  if (chunk.length === 0) return;
  upload.sent = start + chunk.length;
  const headers = { 'content-range': `${start}-${upload.sent - 1}` };
  assertStatus(await line('PATCH', upload.location, { headers, body: chunk }), 202, upload.location);
  upload.acknowledged = upload.sent;
  upload.begun.acknowledge();
}

/** Sends what is left with the PUT. */
export async function closeUpload(world: World, line: Line, upload: OpenUpload): Promise<Cell> {
  const cell = blobCell(upload.repository, upload.digest);
  const changes = [world.ledger.begin(cell, HERE), world.ledger.begin(uploadCell(upload), undefined)];
  const rest = upload.content.subarray(upload.acknowledged);
  upload.sent = upload.content.length;
  const answer = await line('PUT', withDigest(upload.location, upload.digest), { body: rest });
  if (answer.status !== 201) for (const change of changes) change.withdraw();
  assertStatus(answer, 201, upload.location);
  for (const change of changes) change.acknowledge();
  world.uploads.delete(upload.location);
  return cell;
}

export async function cancelUpload(world: World, line: Line, upload: OpenUpload): Promise<void> {
  const change = world.ledger.begin(uploadCell(upload), undefined);
  assertStatus(await line('DELETE', upload.location), 204, upload.location);
  change.acknowledge();
  world.uploads.delete(upload.location);
}
