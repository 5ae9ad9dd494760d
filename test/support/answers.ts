// What tests look for in answers.
import assert from 'node:assert/strict';

/** An answer of supertest, or one that was read from a socket. */
export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly body: unknown;
}

/** The codes of the specification, and those that docker knows beyond them. */
const CODES = new Set(
  [
    'BLOB_UNKNOWN BLOB_UPLOAD_INVALID BLOB_UPLOAD_UNKNOWN DIGEST_INVALID MANIFEST_BLOB_UNKNOWN MANIFEST_INVALID',
    'MANIFEST_UNKNOWN NAME_INVALID NAME_UNKNOWN SIZE_INVALID UNAUTHORIZED DENIED UNSUPPORTED TOOMANYREQUESTS',
    'TAG_INVALID RANGE_INVALID PAGINATION_NUMBER_INVALID UNKNOWN UNAVAILABLE',
  ].flatMap((line) => line.split(' ')),
);

export function bytesOf(answer: Answer): Buffer {
  assert.ok(Buffer.isBuffer(answer.body), 'the answer has no body');
  return answer.body;
}

/** The JSON of an answer, whatever its type. */
export function jsonOf(answer: Answer): Record<string, unknown> {
  const value: unknown = JSON.parse(bytesOf(answer).toString());
  assert.ok(typeof value === 'object' && value !== null && !Array.isArray(value), 'not a JSON object');
  return value as Record<string, unknown>;
}

/** A header that has to be there. */
export function headerOf(answer: Answer, name: string): string {
  const value = answer.headers[name.toLowerCase()];
  assert.ok(value !== undefined, `no ${name} in the answer`);
  return value;
}

export interface ErrorEntry {
  readonly code: string;
  readonly message: string;
  readonly detail?: unknown;
}

/** Holds an answer to be a refusal in the form that clients read. Gives its one error. */
export function assertRefused(answer: Answer, status: number, code?: string): ErrorEntry {
  const shown = Buffer.isBuffer(answer.body) ? answer.body.toString().slice(0, 500) : '';
  assert.equal(answer.status, status, shown);
  assert.equal(answer.headers['content-type'], 'application/json');
  const { errors } = jsonOf(answer);
  assert.ok(Array.isArray(errors) && errors.length === 1, shown);
  const [error] = errors as ErrorEntry[];
  assert.ok(error !== undefined && CODES.has(error.code), shown);
  assert.equal(typeof error.message, 'string');
  if (code !== undefined) assert.equal(error.code, code, shown);
  return error;
}
