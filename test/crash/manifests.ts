// Pushes and deletes of manifests and tags, with everything noted in the ledger.
import { type Algorithm, digestOf, mediaTypes } from '../support/sample-image.ts';
import { type Cell, HERE } from './ledger.ts';
import { assertStatus, type Line, type PushedManifest, type World } from './world.ts';

export const manifestCell = (repository: string, name: string): Cell => ({
  kind: 'manifest',
  repository,
  name,
});
export const tagCell = (repository: string, name: string): Cell => ({ kind: 'tag', repository, name });

export interface Parts {
  readonly config: Part;
  readonly layer: Part;
  readonly subject?: PushedManifest;
}

interface Part {
  readonly digest: string;
  readonly size: number;
}

export function makeManifest(repository: string, { config, layer, subject }: Parts, algorithm: Algorithm) {
  const bytes = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: mediaTypes.manifest,
      config: { mediaType: mediaTypes.config, ...config },
      layers: [{ mediaType: mediaTypes.layer, ...layer }],
      ...(subject && {
        subject: { mediaType: subject.mediaType, digest: subject.digest, size: subject.bytes.length },
      }),
    }),
  );
  const manifest: PushedManifest = {
    repository,
    digest: digestOf(bytes, algorithm),
    mediaType: mediaTypes.manifest,
    bytes,
    blobs: [config.digest, layer.digest],
    ...(subject && { subject: subject.digest }),
  };
  return manifest;
}

/** Pushes the manifest under one tag, or under its digest and all of the tags; a sha512 one only under its digest. */
export async function putManifest(
  world: World,
  line: Line,
  manifest: PushedManifest,
  tags: readonly string[],
): Promise<void> {
  const { repository, digest, bytes, mediaType } = manifest;
  world.manifests.set(`${repository} ${digest}`, manifest);
  const changes = [
    world.ledger.begin(manifestCell(repository, digest), HERE),
    ...tags.map((tag) => world.ledger.begin(tagCell(repository, tag), digest)),
  ];
  const [only, ...others] = tags;
  const byTag = only !== undefined && others.length === 0 && digest.startsWith('sha256:');
  const query = byTag || tags.length === 0 ? '' : `?${tags.map((tag) => `tag=${tag}`).join('&')}`;
  const path = `/v2/${repository}/manifests/${byTag ? only : digest}${query}`;
  const answer = await line('PUT', path, { headers: { 'content-type': mediaType }, body: bytes });
  assertStatus(answer, 201, path);
  for (const change of changes) change.acknowledge();
}

/** Deletes the manifest, and with it those of the tags that are on it. */
export async function removeManifest(
  world: World,
  line: Line,
  { repository, digest }: PushedManifest,
  tags: readonly string[],
): Promise<void> {
  const gone = [manifestCell(repository, digest)];
  for (const tag of tags) {
    const cell = tagCell(repository, tag);
    if (world.ledger.settled(cell) === digest) gone.push(cell);
  }
  await remove(world, line, gone, `/v2/${repository}/manifests/${digest}`);
}

export async function removeTag(world: World, line: Line, cell: Cell): Promise<void> {
  await remove(world, line, [cell], `/v2/${cell.repository}/manifests/${cell.name}`);
}

async function remove(world: World, line: Line, cells: readonly Cell[], path: string): Promise<void> {
  const changes = cells.map((cell) => world.ledger.begin(cell, undefined));
  assertStatus(await line('DELETE', path), 202, path);
  for (const change of changes) change.acknowledge();
}
