// A failure on its way to another process: refusals arrive as they were thrown, everything else as an error with its message.
import { z } from 'zod';
import { isReason, RegistryError } from '../registry/errors.ts';

export const failureSchema = z.object({
  message: z.string(),
  reason: z.string().optional(),
  detail: z.unknown(),
  retryAfterSeconds: z.number().optional(),
});

export type Failure = z.infer<typeof failureSchema>;

export function describeFailure(error: unknown): Failure {
  if (error instanceof RegistryError) {
    const { message, reason, detail, retryAfterSeconds } = error;
    return { message, reason, detail, ...(retryAfterSeconds !== undefined && { retryAfterSeconds }) };
  }
  return { message: error instanceof Error ? error.message : String(error), detail: undefined };
}

export function toError({ message, reason, detail, retryAfterSeconds }: Failure): Error {
  if (reason === undefined || !isReason(reason)) return new Error(message);
  return new RegistryError(reason, { detail, ...(retryAfterSeconds !== undefined && { retryAfterSeconds }) });
}
