// A failure on its way to another process: refusals, and what comes down to one, arrive as such; everything else as an error with
// the message that it had.
import { z } from 'zod';
import { isReason, RegistryError } from '../registry/errors.ts';
import { refusalFor } from '../registry/failures.ts';

export const failureSchema = z.object({
  message: z.string(),
  reason: z.string().optional(),
  detail: z.unknown().optional(),
  retryAfterSeconds: z.number().optional(),
});

export type Failure = z.infer<typeof failureSchema>;

export function describeFailure(error: unknown): Failure {
  const message = error instanceof Error ? error.message : String(error);
  const { reason, detail, retryAfterSeconds } = refusalFor(error);
  if (reason === 'unknown') return { message };
  return { message, reason, detail, ...(retryAfterSeconds !== undefined && { retryAfterSeconds }) };
}

export function toError({ message, reason, detail, retryAfterSeconds }: Failure): Error {
  if (reason === undefined || !isReason(reason)) return new Error(message);
  return new RegistryError(reason, {
    detail,
    ...(retryAfterSeconds !== undefined && { retryAfterSeconds }),
    cause: new Error(message),
  });
}
