// How the requests of one of several processes keep out of the way of those of the others: locks from the primary, uploads at
// home in one process at a time (lock-desk.ts).
//
// A lock that was given holds as long as the wire to the primary does. When that is cut the process ends; until it has, it
// writes nothing more.
import { randomUUID } from 'node:crypto';
import { setImmediate } from 'node:timers/promises';
import { LRUCache } from 'lru-cache';
import { z } from 'zod';
import { newStagedWrite, type StorageDriver } from '../../storage-drivers/driver.ts';
import { atMost } from '../registry/at-most.ts';
import { RegistryError } from '../registry/errors.ts';
import { uploadData } from '../registry/layout.ts';
import { createLocks, type Lease, type Locks } from '../registry/locks.ts';
import { isRepositoryName, type RepositoryName } from '../registry/name.ts';
import { isSessionId, type SessionId, type UploadSession } from '../registry/sessions.ts';
import type { Coordination } from '../sessions/coordination.ts';
import { createSessionJournal, type SessionJournal } from '../sessions/journal.ts';
import { moveOutQuiet } from '../sessions/quiet-uploads.ts';
import { createStorageSessions } from '../sessions/storage.ts';
import type { Channel } from './channel.ts';
import { type Begun, homeSchema, type Owner, shownSchema, uploadSchema } from './lock-desk.ts';

/** Uploads that are at home here, at most; those that have been quiet for longest move out. */
const MOST_AT_HOME = 50_000;

/** What is known of an upload that came home here. */
interface Inherited {
  readonly begun: Begun;
  readonly untouched: boolean;
}

const shownAsSchema = z.object({ startedAt: z.iso.datetime(), size: z.number() });

