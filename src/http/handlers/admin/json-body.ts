// The body of a request to the admin API: small, JSON with one reading, and exactly what the schema says.
import type { z } from 'zod';
import { RegistryError } from '../../../registry/errors.ts';
import { parseStrictJson } from '../../../registry/strict-json.ts';
import type { RequestContext } from '../../context.ts';
import { readBody } from '../../request-body.ts';
import type { PaceSettings } from '../../transfer-pace.ts';

const MOST_BYTES = 16 * 1024;

/**
 * Throws `requestTooLarge` before more than 16 KiB are read, `requestNotJson`, `requestInvalid` with the places and without
 * the values (they may be secrets), and `bodyIncomplete`.
 */
export async function readJson<Schema extends z.ZodType>(
  ctx: RequestContext,
  schema: Schema,
  pace: PaceSettings,
): Promise<z.output<Schema>> {
  // A page of another site can have a browser send forms and plain text with the credentials that it knows, but not this.
  if (!/^application\/json *(;|$)/i.test(ctx.get('Content-Type'))) throw new RegistryError('requestNotJson');
  const parsed = schema.safeParse(parseJson(await readBody(ctx, MOST_BYTES, 'requestTooLarge', pace)), {
    reportInput: false,
  });
  if (parsed.success) return parsed.data;
  const detail = parsed.error.issues.slice(0, 10).map(({ path, message }) => ({
    path: path.join('.').slice(0, 100),
    message: message.slice(0, 200),
  }));
  throw new RegistryError('requestInvalid', { detail });
}

function parseJson(bytes: Uint8Array): unknown {
  try {
    return parseStrictJson(bytes);
  } catch {
    // The parser's words quote the text, and a secret may be in it.
    throw new RegistryError('requestInvalid', { detail: 'not JSON, or JSON with two readings' });
  }
}
