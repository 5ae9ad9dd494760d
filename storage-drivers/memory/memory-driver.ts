// The reference driver: the contract in its plainest form. It keeps everything in this process, for tests and trials, and
// is as strict as the strictest store: staged bytes are not seen as objects, and the memory of a chunk is really used again.
import { chunksOf } from '../contents.ts';
import type {
  ObjectReader,
  ObjectStat,
  Sealing,
  SmallObject,
  StagedWrite,
  StorageDriver,
} from '../driver.ts';
import { DriverError, type DriverErrorCode } from '../errors.ts';
import { spanOf } from '../ranges.ts';
import { openBytes } from './byte-reader.ts';
import { createObjectTree, type StoredObject } from './object-tree.ts';

const NO_BYTES = new Uint8Array(0);

/** Makes an empty store. What was written is gone when nobody holds the driver any more. */
export function createMemoryDriver(): StorageDriver {
  const name = 'memory';
  const objects = createObjectTree();
  const staged = new Map<string, { content: Uint8Array }>();
  let versions = 0;
  let changes = 0;

  return {
    name,

    async read(key) {
      return found('read', key).content.slice();
    },

    async write(key, content, { seal, after, followers = [] } = {}) {
      await after;
      const sealing = put('write', key, content.slice(), seal);
      putBehind('write', followers);
      return sealing;
    },

    async stat(key) {
      return statOf(found('stat', key));
    },

    async openRead(key, range) {
      const object = found('openRead', key);
      const span = spanOf(range, object.content.length);
      if (span === undefined) throw failure('failed', 'openRead', key, new RangeError('outside the object'));
      const bytes = object.content.subarray(span.start, span.start + span.length);
      return reader('openRead', key, statOf(object), bytes);
    },

    async list(prefix, options = {}) {
      const { after, limit } = options;
      return objects
        .entries(prefix)
        .filter((entry) => after === undefined || entry.name > after)
        .slice(0, limit);
    },

    async delete(key) {
      changes += 1;
      objects.remove(key);
      for (const stagedKey of staged.keys()) {
        if (stagedKey === key || stagedKey.startsWith(`${key}/`)) staged.delete(stagedKey);
      }
    },

    async append(write, content) {
      const start = stagedBytes('append', write);
      const slot = staged.get(write.key) ?? { content: NO_BYTES };
      staged.set(write.key, slot);
      const chunks: Uint8Array[] = [start];
      for await (const chunk of chunksOf(content)) chunks.push(new Uint8Array(chunk));
      // A slot that was deleted while the content arrived is not brought back: the deletion came last.
      slot.content = Buffer.concat(chunks);
      return { key: write.key, size: slot.content.length };
    },

    async openStaged(write) {
      const bytes = stagedBytes('openStaged', write);
      return reader(
        'openStaged',
        write.key,
        { size: write.size, version: `staged-${write.size}`, modifiedAt: new Date() },
        bytes,
      );
    },

    async commit(write, key, { seal, followers = [] } = {}) {
      const sealing = put('commit', key, stagedBytes('commit', write), seal);
      putBehind('commit', followers);
      staged.delete(write.key);
      return sealing;
    },

    async abort(write) {
      staged.delete(write.key);
    },

    sight() {
      const seen = changes;
      return () => changes === seen;
    },
  };

  function found(action: string, key: string): StoredObject {
    const object = objects.find(key);
    if (object === undefined) throw failure('keyNotFound', action, key);
    return object;
  }

  function putBehind(action: string, followers: readonly SmallObject[]): void {
    for (const { key, content } of followers) put(action, key, content.slice(), undefined);
  }

  function put(action: string, key: string, content: Uint8Array, seal: string | undefined): Sealing {
    versions += 1;
    changes += 1;
    const object = { content, version: String(versions), modifiedAt: new Date(), ...(seal && { seal }) };
    if (!objects.put(key, object)) {
      throw failure('failed', action, key, new Error('an object and a prefix cannot have the same key'));
    }
    return { isKept: seal !== undefined };
  }

  function stagedBytes(action: string, write: StagedWrite): Uint8Array {
    const content = staged.get(write.key)?.content ?? NO_BYTES;
    if (content.length < write.size) throw failure('keyNotFound', action, write.key);
    return content.subarray(0, write.size);
  }

  function reader(action: string, key: string, stat: ObjectStat, bytes: Uint8Array): ObjectReader {
    const afterClose = () => failure('failed', action, key, new Error('the reader is closed'));
    return { ...stat, ...openBytes(bytes, afterClose) };
  }

  function failure(code: DriverErrorCode, action: string, key: string, cause?: unknown): DriverError {
    return new DriverError(code, { driver: name, action, key, cause });
  }
}

function statOf(object: StoredObject): ObjectStat {
  const { content, version, modifiedAt, seal } = object;
  return { size: content.length, version, modifiedAt, ...(seal !== undefined && { seal }) };
}
