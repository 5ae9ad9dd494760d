// Waiting for several things of which none may go on after the others failed.

/** Resolves when all have. If some fail, throws the first one's error, but only after every one of them has ended. */
export async function allEnded(...running: readonly Promise<unknown>[]): Promise<void> {
  await allResults(running);
}

/** The same, and what each of them came to. */
export async function allResults<T>(running: readonly Promise<T>[]): Promise<T[]> {
  const ended = await Promise.allSettled(running);
  return ended.map((result) => {
    if (result.status === 'rejected') throw result.reason;
    return result.value;
  });
}
