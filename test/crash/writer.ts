// A client of the crash test: pushes, mounts, tags and deletes what is its own, one thing after the other, until the server
// is gone. Several of them share the repositories, some contents and one tag.
import { digestOf } from '../support/sample-image.ts';
import { type Cell, HERE } from './ledger.ts';
import { makeManifest, manifestCell, putManifest, removeManifest, removeTag, tagCell } from './manifests.ts';
import type { Random } from './random.ts';
import { blobCell, cancelUpload, openUpload, pushBlob, sendChunk } from './uploads.ts';
import { assertStatus, type Line, type PushedManifest, ServerGone, type World } from './world.ts';

export interface Writer {
  /** Writes until the server is gone; resolves to how many things were done. Rejects when it answers what it must not. */
  write(line: Line): Promise<number>;
}

const SHARED_TAG = 'moving';
const OWN_TAGS = 4;
/** Contents that several writers push, at the same time too. */
const SHARED_CONTENTS = 20;
/** How many of its latest things a writer still touches. */
const REMEMBERED = 30;

export function createWriter(world: World, random: Random, number: number): Writer {
  const { ledger } = world;
  const ownTags = Array.from({ length: OWN_TAGS }, (_, index) => `own-${number}-${index}`);
  const looseBlobs: Cell[] = [];
  const images: PushedManifest[] = [];
  const actions: readonly (readonly [weight: number, act: (line: Line) => Promise<void>])[] = [
    [20, pushLooseBlob],
    [6, pushSharedContent],
    [6, leaveUpload],
    [3, cancelOneUpload],
    [8, mountBlob],
    [6, removeBlob],
    [20, pushPlainImage],
    [10, pushReferrer],
    [10, moveTag],
    [6, moveSharedTag],
    [4, removeOwnTag],
    [4, removeImage],
  ];
  const total = actions.reduce((sum, [weight]) => sum + weight, 0);

  return {
    async write(line) {
      for (let done = 0; ; done += 1) {
        try {
          await chooseAction()(line);
        } catch (error) {
          if (error instanceof ServerGone) return done;
          throw error;
        }
      }
    },
  };

  function chooseAction(): (line: Line) => Promise<void> {
    let left = random.integer(1, total);
    for (const [weight, act] of actions) {
      left -= weight;
      if (left <= 0) return act;
    }
    return pushLooseBlob;
  }

  async function pushLooseBlob(line: Line): Promise<void> {
    remember(looseBlobs, await pushBlob(world, line, random, anyRepository(), content()));
  }

  async function pushSharedContent(line: Line): Promise<void> {
    const shared = Buffer.alloc(10_000, `shared ${random.integer(1, SHARED_CONTENTS)} `);
    await pushBlob(world, line, random, anyRepository(), shared);
  }

  async function leaveUpload(line: Line): Promise<void> {
    const bytes = content();
    const upload = await openUpload(world, line, anyRepository(), digestOf(bytes), bytes);
    await sendChunk(line, upload, random.integer(2, bytes.length));
  }

  async function cancelOneUpload(line: Line): Promise<void> {
    const bytes = content();
    const upload = await openUpload(world, line, anyRepository(), digestOf(bytes), bytes);
    if (random.percent(50)) await sendChunk(line, upload, bytes.length);
    await cancelUpload(world, line, upload);
  }

  async function mountBlob(line: Line): Promise<void> {
    const source = random.pick(looseBlobs.filter(isHere));
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
    const cell = random.pick(looseBlobs.filter(isHere));
    if (cell === undefined) return;
    const change = ledger.begin(cell, undefined);
    const path = `/v2/${cell.repository}/blobs/${cell.name}`;
    assertStatus(await line('DELETE', path), 202, path);
    change.acknowledge();
  }

  async function pushImage(line: Line, subject?: PushedManifest): Promise<PushedManifest> {
    const repository = subject?.repository ?? anyRepository();
    const parts = { config: await pushPart(line, repository), layer: await pushPart(line, repository) };
    const algorithm = random.percent(20) ? 'sha512' : 'sha256';
    const image = makeManifest(repository, { ...parts, ...(subject && { subject }) }, algorithm);
    // A manifest pushed under a tag is known by its sha256.
    const tags = random.percent(60) ? [...new Set([ownTag(), ownTag()])].slice(0, random.integer(1, 2)) : [];
    await putManifest(world, line, image, tags);
    remember(images, image);
    return image;
  }

  async function pushPlainImage(line: Line): Promise<void> {
    await pushImage(line);
  }

  async function pushPart(line: Line, repository: string) {
    const bytes = content();
    const cell = await pushBlob(world, line, random, repository, bytes);
    return { digest: cell.name, size: bytes.length };
  }

  async function pushReferrer(line: Line): Promise<void> {
    const subject = random.pick(images);
    if (subject !== undefined) await pushImage(line, subject);
  }

  async function moveTag(line: Line): Promise<void> {
    const image = random.pick(images.filter(isKept));
    if (image !== undefined) await putManifest(world, line, image, [ownTag()]);
  }

  /** The images of the shared tag are nobody's to delete, so that nobody's delete moves the tag. */
  async function moveSharedTag(line: Line): Promise<void> {
    const image = await pushImage(line);
    images.splice(images.indexOf(image), 1);
    await putManifest(world, line, image, [SHARED_TAG]);
  }

  async function removeOwnTag(line: Line): Promise<void> {
    const cell = tagCell(anyRepository(), ownTag());
    const state = ledger.settled(cell);
    if (state !== undefined && state !== 'in doubt') await removeTag(world, line, cell);
  }

  async function removeImage(line: Line): Promise<void> {
    const image = random.pick(images.filter(isKept));
    if (image !== undefined) await removeManifest(world, line, image, ownTags);
  }

  function anyRepository(): string {
    return random.pick(world.repositories) ?? '';
  }

  function ownTag(): string {
    return random.pick(ownTags) ?? '';
  }

  function content(): Uint8Array {
    return random.bytes(random.percent(5) ? random.integer(500_000, 2_000_000) : random.integer(4, 40_000));
  }

  function isHere(cell: Cell): boolean {
    return ledger.settled(cell) === HERE;
  }

  function isKept({ repository, digest }: PushedManifest): boolean {
    return isHere(manifestCell(repository, digest));
  }
}

function remember<T>(things: T[], thing: T): void {
  things.push(thing);
  if (things.length > REMEMBERED) things.shift();
}
