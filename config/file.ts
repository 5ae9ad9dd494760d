// Reads the configuration file from disk.
import { open } from 'node:fs/promises';
import { ConfigurationError } from './problem.ts';

/** Longest file in bytes. */
const MAX_FILE_SIZE = 1024 * 1024;

export interface ConfigurationFile {
  readonly path: string;
  readonly text: string;
}

/** The file at `path`, as UTF-8. Throws `ConfigurationError` with its cause when it cannot be read. */
export async function readConfigurationFile(path: string): Promise<ConfigurationFile> {
  return { path, text: decode(path, await readBytes(path)) };
}

async function readBytes(path: string): Promise<Uint8Array> {
  let bytes: Uint8Array;
  try {
    await using handle = await open(path, 'r');
    const buffer = new Uint8Array(MAX_FILE_SIZE + 1);
    let length = 0;
    for (let read = -1; read !== 0 && length < buffer.length; length += read) {
      read = (await handle.read(buffer, length, buffer.length - length)).bytesRead;
    }
    bytes = buffer.subarray(0, length);
  } catch (cause) {
    throw new ConfigurationError([`${path}: cannot be read (${codeOf(cause)})`], { cause });
  }
  if (bytes.length > MAX_FILE_SIZE)
    throw new ConfigurationError([`${path}: is larger than ${MAX_FILE_SIZE} bytes`]);
  return bytes;
}

function decode(path: string, bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (cause) {
    throw new ConfigurationError([`${path}: is not UTF-8 text`], { cause });
  }
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string'
    ? error.code
    : 'unknown reason';
}