export function createWorkerCoordination(driver: StorageDriver, channel: Channel): Coordination {
  const journal = driver.stagesInPlace ? openJournal(driver, channel) : undefined;
  const sessions = createStorageSessions(driver, journal);
  const quiet = journal && moveOutQuiet(journal, writeDown);
  /** Among the requests of this process. */
  const local = createLocks();
  const home = new LRUCache<SessionId, true>({
    ...atMost(MOST_AT_HOME),
    // It may not hold what nobody can take from it.
    dispose: (_, id, reason) => void (reason === 'evict' && writeDown(id).catch(() => undefined)),
  });
  /** Of uploads that came home here, how they were begun. If that is in the store, or they have bytes, the store knows better. */
  const inherited = new LRUCache<SessionId, Inherited>(atMost(MOST_AT_HOME));
  const moving = new Map<SessionId, PromiseWithResolvers<void>>();
  let tickets = 0;

  const lease: Lease = {
    token: '',
    async confirm() {
      if (channel.isCut()) throw new RegistryError('unavailable');
    },
    isLost: () => channel.isCut(),
  };

  /**
   * Resolves when nobody here is at work on the upload. Gives it if it was begun and nothing more; else the store knows all of it.
   * Throws what the store throws; the upload is still here then.
   */
  function moveOut(id: SessionId): Promise<Begun | undefined> {
    home.delete(id);
    return local.exclusive(id, async () => {
      const session = sessions.takeOut(id);
      if (session === undefined) await sessions.handOver(id);
      const heir = inherited.get(id);
      inherited.delete(id);
      if (session !== undefined) return describeBeginning(session);
      return heir?.untouched === true ? heir.begun : undefined;
    });
  }

  /** Makes room, without anybody who waits for it. The upload stays at home here. */
  async function writeDown(id: SessionId): Promise<void> {
    await local.exclusive(id, () => sessions.handOver(id));
  }

  function moveIn(id: SessionId): Promise<void> {
    const running = moving.get(id);
    if (running !== undefined) return running.promise;
    const moved = Promise.withResolvers<void>();
    moving.set(id, moved);
    channel.ask('home', { id }).catch((error: unknown) => {
      moving.delete(id);
      moved.reject(error);
    });
    return moved.promise;
  }

  async function atHome<T>(id: SessionId, kind: keyof Locks, work: (lease: Lease) => Promise<T>): Promise<T> {
    for (;;) {
      if (!home.has(id)) await moveIn(id);
      const done = await local[kind](id, async () =>
        // Another process may have asked for it while this request waited for its turn.
        home.get(id) === true ? { result: await work(lease) } : undefined,
      );
      if (done !== undefined) return done.result;
    }
  }

  async function fromPrimary<T>(
    name: string,
    alone: boolean,
    work: (lease: Lease) => Promise<T>,
  ): Promise<T> {
    tickets += 1;
    const ticket = tickets;
    try {
      await channel.ask('lock', { name, alone, ticket });
      return await work(lease);
    } finally {
      channel.tell('unlock', { ticket });
    }
  }

  /** An upload of which nothing is in the store yet may have been begun by another process, which may be gone. */
  async function findBegun(repository: RepositoryName, id: SessionId): Promise<UploadSession | undefined> {
    const { begun, untouched = false } = inherited.get(id) ?? {};
    if (begun?.repository !== repository) return undefined;
    if (!untouched) {
      const found = await sessions.find(repository, id);
      if (found !== undefined) return found;
    }
    const write = newStagedWrite(uploadData(repository, id), undefined, sessions.holds);
    const session = { id, repository, startedAt: new Date(begun.startedAt), write };
    inherited.delete(id);
    await sessions.create(session);
    return session;
  }

  /** The same for one that is not at home here: to look where it stands, it is left where it is. */
  async function lookElsewhere(
    repository: RepositoryName,
    id: SessionId,
  ): Promise<UploadSession | undefined> {
    const { data: shown } = shownAsSchema.safeParse(await channel.ask('show', { id, repository }));
    // The bytes of one that was begun by a process which is gone by now may have come to the store meanwhile.
    const found = shown === undefined || shown.size === 0 ? await sessions.find(repository, id) : undefined;
    if (found !== undefined || shown === undefined) return found;
    const write = { key: uploadData(repository, id), size: shown.size };
    return { id, repository, startedAt: new Date(shown.startedAt), write };
  }

  // A message, and not the answer: it comes before the next process is given the upload, and so before `leave`.
  channel.on('home', (content) => {
    const { id, begun, untouched } = homeSchema.parse(content);
    home.set(id, true);
    if (begun === undefined) inherited.delete(id);
    else inherited.set(id, { begun, untouched });
    moving.get(id)?.resolve();
    moving.delete(id);
  });
  channel.on('leave', async (content) => {
    const { id } = uploadSchema.parse(content);
    // Who has waited for the upload takes a turn first, or those that want it could go on taking it from one another.
    await setImmediate();
    return moveOut(id);
  });
  channel.on('show', async (content) => {
    const { id, repository } = shownSchema.parse(content);
    if (!home.has(id) || !isRepositoryName(repository)) return undefined;
    const session = await sessions.find(repository, id);
    return session && { startedAt: session.startedAt.toISOString(), size: session.write.size };
  });

  return {
    locks: {
      shared: (name, work) =>
        isSessionId(name) ? atHome(name, 'shared', work) : fromPrimary(name, false, work),
      exclusive: (name, work) =>
        isSessionId(name) ? atHome(name, 'exclusive', work) : fromPrimary(name, true, work),
    },
    sessions: {
      get holds() {
        return sessions.holds ?? 0;
      },
      async create(session) {
        await sessions.create(session);
        home.set(session.id, true);
        // Goes with what is told of the client's quota, before the client hears of the upload (quota-desk.ts).
        channel.tell('begun', describeBeginning(session));
      },
      async find(repository, id) {
        for (;;) {
          const isHere = home.has(id);
          const begun = isHere ? await findBegun(repository, id) : undefined;
          const found = begun ?? (await sessions.find(repository, id));
          if (found !== undefined) return found;
          // It may have moved meanwhile: from where it was not looked for to where it is.
          if (isHere === home.has(id)) return isHere ? undefined : lookElsewhere(repository, id);
        }
      },
      async claim(session, held) {
        inherited.delete(session.id);
        await sessions.claim(session, held);
      },
      async save(session, held) {
        inherited.delete(session.id);
        await sessions.save(session, held);
      },
      async remove(session) {
        await sessions.remove(session);
        const { id } = session;
        inherited.delete(id);
        home.delete(id);
        channel.tell('ended', { id });
      },
    },
    async close() {
      quiet?.stop();
      await sessions.close();
    },
  };
}

/** The primary is told whose it is before there is anything in it: it recovers what a worker that dies leaves. */
function openJournal(driver: StorageDriver, channel: Channel): SessionJournal {
  const owner = randomUUID();
  channel.tell('journal', { owner } satisfies Owner);
  return createSessionJournal(driver, { owner });
}

function describeBeginning({ id, repository, startedAt }: UploadSession): Begun {
  return { id, repository, startedAt: startedAt.toISOString() };
}
