// The directory itself: for the same pushes both servers write the same files with the same bytes.
import assert from 'node:assert/strict';
import { readdir, readFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { test } from 'node:test';
import { digestOf } from '../support/sample-image.ts';
import { pushOfEveryKind } from './contents.ts';
import { createSharedDirectory, type Server, skip } from './shared-directory.ts';

test('for the same pushes Berth writes the same tree as docker-registry', { skip }, async (t) => {
  const written = async (server: Server) => {
    const shared = await createSharedDirectory(t);
    await shared.serve(server, pushOfEveryKind);
    return filesBelow(shared.path());
  };
  const theirs = await written('docker-registry');
  const ours = await written('berth');
  assert.ok(theirs.length > 40, theirs.join('\n'));
  assert.deepEqual(ours, theirs);
});

/** `<path> <digest of the bytes>`, sorted; without what Berth keeps for itself, in `_berth` directories. */
async function filesBelow(directory: string): Promise<string[]> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true });
  const files = entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((file) => !file.includes('/_berth/'));
  const lines = files.map(async (file) => `${relative(directory, file)} ${digestOf(await readFile(file))}`);
  return (await Promise.all(lines)).sort();
}
