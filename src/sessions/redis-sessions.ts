// Upload sessions that several replicas share. That a session was begun is written into the store, as the `registry` image
// does it; how far it is, Redis knows. What Redis forgets or remembers wrongly costs the client another try, and never a
// wrong byte: bytes are committed only after their digest was compared.
import type { StorageDriver } from '../../storage-drivers/driver.ts';
import { orAbsent } from '../registry/content.ts';
import { RegistryError } from '../registry/errors.ts';
import { upload, uploadData } from '../registry/layout.ts';
import type { SessionId, UploadSession, UploadSessions } from '../registry/sessions.ts';
import type { RedisScript, RedisStore } from './redis.ts';
import { ownerKey } from './redis-locks.ts';
import { formatNote, parseNote, progressOf, readStartedAt, writeStartedAt } from './session-record.ts';

export interface RedisSessionsSettings {
  /** How long an idle session is remembered (`storage.maintenance.uploadpurging.age`). */
  readonly ttlMs: number;
}

// KEYS: note. ARGV: note, ttl.
const BEGIN: RedisScript = {
  name: 'begin',
  lua: `return redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])`,
};
const READ: RedisScript = { name: 'read', lua: `return redis.call('GET', KEYS[1])` };
const FORGET: RedisScript = { name: 'forget', lua: `return redis.call('DEL', KEYS[1])` };
// KEYS: note, owner. ARGV: note, ttl, token. Only who still has the session to itself may say how far it is.
const SAVE: RedisScript = {
  name: 'save',
  lua: `
if redis.call('GET', KEYS[2]) ~= ARGV[3] then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1`,
};

export function createRedisSessions(
  driver: StorageDriver,
  redis: RedisStore,
  { ttlMs }: RedisSessionsSettings,
): UploadSessions {
  return {
    async create(session) {
      // Without Redis the session would be lost with its first byte: better not to begin it.
      await redis.run(BEGIN, [noteKey(session.id)], [formatNote(session), ttlMs]);
      await writeStartedAt(driver, session);
    },

    async find(repository, id): Promise<UploadSession | undefined> {
      const key = uploadData(repository, id);
      const [noted, startedAt, data] = await Promise.all([
        redis.run(READ, [noteKey(id)], []),
        readStartedAt(driver, repository, id),
        orAbsent(driver.stat(key)),
      ]);
      const note = typeof noted === 'string' ? parseNote(Buffer.from(noted)) : undefined;
      // Where the store does not show the bytes so far, a session that Redis has forgotten is lost.
      if (startedAt === undefined || (note === undefined && data === undefined)) return undefined;
      return { id, repository, startedAt, ...progressOf(key, note, data?.size) };
    },

    async save(session, lease) {
      const keys = [noteKey(session.id), ownerKey(session.id)];
      const saved = await redis.run(SAVE, keys, [formatNote(session), ttlMs, lease.token]);
      if (saved !== 1) throw new RegistryError('unavailable');
    },

    async remove({ repository, id }) {
      await driver.delete(upload(repository, id), { durable: false });
      // What stays of it runs out by itself.
      await redis.run(FORGET, [noteKey(id)], []).catch(() => undefined);
    },
  };
}

/** In the same slot of a cluster as the lock of the session. */
function noteKey(id: SessionId): string {
  return `{${id}}:upload`;
}
