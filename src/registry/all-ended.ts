// Waiting for several things of which none may go on after the others failed.

/** Resolves when all have. If some fail, throws the first one's error, but only after every one of them has ended. */
export async function allEnded(...running: readonly Promise<unknown>[]): Promise<void> {
  for (const result of await Promise.allSettled(running)) {
    if (result.status === 'rejected') throw result.reason;
  }
}
