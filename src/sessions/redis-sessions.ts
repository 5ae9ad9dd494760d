// Upload sessions that several replicas share. That a session was begun is written into the store, as the `registry` image
// does it; how far it is, Redis knows. What Redis forgets or remembers wrongly costs the client another try, and never a
// wrong byte: the digest in a note is believed only for the very bytes that were there when it was written.
import { z } from 'zod';
import type { StorageDriver } from '../../storage-drivers/driver.ts';
import { orAbsent } from '../registry/content.ts';
import { RegistryError } from '../registry/errors.ts';
import { upload, uploadData } from '../registry/layout.ts';
import type { SessionId, UploadSession, UploadSessions } from '../registry/sessions.ts';
import type { RedisScript, RedisStore } from './redis.ts';
import { ownerKey } from './redis-locks.ts';
import {
  formatNote,
  type Note,
  parseNote,
  progressOf,
  readStartedAt,
  writeStartedAt,
} from './session-record.ts';

export interface RedisSessionsSettings {
  /** How long an idle session is remembered, in milliseconds (`storage.maintenance.uploadpurging.age`). */
  readonly ttlMs: number;
  /**
   * How long after Redis came back sessions are disputed, in milliseconds: it may have forgotten who writes, and a writer
   * notices within its lease.
   */
  readonly doubtMs: number;
}

/** However short the age for the purge is: a session that is gone before its first byte is of no use to anybody. */
const SHORTEST_TTL_MS = 60_000;

// KEYS: note. ARGV: note, ttl.
const BEGIN: RedisScript = `return redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])`;
// KEYS: note, claim. What is not there comes as an empty text.
const READ: RedisScript = `return { redis.call('GET', KEYS[1]) or '', redis.call('GET', KEYS[2]) or '' }`;
const FORGET: RedisScript = `return redis.call('DEL', KEYS[1], KEYS[2])`;
// KEYS: claim, owner. ARGV: token, ttl. Left behind by whoever never says how far it came.
const CLAIM: RedisScript = `
if redis.call('GET', KEYS[2]) ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1`;
// KEYS: note, owner, claim. ARGV: note, ttl, token. Only who still has the session to itself may say how far it is.
const SAVE: RedisScript = `
if redis.call('GET', KEYS[2]) ~= ARGV[3] then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
redis.call('DEL', KEYS[3])
return 1`;

export function createRedisSessions(
  driver: StorageDriver,
  redis: RedisStore,
  settings: RedisSessionsSettings,
): UploadSessions {
  const ttlMs = Math.max(Math.ceil(settings.ttlMs), SHORTEST_TTL_MS);
  let doubtfulUntil = Number.NEGATIVE_INFINITY;
  let wasAway = false;
  redis.onChange((state) => {
    if (state === 'up' && wasAway) doubtfulUntil = performance.now() + settings.doubtMs;
    wasAway = state === 'down';
  });

  return {
    async create(session) {
      // Without Redis the session would be lost with its first byte: better not to begin it.
      await redis.run(BEGIN, [noteKey(session.id)], [formatSighting(session, undefined), ttlMs]);
      await writeStartedAt(driver, session, 'none');
    },

    async find(repository, id): Promise<UploadSession | undefined> {
      const key = uploadData(repository, id);
      const [[noted, claim], start, data] = await Promise.all([
        redis.run(READ, [noteKey(id), claimKey(id)], []).then(parseTexts),
        readStartedAt(driver, repository, id),
        orAbsent(driver.stat(key)),
      ]);
      const sighting = noted === '' ? undefined : parseSighting(noted);
      // Whoever lost its lock without knowing may write over bytes without making them more.
      const isOfOtherBytes = data !== undefined && data.version !== sighting?.version;
      const note = isOfOtherBytes ? undefined : sighting?.note;
      // Where the store does not show the bytes so far, a session that Redis has forgotten is lost.
      if (start === undefined || (note === undefined && data === undefined)) return undefined;
      const { startedAt } = start;
      const progress = progressOf(key, note, data?.size);
      const isDisputed = claim !== '' || performance.now() < doubtfulUntil;
      return { id, repository, startedAt, ...progress, ...(isDisputed && { disputed: true }) };
    },

    async claim({ id }, { token }) {
      const claimed = await redis.run(CLAIM, [claimKey(id), ownerKey(id)], [token, ttlMs]);
      if (claimed !== 1) throw new RegistryError('unavailable');
    },

    async save(session, lease) {
      const data = await orAbsent(driver.stat(session.write.key));
      const keys = [noteKey(session.id), ownerKey(session.id), claimKey(session.id)];
      const values = [formatSighting(session, data?.version), ttlMs, lease.token];
      if ((await redis.run(SAVE, keys, values)) !== 1) throw new RegistryError('unavailable');
    },

    async remove({ repository, id }) {
      await driver.delete(upload(repository, id), { durable: false });
      // What stays of it runs out by itself.
      await redis.run(FORGET, [noteKey(id), claimKey(id)], []).catch(() => undefined);
    },
  };
}

/** In the same slot of a cluster as the lock of the session. */
function noteKey(id: SessionId): string {
  return `{${id}}:upload`;
}

/** Holds the token of whoever writes, or wrote until it lost its lock. */
function claimKey(id: SessionId): string {
  return `{${id}}:claim`;
}

function parseTexts(answer: unknown): [string, string] {
  return z.tuple([z.string(), z.string()]).parse(answer);
}

const sightingSchema = z.object({ version: z.string().optional(), note: z.string() });

/** How far a session is, and the version of the bytes for which that is so, where the store shows them. */
interface Sighting {
  readonly version?: string | undefined;
  readonly note: Note;
}

function formatSighting(session: UploadSession, version: string | undefined): string {
  return JSON.stringify({ version, note: formatNote(session) });
}

/** `undefined` for what nobody here has written. */
function parseSighting(text: string): Sighting | undefined {
  try {
    const { version, note: noted } = sightingSchema.parse(JSON.parse(text));
    const note = parseNote(Buffer.from(noted));
    return note && { version, note };
  } catch {
    return undefined;
  }
}
