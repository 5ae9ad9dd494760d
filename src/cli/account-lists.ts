// Lists of accounts, page by page.

const PAGE = 200;

export async function* listAll<Entry extends { readonly name: string }>(
  page: (limit: number, after?: string) => Promise<{ entries: readonly Entry[]; more: boolean }>,
): AsyncGenerator<Entry> {
  for (let after: string | undefined, more = true; more; ) {
    const found = await page(PAGE, after);
    yield* found.entries;
    after = found.entries.at(-1)?.name;
    more = found.more && after !== undefined;
  }
}

/** A time as ISO 8601 to the minute, in UTC. */
export function shownTime(time: string): string {
  return `${time.slice(0, 16)}Z`;
}
