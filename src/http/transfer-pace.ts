// How slowly a client may send or take bytes. Time that the registry itself takes does not count against it.

export interface PaceSettings {
  /** Bytes per second that a transfer has to keep on average over a period; 0 for no limit. */
  readonly minimumRate: number;
  /** Over how many milliseconds the rate is looked at. */
  readonly periodMs: number;
}

/** A client that was waited for too long. */
export class TooSlowError extends Error {
  override readonly name = 'TooSlowError';
}

/**
 * Passes on what a client sends. Calls `cut` when it keeps the registry waiting for a whole period, in parts or at once,
 * and sends less than the rate asks for; `cut` has to end `source` with an error. `receivedSoFar` counts bytes as they come, which may
 * be long before the source gives them.
 */
export async function* pacedSource(
  source: AsyncIterable<Uint8Array>,
  receivedSoFar: () => number,
  { minimumRate, periodMs }: PaceSettings,
  cut: (error: TooSlowError) => void,
): AsyncGenerator<Uint8Array> {
  if (minimumRate === 0) {
    yield* source;
    return;
  }
  let waitedMs = 0;
  let seen = receivedSoFar();
  let waitingSince: number | undefined;
  const look = () => {
    const total = waitedMs + (waitingSince === undefined ? 0 : performance.now() - waitingSince);
    if (total < periodMs) return;
    if ((receivedSoFar() - seen) * 1000 < minimumRate * total)
      return cut(new TooSlowError('the client sends too slowly'));
    waitedMs = 0;
    seen = receivedSoFar();
    if (waitingSince !== undefined) waitingSince = performance.now();
  };
  const timer = setInterval(look, Math.max(10, periodMs / 6));
  timer.unref();
  const chunks = source[Symbol.asyncIterator]();
  try {
    for (;;) {
      waitingSince = performance.now();
      const next = await chunks.next();
      waitedMs += performance.now() - waitingSince;
      waitingSince = undefined;
      if (next.done === true) return;
      yield next.value;
    }
  } finally {
    clearInterval(timer);
    await chunks.return?.();
  }
}

/** Milliseconds within which a client has to take so many bytes; `undefined` for no limit. */
export function timeToTake(bytes: number, { minimumRate, periodMs }: PaceSettings): number | undefined {
  return minimumRate === 0 ? undefined : periodMs + (bytes * 1000) / minimumRate;
}
