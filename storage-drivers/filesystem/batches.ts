// Writes a stream of small chunks to a file in few large calls, each of which runs while the next batch is gathered.
import type { FileHandle } from 'node:fs/promises';

const BATCH_LENGTH = 1024 * 1024;
/** No system takes more than 1024 pieces in one writev. */
const BATCH_CHUNKS = 1000;
/** Bytes after which the disk is set to work while more come in, instead of all at the end. */
const SYNC_AFTER = 16 * 1024 * 1024;

/**
 * Writes all of the content from `position` on and resolves to where it ends. At most two batches are in memory, plus
 * what a single chunk is longer than one. Throws what the content throws and system errors, when no write is under way
 * any more.
 */
export async function writeInBatches(
  handle: FileHandle,
  position: number,
  content: AsyncIterable<Uint8Array>,
): Promise<number> {
  let end = position;
  let batch: Uint8Array[] = [];
  let batchLength = 0;
  let underWay: Promise<void> = Promise.resolve();
  const syncs = createBackgroundSyncs(handle);
  try {
    for await (const chunk of content) {
      if (chunk.length === 0) continue;
      batch.push(chunk);
      batchLength += chunk.length;
      if (batchLength >= BATCH_LENGTH || batch.length >= BATCH_CHUNKS) await sendOff();
    }
    if (batchLength > 0) await sendOff();
    await underWay;
    await syncs.end();
    return end;
  } finally {
    await Promise.allSettled([underWay, syncs.end()]);
  }

  async function sendOff(): Promise<void> {
    await underWay;
    syncs.wrote(end - position);
    underWay = writeAll(handle, batch, end);
    // Whoever awaits it next sees the error; until then it must not count as unhandled.
    underWay.catch(() => undefined);
    end += batchLength;
    batch = [];
    batchLength = 0;
  }
}

interface BackgroundSyncs {
  /** Told how many bytes have been written so far. */
  wrote(total: number): void;
  /** Resolves when none is under way; throws what one of them threw. */
  end(): Promise<void>;
}

/** At most one sync at a time: another one would wait for the first. */
function createBackgroundSyncs(handle: FileHandle): BackgroundSyncs {
  let synced = 0;
  let running: Promise<void> | undefined;
  let failure: unknown;
  return {
    wrote(total) {
      if (running !== undefined || total - synced < SYNC_AFTER) return;
      synced = total;
      running = handle
        .datasync()
        .catch((error: unknown) => {
          failure ??= error;
        })
        .finally(() => {
          running = undefined;
        });
    },
    async end() {
      await running;
      if (failure !== undefined) throw failure;
    },
  };
}

/** A write may take only a part, such as when the disk is nearly full: the rest then tells why. */
async function writeAll(handle: FileHandle, batch: readonly Uint8Array[], position: number): Promise<void> {
  let rest = batch;
  let at = position;
  while (rest.length > 0) {
    const { bytesWritten } = await handle.writev(rest, at);
    at += bytesWritten;
    rest = dropBytes(rest, bytesWritten);
  }
}

function dropBytes(chunks: readonly Uint8Array[], count: number): readonly Uint8Array[] {
  let left = count;
  for (const [index, chunk] of chunks.entries()) {
    if (left < chunk.length) return [chunk.subarray(left), ...chunks.slice(index + 1)];
    left -= chunk.length;
  }
  return [];
}
