// Uploads that come to rest leave the journal: it is for those that are about to end.
import type { SessionId } from '../registry/sessions.ts';
import type { SessionJournal } from './journal.ts';

const QUIET_MS = 60_000;

/** Looks once a minute for those of which nothing was heard for so long. `moveOut` may fail: it is called again then. */
export function moveOutQuiet(
  journal: SessionJournal,
  moveOut: (id: SessionId) => Promise<void>,
): { stop(): void } {
  const timer = setInterval(() => {
    for (const { id } of journal.quietFor(QUIET_MS)) void moveOut(id).catch(() => undefined);
  }, QUIET_MS);
  timer.unref();
  return { stop: () => clearInterval(timer) };
}
