// A client of the crash test: pushes, mounts, tags and deletes what is its own, one thing after the other, until the server
// is gone. Several of them share the repositories, some contents and one tag.
import { type Algorithm, digestOf, mediaTypes } from '../support/sample-image.ts';
import { type Cell, HERE } from './ledger.ts';
import type { Random } from './random.ts';
import { blobCell, cancelUpload, openUpload, pushBlob, sendChunk } from './uploads.ts';
import { assertStatus, type Line, type PushedManifest, ServerGone, type World } from './world.ts';

export interface Writer {
  /** Writes until the server is gone. Rejects when the server answers what it must not. */
  write(line: Line): Promise<void>;
  /** Requests that were acknowledged so far. */
  acknowledged(): number;
}

const SHARED_TAG = 'moving';
const OWN_TAGS = 4;
/** Contents that several writers push, at the same time too. */
const SHARED_CONTENTS = 20;
/** How many of its latest things a writer still touches. */
const REMEMBERED = 30;

const manifestCell = (repository: string, name: string): Cell => ({ kind: 'manifest', repository, name });
const tagCell = (repository: string, name: string): Cell => ({ kind: 'tag', repository, name });

export function createWriter(world: World, random: Random, number: number): Writer {
  const { ledger } = world;
  const looseBlobs: Cell[] = [];
  const manifests: PushedManifest[] = [];
  let acknowledged = 0;

  const anyRepository = () => random.pick(world.repositories) ?? '';
  const content = () => random.bytes(random.percent(5) ? random.integer(1e6, 2e6) : random.integer(1, 40_000));
  const ownTag = () => `own-${number}-${random.integer(1, OWN_TAGS)}`;

  async function pushLooseBlob(line: Line): Promise<void> {
    remember(looseBlobs, await pushBlob(world, line, random, anyRepository(), content()));
  }

  async function pushSharedContent(line: Line): Promise<void> {
    const shared = Buffer.alloc(10_000, `shared ${random.integer(1, SHARED_CONTENTS)} `);
    await pushBlob(world, line, random, anyRepository(), shared);
  }

  async function mountBlob(line: Line): Promise<void> {
    const source = random.pick(looseBlobs.filter((cell) => ledger.settled(cell) === HERE));
    const repository = anyRepository();
    if (source === undefined || source.repository === repository) return;
    const target = blobCell(repository, source.name);
    const change = ledger.begin(target, HERE);
    const path = `/v2/${repository}/blobs/uploads/?mount=${source.name}&from=${source.repository}`;
    assertStatus(await line('POST', path), 201, path);
    change.acknowledge();
    remember(looseBlobs, target);
  }

  async function removeBlob(line: Line): Promise<void> {
    const cell = random.pick(looseBlobs.filter((known) => ledger.settled(known) === HERE));
    if (cell === undefined) return;
    const change = ledger.begin(cell, undefined);
    const path = `/v2/${cell.repository}/blobs/${cell.name}`;
    assertStatus(await line('DELETE', path), 202, path);
    change.acknowledge();
  }

  async function pushImage(line: Line, subject?: PushedManifest): Promise<void> {
    const repository = subject?.repository ?? anyRepository();
    const config = await pushBlob(world, line, random, repository, content());
    const layer = await pushBlob(world, line, random, repository, content());
    const sizes = (cell: Cell) => sizesByDigest.get(cell.name) ?? 0;
    const describe = (cell: Cell, mediaType: string) => ({ mediaType, digest: cell.name, size: sizes(cell) });
    const bytes = Buffer.from(
      JSON.stringify({
        schemaVersion: 2,
        mediaType: mediaTypes.manifest,
        ...(subject && { artifactType: 'application/vnd.berth.test' }),
        config: describe(config, mediaTypes.config),
        layers: [describe(layer, mediaTypes.layer)],
        ...(subject && {
          subject: { mediaType: subject.mediaType, digest: subject.digest, size: subject.bytes.length },
        }),
      }),
    );
    void bytes;
  }

  return {
    acknowledged: () => acknowledged,
    async write(line) {
      void line;
    },
  };
}
