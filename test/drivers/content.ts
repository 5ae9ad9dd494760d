// Bytes for the driver tests: made, cut into chunks, gathered again.
import type { ObjectReader, StagedWrite, StorageDriver } from '../../storage-drivers/driver.ts';

export const MIB = 1024 * 1024;

export function bytes(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

export function text(content: Uint8Array): string {
  return new TextDecoder().decode(content);
}

/** Bytes without a short period: each four of them say where they are, and which seed they are of. */
export function pattern(length: number, seed = 1): Uint8Array {
  const words = new Uint32Array(Math.ceil(length / 4));
  for (let index = 0; index < words.length; index += 1) words[index] = Math.imul(index + seed, 0x9e3779b1);
  return new Uint8Array(words.buffer, 0, length);
}

/** The content in chunks, each with memory of its own. */
export async function* chunksOf(content: Uint8Array, length = 65_536): AsyncGenerator<Uint8Array> {
  for (let start = 0; start < content.length; start += length) yield content.slice(start, start + length);
}

export async function* failingAfter(content: Uint8Array, error: unknown): AsyncGenerator<Uint8Array> {
  yield* chunksOf(content);
  throw error;
}

export async function* noChunks(): AsyncGenerator<Uint8Array> {}

/** All that a reader gives; copied, since the memory of a chunk is used again. */
export async function gather(reader: ObjectReader): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of reader.content) chunks.push(chunk.slice());
  return Buffer.concat(chunks);
}

/** Makes a large object the way a blob is made. */
export async function putLarge(driver: StorageDriver, key: string, content: Uint8Array): Promise<void> {
  const write = await driver.append({ key: `${key}-staged`, size: 0 }, chunksOf(content));
  await driver.commit(write, key);
}

/** The write as a process has it that was told of it. */
export function revived({ held, ...rest }: StagedWrite): StagedWrite {
  const { ...write }: StagedWrite = JSON.parse(JSON.stringify(rest));
  return held === undefined ? write : { ...write, held: Uint8Array.from(held) };
}

/** Compares without printing megabytes. */
export function equalBytes(left: Uint8Array, right: Uint8Array): boolean {
  return Buffer.compare(left, right) === 0;
}
