// Why something failed, in words that may be told to everybody: no path, no address, no key.

/** A health check found what it looks for. The message may be told to everybody. */
export class CheckFailedError extends Error {
  override readonly name = 'CheckFailedError';
}

/** What the check says; else the code of the innermost error that has one (`ECONNREFUSED`, `EACCES`), else the kind of error. */
export function describeFailure(error: unknown): string {
  if (error instanceof CheckFailedError) return error.message;
  let code: string | undefined;
  for (let at = error, depth = 0; at instanceof Error && depth < 8; at = at.cause, depth += 1) {
    if ('code' in at && typeof at.code === 'string') code = at.code;
  }
  return code ?? (error instanceof Error ? error.name : 'failed');
}
