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

/** What is waited for of a client. */
export interface PaceWatch {
  /** Waits, at the client's expense. Throws what the promise throws. */
  waitFor<T>(coming: Promise<T>): Promise<T>;
  stop(): void;
}

/**
 * Calls `cut` when the client keeps the registry waiting for a whole period, in parts or at once, and sends less than the rate asks
 * for; `cut` has to end what is waited for with an error. `receivedSoFar` counts bytes as they come, which may be long before they
 * are given to anybody.
 */
export function watchPace(
  receivedSoFar: () => number,
  { minimumRate, periodMs }: PaceSettings,
  cut: (error: TooSlowError) => void,
): PaceWatch {
  if (minimumRate === 0) return { waitFor: (coming) => coming, stop() {} };
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
  return {
    async waitFor(coming) {
      waitingSince = performance.now();
      const come = await coming;
      waitedMs += performance.now() - waitingSince;
      waitingSince = undefined;
      return come;
    },
    stop: () => clearInterval(timer),
  };
}

/** Passes on what a client sends, watched as above. */
export async function* pacedSource(
  source: AsyncIterable<Uint8Array>,
  receivedSoFar: () => number,
  settings: PaceSettings,
  cut: (error: TooSlowError) => void,
): AsyncGenerator<Uint8Array> {
  const watch = watchPace(receivedSoFar, settings, cut);
  const chunks = source[Symbol.asyncIterator]();
  try {
    for (;;) {
      const next = await watch.waitFor(chunks.next());
      if (next.done === true) return;
      yield next.value;
    }
  } finally {
    watch.stop();
    await chunks.return?.();
  }
}

/** Milliseconds within which a client has to take so many bytes; `undefined` for no limit. */
export function timeToTake(bytes: number, { minimumRate, periodMs }: PaceSettings): number | undefined {
  return minimumRate === 0 ? undefined : periodMs + (bytes * 1000) / minimumRate;
}
