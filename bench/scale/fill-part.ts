// Fills a part of the store, as the `registry` image would have left it: a process of its own, which does nothing else.
// Arguments: the store's directory, one beside it for seeds, the scale, which part of how many.
//
// Files with the same content are hard links of one: that is as many names, and as many directories, for less work.
import { createHash } from 'node:crypto';
import { linkSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { parseDigest } from '../../src/registry/digest.ts';
import * as layout from '../../src/registry/layout.ts';
import { parseRepositoryName, type RepositoryName } from '../../src/registry/name.ts';
import { parseTag } from '../../src/registry/reference.ts';
import {
  amountsAt,
  commonImage,
  imageOfTag,
  REFERRED,
  referrerAt,
  repositoryAt,
  type StoredImage,
  TAGGED,
  tagAt,
} from './contents.ts';

/** Few file systems give a file more names (ext4: 65,000). */
const MOST_LINKS = 60_000;

const [store = '', seeds = '', scale = '', part = '', parts = ''] = process.argv.slice(2);
const amounts = amountsAt(Number(scale));
const links = new Map<string, { path: string; left: number }>();
let seedCount = 0;

const common = commonImage();
const tagged = parseRepositoryName(TAGGED);
const referred = parseRepositoryName(REFERRED);

if (part === '0') {
  for (const name of [tagged, referred]) putImage(name, common);
}
for (const index of mine(amounts.repositories)) putRepository(parseRepositoryName(repositoryAt(index)));
for (const index of mine(amounts.tags)) {
  const image = imageOfTag(index);
  if (image.digest !== common.digest) putImage(tagged, image);
  putTag(tagged, tagAt(index), image.digest);
}
for (const index of mine(amounts.referrers)) putReferrer(referrerAt(index));
for (const index of mine(amounts.blobs)) {
  const digest = parseDigest(`sha256:${createHash('sha256').update(`blob ${index}`).digest('hex')}`);
  putCopy(layout.blobData(digest), 'a blob');
}

/** What this part has of so many things. */
function* mine(amount: number): Generator<number> {
  for (let index = Number(part); index < amount; index += Number(parts)) yield index;
}

function putRepository(name: RepositoryName): void {
  linkImage(name, common);
  putTag(name, 'latest', common.digest);
}

function putImage(name: RepositoryName, image: StoredImage): void {
  for (const [digest, bytes] of [...image.blobs, [image.digest, image.manifest] as const]) {
    put(layout.blobData(parseDigest(digest)), bytes);
  }
  linkImage(name, image);
}

function linkImage(name: RepositoryName, image: StoredImage): void {
  for (const digest of image.blobs.keys()) putCopy(layout.layerLink(name, parseDigest(digest)), digest);
  putCopy(layout.revisionLink(name, parseDigest(image.digest)), image.digest);
}

function putTag(name: RepositoryName, tag: string, digest: string): void {
  putCopy(layout.tagIndexLink(name, parseTag(tag), parseDigest(digest)), digest);
  putCopy(layout.tagCurrentLink(name, parseTag(tag)), digest);
}

/** The `registry` image keeps no list of referrers: that one is as Berth writes it. */
function putReferrer(image: StoredImage): void {
  putImage(referred, image);
  const { annotations, mediaType } = JSON.parse(image.manifest.toString());
  const note = JSON.stringify({ mediaType, size: image.manifest.length, annotations });
  put(layout.referrer(referred, parseDigest(common.digest), parseDigest(image.digest)), Buffer.from(note));
}

function put(key: string, bytes: Uint8Array): void {
  within(key, (path) => writeFileSync(path, bytes));
}

/** Makes the file another name of one with this content. */
function putCopy(key: string, content: string): void {
  const known = links.get(content);
  const seed = known !== undefined && known.left > 0 ? known : plant(content);
  seed.left -= 1;
  within(key, (path) => linkSync(seed.path, path));
}

function plant(content: string): { path: string; left: number } {
  seedCount += 1;
  const seed = { path: join(seeds, `${part}-${seedCount}`), left: MOST_LINKS };
  writeFileSync(seed.path, content);
  links.set(content, seed);
  return seed;
}

function within(key: string, write: (path: string) => void): void {
  const path = join(store, key);
  mkdirSync(dirname(path), { recursive: true });
  try {
    write(path);
  } catch (error) {
    // Another part was there first: what it wrote is the same.
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error;
  }
}
