// Where the processes of one server get their locks: in the primary, which alone knows who has what.
//
// A lock is asked for and given back. An upload is kept otherwise: its id is at home in one process, which locks it among its
// own requests without asking anybody, until another process wants it. The one that begins an upload is its home, and the
// requests of an upload come over one connection as a rule, so that most uploads never leave it.
//
// Uploads without a byte, of which the store knows nothing yet, are remembered here, for when their home dies.
//
// Each process may have a journal of small uploads. What one that dies leaves in it is recovered before anybody else is told of
// its uploads.
//
// Nobody loses a lock but by its end: what a process held goes to others when the process is gone, and no sooner.
import { LRUCache } from 'lru-cache';
import { z } from 'zod';
import { atMost } from '../registry/at-most.ts';
import { createLocks, type Lease, type Locks } from '../registry/locks.ts';
import { isSessionId, type SessionId } from '../registry/sessions.ts';
import type { Channel } from './channel.ts';

export interface LockDesk {
  /** For what the primary itself does. */
  readonly locks: Locks;
  /** Serves a process. To be told when it is gone. */
  serve(channel: Channel): { gone(): void };
}

export const lockSchema = z.object({ name: z.string(), alone: z.boolean(), ticket: z.number() });
export const ticketSchema = z.object({ ticket: z.number() });
export const uploadSchema = z.object({ id: z.string().refine(isSessionId) });
export const shownSchema = uploadSchema.extend({ repository: z.string() });
/** An upload without a byte: which one, and since when. */
export const begunSchema = shownSchema.extend({ startedAt: z.iso.datetime() });
/** `untouched`: nobody has written to it since, so the store need not be asked. */
export const homeSchema = uploadSchema.extend({ begun: begunSchema.optional(), untouched: z.boolean() });

/** Whose journal it is (sessions/journal.ts). */
export const ownerSchema = z.object({ owner: z.string() });

export type Begun = z.infer<typeof begunSchema>;
export type Owner = z.infer<typeof ownerSchema>;

/** Of a lock that the primary has: it cannot outlive it. */
const OWN: Lease = { token: '', confirm: async () => undefined, isLost: () => false };
/** Homes that are known; of others every process is asked. */
const MOST_HOMES = 100_000;
/** Uploads without a byte that are remembered; an entry is some 300 bytes. */
const MOST_BEGUN = 20_000;

/** @param recover brings to the store what a process that is gone left in its journal; what keeps it from that it tells itself */
export function createLockDesk(recover: (owner: string) => Promise<void>): LockDesk {
  const table = createLocks();
  /** Of one upload, one move at a time. */
  const moves = createLocks();
  const homes = new LRUCache<SessionId, Channel>(atMost(MOST_HOMES));
  const begun = new LRUCache<SessionId, Begun>(atMost(MOST_BEGUN));
  const served = new Set<Channel>();
  /** What all of those that are gone have left. */
  let recovered: Promise<unknown> = Promise.resolve();

  /** Those that may be the home of the upload; the one that asks is not asked. */
  function mayKeep(id: SessionId, asking: Channel | undefined): Channel[] {
    const home = homes.get(id);
    const asked = home !== undefined && served.has(home) ? [home] : [...served];
    return asked.filter((channel) => channel !== asking);
  }

  /**
   * Resolves when nobody is at work on the upload, nor will be. A process that dies has left as well. Gives the upload if it was
   * begun and nothing more.
   */
  async function leave(id: SessionId, asking?: Channel): Promise<Begun | undefined> {
    const answers = mayKeep(id, asking).map((channel) =>
      channel.ask('leave', { id }).catch((error: unknown) => {
        if (!channel.isCut()) throw error;
      }),
    );
    const untouched = (await Promise.all(answers)).find((answer) => begunSchema.safeParse(answer).success);
    await recovered;
    if (untouched === undefined) return undefined;
    const session = begunSchema.parse(untouched);
    begun.set(id, session);
    return session;
  }

  async function ownUpload<T>(id: SessionId, work: (lease: Lease) => Promise<T>): Promise<T> {
    return moves.exclusive(id, async () => {
      await leave(id);
      homes.delete(id);
      return work(OWN);
    });
  }

  return {
    locks: {
      shared: (name, work) => (isSessionId(name) ? ownUpload(name, work) : table.shared(name, work)),
      exclusive: (name, work) => (isSessionId(name) ? ownUpload(name, work) : table.exclusive(name, work)),
    },

    serve(channel) {
      /** What ends the holding of each ticket. */
      const held = new Map<number, () => void>();
      let journal: string | undefined;
      served.add(channel);

      channel.on('journal', (content) => {
        journal = ownerSchema.parse(content).owner;
      });

      channel.on('lock', (content) => {
        const { name, alone, ticket } = lockSchema.parse(content);
        const granted = Promise.withResolvers<void>();
        const released = Promise.withResolvers<void>();
        held.set(ticket, released.resolve);
        const hold = async () => {
          granted.resolve();
          await released.promise;
        };
        void (alone ? table.exclusive(name, hold) : table.shared(name, hold));
        return granted.promise;
      });

      channel.on('unlock', (content) => {
        const { ticket } = ticketSchema.parse(content);
        held.get(ticket)?.();
        held.delete(ticket);
      });

      channel.on('home', (content) => {
        const { id } = uploadSchema.parse(content);
        return moves.exclusive(id, async () => {
          const untouched = await leave(id, channel);
          homes.set(id, channel);
          channel.tell('home', {
            id,
            begun: untouched ?? begun.get(id),
            untouched: untouched !== undefined,
          });
        });
      });

      channel.on('begun', (content) => {
        const session = begunSchema.parse(content);
        begun.set(session.id, session);
      });

      channel.on('ended', (content) => void begun.delete(uploadSchema.parse(content).id));

      channel.on('show', async (content) => {
        const { id, repository } = shownSchema.parse(content);
        const asked = mayKeep(id, channel).map((other) => other.ask('show', { id, repository }));
        const answers = await Promise.allSettled(asked);
        await recovered;
        const shown = answers
          .filter((answer) => answer.status === 'fulfilled')
          .find(({ value }) => value !== undefined && value !== null)?.value;
        const known = begun.get(id);
        return (
          shown ?? (known?.repository === repository ? { startedAt: known.startedAt, size: 0 } : undefined)
        );
      });

      return {
        gone() {
          served.delete(channel);
          if (journal !== undefined) recovered = Promise.all([recovered, recover(journal)]);
          // Those that it still waits for are given to it too, and back at once.
          for (const release of held.values()) release();
          held.clear();
        },
      };
    },
  };
}
