// What a log of writes (write-log.ts) looks like. It begins with
//
//   bytes 0-3    CRC-32 of bytes 4 to 11
//   bytes 4-7    its number: logs are read in this order
//   bytes 8-11   its salt: the file may have been another log before, of which records are left behind its own
//
// Then come the records, one behind the other:
//
//   bytes 0-3    CRC-32 of all that follows in the record, beginning with the salt of the log
//   bytes 4-7    1: the object under the key is this content; 2: there is nothing at the key and below it
//   bytes 8-11   length of the key in bytes
//   bytes 12-15  length of the content in bytes
//   bytes 16-23  when it was made, in milliseconds since the epoch (IEEE 754): nothing syncs the times of a file that is written over
//   then         the key, and the content
//
// Numbers are little-endian. Zeros at the beginning say that it is no log any more.
import { crc32 } from 'node:zlib';
import { isValidKey } from '../keys.ts';

export interface LogRecord {
  readonly key: string;
  /** Absent: the key is gone. */
  readonly content?: Uint8Array;
  /** Milliseconds since the epoch. */
  readonly time: number;
}

/** Length in bytes of what a log begins with. */
export const LOG_HEADER = 12;
const HEADER = 24;
const PUT = 1;
const GONE = 2;

export interface LogName {
  /** Counts from 1. */
  readonly number: number;
  /** 32 bits that no earlier log in the same file had. */
  readonly salt: number;
}

/** The beginning of a log. */
export function formatLogHeader({ number, salt }: LogName): Uint8Array {
  const bytes = Buffer.alloc(LOG_HEADER);
  bytes.writeUInt32LE(number, 4);
  bytes.writeUInt32LE(salt, 8);
  bytes.writeUInt32LE(crc32(bytes.subarray(4)), 0);
  return bytes;
}

/** The record in pieces, of which the last one is the content as it is. */
export function formatRecord({ key, content, time }: LogRecord, { salt }: LogName): readonly Uint8Array[] {
  const beginning = Buffer.allocUnsafe(HEADER + key.length);
  beginning.writeUInt32LE(content === undefined ? GONE : PUT, 4);
  beginning.writeUInt32LE(key.length, 8);
  beginning.writeUInt32LE(content?.length ?? 0, 12);
  beginning.writeDoubleLE(time, 16);
  beginning.write(key, HEADER, 'latin1');
  const checksum = crc32(beginning.subarray(4), salt);
  beginning.writeUInt32LE(content === undefined ? checksum : crc32(content, checksum), 0);
  return content === undefined ? [beginning] : [beginning, content];
}

/** `undefined` if it is no log, or one of which nothing was answered. */
export function parseLog(
  bytes: Buffer,
): { readonly number: number; readonly records: Iterable<LogRecord> } | undefined {
  if (bytes.length < LOG_HEADER || crc32(bytes.subarray(4, LOG_HEADER)) !== bytes.readUInt32LE(0))
    return undefined;
  const name = { number: bytes.readUInt32LE(4), salt: bytes.readUInt32LE(8) };
  return { number: name.number, records: parseRecords(bytes.subarray(LOG_HEADER), name) };
}

/** What is behind the first record that is not whole was never answered. */
function* parseRecords(records: Buffer, { salt }: LogName): Generator<LogRecord> {
  for (let rest = records; rest.length >= HEADER; ) {
    const keyEnd = HEADER + rest.readUInt32LE(8);
    const end = keyEnd + rest.readUInt32LE(12);
    if (end > rest.length || crc32(rest.subarray(4, end), salt) !== rest.readUInt32LE(0)) return;
    const key = rest.toString('latin1', HEADER, keyEnd);
    const kind = rest.readUInt32LE(4);
    if (!isValidKey(key) || (kind !== PUT && kind !== GONE)) return;
    const time = rest.readDoubleLE(16);
    yield kind === PUT ? { key, content: rest.subarray(keyEnd, end), time } : { key, time };
    rest = rest.subarray(end);
  }
}
