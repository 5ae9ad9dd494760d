// What the operating system's error codes mean in the words of the drivers.
import { constants } from 'node:os';
import { DriverError, type DriverErrorCode, type DriverErrorFacts, withoutStack } from '../errors.ts';

/** There is no such object: the one case that an error code alone does not tell, since ENOENT can mean a lost directory. */
export class MissingObject extends Error {
  override readonly name = 'MissingObject';
}

const MEANINGS: ReadonlyMap<string | undefined, DriverErrorCode> = new Map([
  ['ENOSPC', 'noSpace'],
  ['EMFILE', 'busy'],
  ['ENFILE', 'busy'],
  ['EAGAIN', 'busy'],
  ['EACCES', 'denied'],
  ['EPERM', 'denied'],
  ['EROFS', 'denied'],
]);

/** The error as the drivers' own, with the cause; a DriverError stays as it is. */
export function asDriverError(error: unknown, facts: Omit<DriverErrorFacts, 'cause'>): DriverError {
  if (error instanceof DriverError) return error;
  if (error instanceof MissingObject)
    return withoutStack(() => new DriverError('keyNotFound', { ...facts, cause: error }));
  const code = meaningOf(error) ?? 'failed';
  return new DriverError(code, { ...facts, cause: error });
}

/** Runs the call; an error code that means that nothing is there becomes a MissingObject. */
export async function orMissing<T>(call: Promise<T>): Promise<T> {
  try {
    return await call;
  } catch (error) {
    if (isAbsence(error) || errorCode(error) === 'EISDIR') throw missing(error);
    throw error;
  }
}

/** Runs the call; resolves to nothing where nothing is there. */
export async function orAbsent<T>(call: Promise<T>): Promise<T | undefined> {
  try {
    return await call;
  } catch (error) {
    if (isAbsence(error)) return undefined;
    throw error;
  }
}

export function missing(cause?: unknown): MissingObject {
  return withoutStack(() => new MissingObject('no such object', { cause }));
}

/** Whether nothing is there under a path. */
export function isAbsence(error: unknown): boolean {
  const code = errorCode(error);
  return code === 'ENOENT' || code === 'ENOTDIR';
}

/** Whether the file system cannot sync a directory: it keeps its entries safe in another way, or not at all. */
export function isSyncUnsupported(error: unknown): boolean {
  const code = errorCode(error);
  return code === 'EINVAL' || code === 'ENOTSUP' || code === 'EOPNOTSUPP';
}

/** The code of a system error, such as `ENOENT`. */
export function errorCode(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('code' in error)) return undefined;
  return typeof error.code === 'string' ? error.code : undefined;
}

/** Node has no name for a quota that is used up (EDQUOT), only its number. */
function meaningOf(error: unknown): DriverErrorCode | undefined {
  if (error instanceof Error && 'errno' in error && error.errno === -constants.errno.EDQUOT) return 'noSpace';
  return MEANINGS.get(errorCode(error));
}
