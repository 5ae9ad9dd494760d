// Files that grow by small writes. A write into blocks that the file has already costs the disk one way; where the file gets longer,
// the file system has to write down that too. So room is made ahead, filled with zeros.
import * as fs from 'node:fs';
import { promisify } from 'node:util';
import type { DiskThread } from './disk-thread.ts';

export interface RoomyFile {
  /**
   * Adds bytes behind those that were added before. One call at a time. Resolves when all of them are durable, or, not `durable`, when
   * they outlive this process. Throws system errors; what was added before is as it was then.
   */
  add(bytes: Uint8Array, durable?: boolean): Promise<void>;
  /** Writes these bytes over the beginning, durably. The next ones are added at the beginning, too. */
  restart(bytes: Uint8Array): Promise<void>;
  /** Whether the file still has a name. Throws system errors. */
  isThere(): boolean;
  close(): void;
}

/** How much room is made at a time, in bytes. */
const ROOM = 1024 * 1024;

const open = promisify(fs.open);
const write = promisify(fs.write);

const NO_BYTES = new Uint8Array(0);

/**
 * Makes the file; what makes its name durable is the caller's affair. Throws system errors.
 * @param disk does what need not come to the disk
 */
export async function createRoomyFile(path: string, disk: DiskThread): Promise<RoomyFile> {
  const { O_WRONLY, O_CREAT, O_EXCL, O_DSYNC } = fs.constants;
  /** Each write to it resolves when it is on the disk, which costs one way to Node's threads and not two. */
  const synced = await open(path, O_WRONLY | O_CREAT | O_EXCL | O_DSYNC);
  let unsynced: number | undefined;
  let room = 0;
  let end = 0;
  /** The last bytes, as far as they need not be on the disk. */
  let loose: Uint8Array = NO_BYTES;

  async function makeRoom(needed: number): Promise<void> {
    if (needed <= room) return;
    const more = needed - room + ROOM;
    await writeAll(synced, Buffer.alloc(more), room);
    room += more;
  }

  return {
    async add(bytes, durable = true) {
      await makeRoom(end + bytes.length);
      if (durable) {
        // Only what is written is synced.
        const all = loose.length === 0 ? bytes : Buffer.concat([loose, bytes]);
        await writeAll(synced, all, end - loose.length);
        loose = NO_BYTES;
      } else {
        unsynced ??= await open(path, O_WRONLY);
        await disk.run('write', unsynced, bytes, end);
        loose = Buffer.concat([loose, bytes]);
      }
      end += bytes.length;
    },
    async restart(bytes) {
      await makeRoom(bytes.length);
      await writeAll(synced, bytes, 0);
      loose = NO_BYTES;
      end = 0;
    },
    isThere: () => fs.fstatSync(synced).nlink > 0,
    close() {
      if (unsynced !== undefined) fs.closeSync(unsynced);
      fs.closeSync(synced);
    },
  };
}

async function writeAll(file: number, bytes: Uint8Array, position: number): Promise<void> {
  for (let done = 0; done < bytes.length; ) {
    const { bytesWritten } = await write(file, bytes, done, bytes.length - done, position + done);
    done += bytesWritten;
  }
}
