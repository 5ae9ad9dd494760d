// Compares a registry that was just started with the ledger. Nobody may write meanwhile.
import assert from 'node:assert/strict';
import pMap from 'p-map';
import { digestOf } from '../support/sample-image.ts';
import { type Cell, HERE, type State } from './ledger.ts';
import type { Random } from './random.ts';
import { closeUpload, sendChunk, uploadCell } from './uploads.ts';
import { type Answer, isRefusal, type Line, type OpenUpload, type World } from './world.ts';

const CONCURRENT_REQUESTS = 8;
const SAMPLE = 20;

/** Looks at what was in doubt and at some of what was not. Only uploads are in doubt afterwards. */
export async function auditSome(world: World, line: Line, random: Random): Promise<void> {
  const cells = world.ledger.cells();
  const inDoubt = cells.filter((cell) => world.ledger.settled(cell) === 'in doubt');
  const sample = Array.from({ length: SAMPLE }, () => random.pick(cells)).filter(
    (cell) => cell !== undefined,
  );
  await checkCells(world, line, [...inDoubt, ...sample]);
  const repository = random.pick(world.repositories) ?? '';
  await checkTagList(world, line, repository);
  await resumeUploads(world, line, random, 70);
}

/** Looks at everything, byte by byte, and finishes every upload. */
export async function auditAll(world: World, line: Line, random: Random): Promise<void> {
  await checkCells(world, line, world.ledger.cells());
  for (const repository of world.repositories) await checkTagList(world, line, repository);
  await checkReferrers(world, line);
  await checkCatalog(world, line);
  await resumeUploads(world, line, random, 100);
}

async function checkCells(world: World, line: Line, cells: readonly Cell[]): Promise<void> {
  const check = async (cell: Cell) => world.ledger.observe(cell, await stateOf(world, line, cell));
  // Open uploads are looked at when they are resumed.
  const closed = cells.filter(({ name }) => !world.uploads.has(name));
  await pMap(new Set(closed), check, { concurrency: CONCURRENT_REQUESTS });
}

async function stateOf(world: World, line: Line, { kind, repository, name }: Cell): Promise<State> {
  if (kind === 'upload') return isFound(await line('GET', name), 204) ? HERE : undefined;
  const path = `/v2/${repository}/${kind === 'blob' ? 'blobs' : 'manifests'}/${name}`;
  const answer = await line('GET', path);
  if (!isFound(answer, 200)) return undefined;
  if (kind === 'tag') {
    const digest = answer.headers.get('docker-content-digest') ?? '';
    assert.equal(digestAs(digest, answer.body), digest, `${path}: other bytes`);
    return digest;
  }
  assert.equal(digestAs(name, answer.body), name, `${path}: other bytes`);
  if (kind === 'manifest') await checkBlobsOf(world, line, repository, name);
  return HERE;
}

/** What a manifest names was never deleted, so that all of it has to be there. */
async function checkBlobsOf(world: World, line: Line, repository: string, digest: string): Promise<void> {
  for (const blob of world.manifests.get(`${repository} ${digest}`)?.blobs ?? []) {
    const { status } = await line('HEAD', `/v2/${repository}/blobs/${blob}`);
    assert.equal(status, 200, `manifest ${digest} of ${repository} names ${blob}`);
  }
}

async function checkTagList(world: World, line: Line, repository: string): Promise<void> {
  const answer = await line('GET', `/v2/${repository}/tags/list`);
  const listed = isFound(answer, 200) ? listIn(answer.body, 'tags') : [];
  const expected = world.ledger.present('tag', repository).map((cell) => cell.name);
  assert.deepEqual(listed, expected.sort(), `tags of ${repository}`);
}

