// What an answer has to look like when something went wrong.
import assert from 'node:assert/strict';

/** The answer has the status and a body as the specification has it for errors, without anything of the inside. */
export async function assertRefused(response: Response, status: number, code: string): Promise<void> {
  const text = await response.text();
  assert.equal(response.status, status, text);
  assert.equal(response.headers.get('content-type'), 'application/json');
  const body: unknown = JSON.parse(text);
  const errors: unknown = Reflect.get(Object(body), 'errors');
  assert.ok(Array.isArray(errors) && errors.length === 1, text);
  assert.equal(Reflect.get(Object(errors[0]), 'code'), code, text);
  assert.doesNotMatch(text, /\/tmp|docker\/registry|node:|EACCES|ENOSPC|EIO/);
}
