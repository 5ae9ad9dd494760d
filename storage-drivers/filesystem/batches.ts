// Writes a stream of small chunks to a file in few large calls, each of which runs while the next batch is gathered.
import type { FileHandle } from 'node:fs/promises';
import { createBackgroundSyncs } from './background-syncs.ts';
import type { Syncs } from './syncs.ts';

const BATCH_LENGTH = 1024 * 1024;
/** What a batch has to reach while the budget is used up. */
const SMALL_LENGTH = 128 * 1024;
/** Bytes that all writes together hold in large batches. */
const BUDGET = 32 * BATCH_LENGTH;
/** No system takes more than 1024 pieces in one writev. */
const BATCH_CHUNKS = 1000;

/**
 * Writes all of the content from `position` on and resolves to where it ends. At most two batches are in memory, plus
 * what a single chunk is longer than one. Throws what the content throws and system errors, when no write is under way
 * any more.
 */
export type WriteInBatches = (
  handle: FileHandle,
  position: number,
  content: AsyncIterable<Uint8Array>,
) => Promise<number>;

/** The batches of a writer become small when it has many writes at the same time, so that their memory does not add up. */
export function createBatchWriter(fileSyncs: Syncs): WriteInBatches {
  let held = 0;

  return async function writeInBatches(handle, position, content) {
    let end = position;
    let batch: Uint8Array[] = [];
    let batchLength = 0;
    let underWay: Promise<void> = Promise.resolve();
    const syncs = createBackgroundSyncs(handle, fileSyncs);
    try {
      for await (const chunk of content) {
        if (chunk.length === 0) continue;
        batch.push(chunk);
        batchLength += chunk.length;
        held += chunk.length;
        if (isLargeEnough(batchLength) || batch.length >= BATCH_CHUNKS) await sendOff();
      }
      if (batchLength > 0) await sendOff();
      await underWay;
      await syncs.end();
      return end;
    } finally {
      await Promise.allSettled([underWay, syncs.end()]);
      held -= batchLength;
    }

    async function sendOff(): Promise<void> {
      await underWay;
      syncs.wrote(end - position);
      const length = batchLength;
      underWay = writeAll(handle, batch, end).finally(() => {
        held -= length;
      });
      // Whoever awaits it next sees the error; until then it must not count as unhandled.
      underWay.catch(() => undefined);
      end += length;
      batch = [];
      batchLength = 0;
    }
  };

  function isLargeEnough(length: number): boolean {
    return length >= BATCH_LENGTH || (length >= SMALL_LENGTH && held > BUDGET);
  }
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