async function checkReferrers(world: World, line: Line): Promise<void> {
  const expected = new Map<string, string[]>();
  for (const { repository, digest, subject } of world.manifests.values()) {
    if (subject === undefined) continue;
    const path = `/v2/${repository}/referrers/${subject}`;
    const known = expected.get(path) ?? [];
    expected.set(path, known);
    if (world.ledger.settled({ kind: 'manifest', repository, name: digest }) === HERE) known.push(digest);
  }
  const check = async ([path, digests]: readonly [string, string[]]) => {
    const entries = listIn((await line('GET', path)).body, 'manifests');
    assert.deepEqual(
      entries.map((entry) => Reflect.get(Object(entry), 'digest')),
      digests.sort(),
      path,
    );
  };
  await pMap(expected, check, { concurrency: CONCURRENT_REQUESTS });
}

async function checkCatalog(world: World, line: Line): Promise<void> {
  const listed = listIn((await line('GET', '/v2/_catalog?n=1000')).body, 'repositories');
  const { ledger } = world;
  for (const repository of world.repositories) {
    const content = [...ledger.present('blob', repository), ...ledger.present('manifest', repository)];
    if (content.length > 0) assert.ok(listed.includes(repository), `${repository} is not in the catalog`);
  }
  for (const repository of listed) {
    const { status } = await line('GET', `/v2/${repository}/tags/list`);
    assert.equal(status, 200, `tags of ${repository}, which is in the catalog`);
  }
}

/** Goes on with open uploads, where the registry says that they stand, as a client does that comes back. */
async function resumeUploads(world: World, line: Line, random: Random, percent: number): Promise<void> {
  // Those without a byte may be gone: nobody goes on with them before that is known.
  const chosen = [...world.uploads.values()].filter(
    ({ acknowledged }) => acknowledged === 0 || random.percent(percent),
  );
  await pMap(chosen, (upload) => resume(world, line, upload, random.percent(50)), { concurrency: 4 });
}

async function resume(world: World, line: Line, upload: OpenUpload, inTwoSteps: boolean): Promise<void> {
  const cell = uploadCell(upload);
  const mayBeClosed = world.ledger.possible(cell).has(undefined);
  const status = await line('GET', upload.location);
  if (!isFound(status, 204)) {
    world.ledger.observe(cell, undefined);
    world.uploads.delete(upload.location);
    return;
  }
  const size = sizeIn(status.headers.get('range'));
  const { acknowledged, sent } = upload;
  assert.ok(size >= acknowledged, `${upload.location}: ${size} of ${acknowledged} acknowledged bytes`);
  assert.ok(size <= sent, `${upload.location}: ${size} bytes, of which ${sent} were sent`);
  upload.acknowledged = size;
  try {
    if (inTwoSteps) await sendChunk(line, upload, Math.ceil((upload.content.length - size) / 2));
    await closeUpload(world, line, upload);
  } catch (error) {
    // Its bytes may be a blob already, and the crash have come before the session was forgotten.
    if (!mayBeClosed || !isRefusal(error, 404)) throw error;
    world.ledger.forget(cell);
    world.uploads.delete(upload.location);
  }
}

/** Bytes that an upload holds. `0-0` stands for none, since no chunk has a single byte. */
function sizeIn(range: string | null): number {
  const end = Number(/^0-(\d+)$/.exec(range ?? '')?.[1]);
  assert.ok(Number.isSafeInteger(end), `Range: ${range}`);
  return end === 0 ? 0 : end + 1;
}

/** Whether the answer has the status; otherwise it has to be 404. */
function isFound({ status, body }: Answer, expected: number): boolean {
  assert.ok(status === expected || status === 404, `${status} ${Buffer.from(body)}`);
  return status === expected;
}

function digestAs(name: string, content: Uint8Array): string {
  return digestOf(content, name.startsWith('sha512:') ? 'sha512' : 'sha256');
}

function listIn(body: Uint8Array, field: string): unknown[] {
  const value: unknown = Reflect.get(Object(JSON.parse(Buffer.from(body).toString())), field);
  assert.ok(Array.isArray(value), `${field}: ${Buffer.from(body)}`);
  return value;
}
