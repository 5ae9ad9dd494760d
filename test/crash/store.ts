// Looks at a store from below, without the server: whatever was killed, files say what their names promise.
import assert from 'node:assert/strict';
import { glob, readFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { digestOf } from '../support/sample-image.ts';

/** The index of a tag, which nobody reads: a power cut may spoil it. */
const INDEX = /\/_manifests\/tags\/[^/]+\/index\//;

/** Every blob has its digest, and every link holds one. */
export async function assertStoreIsSound(directory: string, hadPowerCuts: boolean): Promise<void> {
  const root = join(directory, 'docker', 'registry', 'v2');
  for await (const file of glob('blobs/*/*/*/data', { cwd: root })) {
    const hex = basename(dirname(file));
    const algorithm = hex.length === 128 ? 'sha512' : 'sha256';
    const digest = digestOf(await readFile(join(root, file)), algorithm);
    assert.equal(digest, `${algorithm}:${hex}`, file);
  }
  for await (const file of glob('repositories/**/link', { cwd: root })) {
    if (hadPowerCuts && INDEX.test(file)) continue;
    assert.match(await readFile(join(root, file), 'utf8'), /^sha(256:[0-9a-f]{64}|512:[0-9a-f]{128})$/, file);
  }
}
