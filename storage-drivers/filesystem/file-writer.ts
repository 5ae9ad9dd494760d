// Writes what comes to a file, as it comes: whoever gives it gathers more meanwhile, in large pieces.
import type { FileHandle } from 'node:fs/promises';
import { createBackgroundSyncs } from './background-syncs.ts';
import type { Syncs } from './syncs.ts';

/**
 * Writes all of the content from `position` on and resolves to where it ends. Throws what the content throws and system
 * errors, when no write is under way any more.
 */
export type WriteFrom = (
  handle: FileHandle,
  position: number,
  content: AsyncIterable<Uint8Array>,
) => Promise<number>;

export function createFileWriter(syncs: Syncs): WriteFrom {
  return async (handle, position, content) => {
    const background = createBackgroundSyncs(handle, syncs);
    let end = position;
    try {
      for await (const chunk of content) {
        await writeAll(handle, chunk, end);
        end += chunk.length;
        background.wrote(end - position);
      }
    } catch (error) {
      await background.end().catch(() => undefined);
      throw error;
    }
    await background.end();
    return end;
  };
}

/** A write may take only a part, such as when the disk is nearly full: the rest then tells why. */
async function writeAll(handle: FileHandle, chunk: Uint8Array, position: number): Promise<void> {
  for (let done = 0; done < chunk.length; ) {
    const { bytesWritten } = await handle.write(chunk, done, chunk.length - done, position + done);
    done += bytesWritten;
  }
}
