// What a staged write on S3 has to remember: `detail` and `held` of the contract.
import type { JsonValue, StagedWrite } from '../driver.ts';
import { MissingObject } from './errors.ts';
import { LEAST_PART_LENGTH } from './settings.ts';

/** Bytes in an object of their own, `<staged key>/piece.<id>`, which never changes. */
export interface Piece {
  readonly id: string;
  readonly size: number;
  /** 0 as it was appended; each time that pieces are merged, the result is one level higher. */
  readonly level: number;
}

/** A multipart upload on the final key that has the first bytes of the write. Its marker is `<staged key>/multipart.<id>`. */
export interface DirectUpload {
  readonly id: string;
  readonly uploadId: string;
  readonly key: string;
  readonly size: number;
  /** ETags of the parts, in order. */
  readonly parts: readonly string[];
}

/** The bytes of a write: first those of the upload, then the pieces, of which the ones from the first small one on are small. */
export interface Detail {
  /** All bytes of the write, if they are few and came at once; there is nothing else then. */
  readonly held?: Uint8Array | undefined;
  readonly upload?: DirectUpload | undefined;
  readonly pieces: readonly Piece[];
  /**
   * Names of objects that the state before this one needed. They go with the next append: whoever holds this state
   * does not need that one any more.
   */
  readonly stale: readonly string[];
}

const ID = /^[0-9a-f]{16}$/;
const OWN_NAME = /^(?:piece|multipart)\.[0-9a-f]{16}$/;

export const pieceName = (id: string) => `piece.${id}`;
export const markerName = (id: string) => `multipart.${id}`;

/** Whether the key is that of a marker. Keys of the registry's own never end so. */
export function isMarker(key: string): boolean {
  return /\/multipart\.[0-9a-f]{16}$/.test(key);
}

export function isSmall({ size }: Piece): boolean {
  return size < LEAST_PART_LENGTH;
}

export function smallPieces({ pieces }: Detail): readonly Piece[] {
  return pieces.filter(isSmall);
}

export function largePieces({ pieces }: Detail): readonly Piece[] {
  return pieces.filter((piece) => !isSmall(piece));
}

/** Reads the detail of a write. Throws MissingObject if it does not stand for `size` bytes. */
export function detailOf({ size, held, detail }: StagedWrite): Detail {
  const parsed = detail === undefined ? { held, pieces: [], stale: [] } : parse(detail);
  if (parsed !== undefined && sizeOf(parsed) === size) return parsed;
  throw new MissingObject('the staged write does not name that many bytes');
}

/** The write that has this detail. */
export function writeWith(write: StagedWrite, after: Detail): StagedWrite {
  const { key, target, holds } = write;
  const { held, upload, pieces, stale } = after;
  const size = sizeOf(after);
  const kept = { key, size, ...(target !== undefined && { target }), ...(holds && { holds }) };
  if (held !== undefined) return { ...kept, held };
  const detail = {
    ...(upload && { upload: { ...upload } }),
    pieces: pieces.map((piece) => [piece.id, piece.size, piece.level]),
    stale,
  };
  return { ...kept, detail };
}

function sizeOf({ held, upload, pieces }: Detail): number {
  return pieces.reduce((sum, piece) => sum + piece.size, held?.length ?? upload?.size ?? 0);
}

function parse(detail: JsonValue): Detail | undefined {
  if (!isRecord(detail)) return undefined;
  const { upload, pieces, stale } = detail;
  const parsedUpload = upload === undefined ? undefined : parseUpload(upload);
  if (upload !== undefined && parsedUpload === undefined) return undefined;
  if (!Array.isArray(pieces) || !Array.isArray(stale)) return undefined;
  const parsedPieces = pieces.map(parsePiece).filter((piece) => piece !== undefined);
  const names = stale.filter((name) => typeof name === 'string' && OWN_NAME.test(name));
  if (parsedPieces.length !== pieces.length || names.length !== stale.length) return undefined;
  return { upload: parsedUpload, pieces: parsedPieces, stale: names };
}

function parsePiece(value: JsonValue): Piece | undefined {
  if (!Array.isArray(value)) return undefined;
  const [id, size, level] = value;
  if (!isId(id) || !isCount(size) || size === 0 || !isCount(level)) return undefined;
  return { id, size, level };
}

function parseUpload(value: JsonValue): DirectUpload | undefined {
  if (!isRecord(value)) return undefined;
  const { id, uploadId, key, size, parts } = value;
  if (!isId(id) || typeof uploadId !== 'string' || typeof key !== 'string' || !isCount(size))
    return undefined;
  if (!Array.isArray(parts) || !parts.every((part) => typeof part === 'string')) return undefined;
  return { id, uploadId, key, size, parts };
}

function isRecord(value: JsonValue | undefined): value is { readonly [key: string]: JsonValue } {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isId(value: JsonValue | undefined): value is string {
  return typeof value === 'string' && ID.test(value);
}

function isCount(value: JsonValue | undefined): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}
