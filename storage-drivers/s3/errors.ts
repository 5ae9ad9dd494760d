// What the store's errors, and those on the way to it, mean in the words of the drivers.
import { DriverError, type DriverErrorCode, type DriverErrorFacts } from '../errors.ts';

/** There is no such object, or what a staged write needs is gone. */
export class MissingObject extends Error {
  override readonly name = 'MissingObject';
}

const MEANINGS: ReadonlyMap<string, DriverErrorCode> = new Map([
  ['NoSuchKey', 'keyNotFound'],
  ['NoSuchUpload', 'keyNotFound'],
  ['NotFound', 'keyNotFound'],
  ['NoSuchBucket', 'failed'],
  ['QuotaExceeded', 'noSpace'],
  ['InsufficientCapacity', 'noSpace'],
  ['XMinioStorageFull', 'noSpace'],
  ['SlowDown', 'busy'],
  ['TimeoutError', 'busy'],
  ['RequestTimeout', 'busy'],
  ['RequestTimeTooSkewed', 'denied'],
  ['CredentialsProviderError', 'denied'],
  ['ECONNREFUSED', 'busy'],
  ['ECONNRESET', 'busy'],
  ['EPIPE', 'busy'],
  ['ETIMEDOUT', 'busy'],
  ['EHOSTUNREACH', 'busy'],
  ['ENETUNREACH', 'busy'],
  ['ENOTFOUND', 'busy'],
  ['EAI_AGAIN', 'busy'],
  ['EMFILE', 'busy'],
  ['ENFILE', 'busy'],
]);

const STATUS_MEANINGS: ReadonlyMap<number | undefined, DriverErrorCode> = new Map([
  [401, 'denied'],
  [403, 'denied'],
  [404, 'keyNotFound'],
  [429, 'busy'],
  [500, 'busy'],
  [502, 'busy'],
  [503, 'busy'],
  [504, 'busy'],
  [507, 'noSpace'],
]);

/** The error as the drivers' own, with the cause; a DriverError stays as it is. */
export function asDriverError(error: unknown, facts: Omit<DriverErrorFacts, 'cause'>): DriverError {
  if (error instanceof DriverError) return error;
  return new DriverError(meaningOf(error), { ...facts, cause: error });
}

export function meaningOf(error: unknown): DriverErrorCode {
  if (error instanceof MissingObject) return 'keyNotFound';
  if (error instanceof DriverError) return error.code;
  if (!(error instanceof Error)) return 'failed';
  return (
    MEANINGS.get(error.name) ??
    MEANINGS.get(codeOf(error)) ??
    STATUS_MEANINGS.get(statusOf(error)) ??
    'failed'
  );
}

/** Whether the store has no such object, or no such multipart upload. */
export function isAbsence(error: unknown): boolean {
  return meaningOf(error) === 'keyNotFound';
}

export function hasName(error: unknown, name: string): boolean {
  return error instanceof Error && error.name === name;
}

/** The code of a system error, such as `ECONNRESET`. */
function codeOf(error: Error): string {
  return 'code' in error && typeof error.code === 'string' ? error.code : '';
}

function statusOf(error: Error): number | undefined {
  if (!('$metadata' in error)) return undefined;
  const metadata: unknown = error.$metadata;
  if (typeof metadata !== 'object' || metadata === null || !('httpStatusCode' in metadata)) return undefined;
  return typeof metadata.httpStatusCode === 'number' ? metadata.httpStatusCode : undefined;
}
