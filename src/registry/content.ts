// Content by digest, whole or absent: no bytes are called a digest before they were seen to match it.
//
// Content that was written here was hashed on its way in. What another server left in the same directory, or what was changed
// since, is hashed when it is first asked for. Where the store keeps a seal with an object, that is the digest that its bytes
// were seen to match. Elsewhere the version of the object that matched is noted in the store, so that later a look at the
// version is enough to tell that it still does.
import { LRUCache } from 'lru-cache';
import type {
  ByteRange,
  ObjectReader,
  ObjectStat,
  Sealing,
  SmallObject,
  StagedWrite,
  StorageDriver,
} from '../../storage-drivers/driver.ts';
import { isKeyNotFound } from '../../storage-drivers/errors.ts';
import { atMost } from './at-most.ts';
import { type Algorithm, algorithmOf, createDigester, type Digest, digestOf } from './digest.ts';
import { blobData, blobVerdict } from './layout.ts';

export interface ContentStat {
  /** In bytes. */
  readonly size: number;
}

/** Who wants to count what is remembered. Must not throw. */
export interface ContentCounters {
  /** The memory was asked for a digest. */
  readonly asked?: (isHit: boolean) => void;
  /** What was found could not be noted for later. */
  readonly failed?: () => void;
}

export interface Content {
  /** What is known of whole content; `undefined` if it is absent, torn or wrong. */
  find(digest: Digest): Promise<ContentStat | undefined>;
  /**
   * Opens content, or a part of it that lies within; `undefined` as for `find`. The whole of large content that nobody has
   * looked at yet is hashed while it is read: if it is wrong, its last bytes do not come, but ContentDamaged.
   */
  open(digest: Digest, range?: ByteRange): Promise<ObjectReader | undefined>;
  /**
   * A URL under which the store itself gives the content away for some seconds; none for large content that nobody has looked
   * at yet. `undefined` if the content is absent.
   */
  presign(digest: Digest, seconds: number): Promise<{ readonly url?: string } | undefined>;
  /** Reads small content and checks every byte of it; `undefined` if it is absent, torn or wrong. */
  read(digest: Digest): Promise<Uint8Array | undefined>;
  /** Keeps small content under its digest, and then the objects that are seen only behind it. */
  put(digest: Digest, bytes: Uint8Array, followers?: readonly SmallObject[]): Promise<void>;
  /** The same for the bytes of a staged write, which the caller has seen to match the digest. */
  admit(write: StagedWrite, digest: Digest, followers?: readonly SmallObject[]): Promise<void>;
}

/** The bytes under a digest are others, which was noticed while they were read. */
export class ContentDamaged extends Error {
  override readonly name = 'ContentDamaged';
}

/** From this length on, in bytes, a client would wait too long for its first byte until everything is hashed. */
const HASHED_ON_THE_WAY = 16 * 1024 * 1024;
/** From this length on, in bytes, it is noted in the store that content was seen to match. */
const NOTED_FROM = 64 * 1024;
/** Digests whose state is remembered; an entry is some 200 bytes. */
const REMEMBERED = 20_000;
/** Bytes of small content that are remembered together, and of one of them at most. */
const REMEMBERED_BYTES = 8 * 1024 * 1024;
const REMEMBERED_UP_TO = 64 * 1024;

export function createContent(driver: StorageDriver, { asked, failed }: ContentCounters = {}): Content {
  /** The version of the object that was found whole or wrong. Another version is looked at anew. */
  const verdicts = new LRUCache<Digest, { readonly version: string; readonly whole: boolean }>(
    atMost(REMEMBERED),
  );
  const examinations = new Map<string, Promise<boolean>>();
  /**
   * Small content that was seen to match, where the store is too far away to be looked at for nothing. What a digest means never
   * changes, and nothing that runs beside a server takes content away; whether a repository has it is asked elsewhere.
   */
  const remembered =
    driver.sight === undefined
      ? new LRUCache<Digest, Uint8Array>({ maxSize: REMEMBERED_BYTES, maxEntrySize: REMEMBERED_UP_TO })
      : undefined;

  /** Whether it is whole, as far as that is known already. */
  async function knownWhole(
    digest: Digest,
    { version, seal, size }: ObjectStat,
  ): Promise<boolean | undefined> {
    if (seal === digest) return true;
    const verdict = verdicts.get(digest);
    asked?.(verdict?.version === version);
    if (verdict?.version === version) return verdict.whole;
    if (size < NOTED_FROM || (await notedVersion(digest)) !== version) return undefined;
    verdicts.set(digest, { version, whole: true });
    return true;
  }

  async function isWhole(digest: Digest, stat: ObjectStat): Promise<boolean> {
    const known = await knownWhole(digest, stat);
    if (known !== undefined) return known;
    return conclude(digest, stat, await examine(digest, stat.version));
  }

  async function conclude(digest: Digest, stat: ObjectStat, whole: boolean): Promise<boolean> {
    if (whole) await noteWhole(digest, stat);
    else verdicts.set(digest, { version: stat.version, whole });
    return whole;
  }

  /** Whether it takes so long to look that it is better done while somebody reads. */
  async function isUnseen(digest: Digest, stat: ObjectStat): Promise<boolean> {
    return stat.size >= HASHED_ON_THE_WAY && (await knownWhole(digest, stat)) === undefined;
  }

  /** The same bytes, of which the last ones wait until all of them were seen to be right. */
  async function* hashing(digest: Digest, reader: ObjectReader): AsyncGenerator<Uint8Array> {
    const digester = createDigester(algorithmOf(digest));
    let held: Uint8Array | undefined;
    for await (const chunk of reader.content) {
      if (held !== undefined) yield held;
      digester.update(chunk);
      held = Uint8Array.from(chunk);
    }
    const whole = await conclude(digest, reader, digester.digest() === digest);
    if (!whole) throw new ContentDamaged(`the store has other bytes under ${digest}`);
    if (held !== undefined) yield held;
  }

  /** Hashes stored bytes, once for all who ask at the same time. */
  function examine(digest: Digest, version: string): Promise<boolean> {
    const name = `${digest} ${version}`;
    const running = examinations.get(name);
    if (running !== undefined) return running;
    const started = hashStored(digest).finally(() => examinations.delete(name));
    examinations.set(name, started);
    return started;
  }

  async function hashStored(digest: Digest): Promise<boolean> {
    const reader = await driver.openRead(blobData(digest));
    return (await hashOf(reader, algorithmOf(digest))) === digest;
  }

  async function notedVersion(digest: Digest): Promise<string | undefined> {
    const note = await orAbsent(driver.read(blobVerdict(digest)));
    return note === undefined ? undefined : Buffer.from(note).toString('latin1');
  }

  /** A note that cannot be written costs another look later, and must not fail a pull on a full disk. */
  async function noteWhole(
    digest: Digest,
    { version, size }: Pick<ObjectStat, 'version' | 'size'>,
  ): Promise<void> {
    verdicts.set(digest, { version, whole: true });
    if (size < NOTED_FROM) return;
    const note = driver.write(blobVerdict(digest), Buffer.from(version, 'latin1'), { durable: false });
    await note.catch(() => failed?.());
  }

  /** Notes content that was just stored, where nothing that is kept with it tells that it is whole. */
  async function noteStored(digest: Digest, size: number, { isKept, version }: Sealing): Promise<void> {
    if (isKept) return;
    if (version !== undefined) return noteWhole(digest, { size, version });
    const stat = await orAbsent(driver.stat(blobData(digest)));
    if (stat !== undefined) await noteWhole(digest, stat);
  }

  async function find(digest: Digest): Promise<ContentStat | undefined> {
    const stat = await orAbsent(driver.stat(blobData(digest)));
    if (stat === undefined || !(await orAbsent(isWhole(digest, stat)))) return undefined;
    return { size: stat.size };
  }

  return {
    find,

    async presign(digest, seconds) {
      const stat = await orAbsent(driver.stat(blobData(digest)));
      if (stat === undefined) return undefined;
      if (await isUnseen(digest, stat)) return {};
      if (!(await orAbsent(isWhole(digest, stat)))) return undefined;
      if (driver.presignRead === undefined) return {};
      return { url: await driver.presignRead(blobData(digest), { seconds }) };
    },

    async open(digest, range) {
      const reader = await orAbsent(driver.openRead(blobData(digest), range));
      if (reader === undefined) return undefined;
      try {
        if (range === undefined && (await isUnseen(digest, reader))) {
          return { ...reader, content: hashing(digest, reader) };
        }
        if (await orAbsent(isWhole(digest, reader))) return reader;
      } catch (error) {
        await reader.close();
        throw error;
      }
      await reader.close();
      return undefined;
    },

    async read(digest) {
      const known = remembered?.get(digest);
      if (known !== undefined) return known;
      const bytes = await orAbsent(driver.read(blobData(digest)));
      if (bytes === undefined || digestOf(bytes, algorithmOf(digest)) !== digest) return undefined;
      remembered?.set(digest, bytes, { size: bytes.length + 1 });
      return bytes;
    },

    async put(digest, bytes, followers = []) {
      const present = await orAbsent(driver.stat(blobData(digest)));
      if (present?.size === bytes.length && (await orAbsent(isWhole(digest, present)))) {
        for (const { key, content } of followers) await driver.write(key, content);
        return;
      }
      const made = await driver.write(blobData(digest), bytes, { seal: digest, followers });
      await noteStored(digest, bytes.length, made);
    },

    async admit(write, digest, followers = []) {
      // Also over content that is there already: the rename costs nothing, and heals what was torn.
      const made = await driver.commit(write, blobData(digest), { seal: digest, followers });
      await noteStored(digest, write.size, made);
    },
  };
}

/** The digest of everything that a reader gives. */
export async function hashOf(reader: ObjectReader, algorithm: Algorithm): Promise<Digest> {
  const digester = createDigester(algorithm);
  for await (const chunk of reader.content) digester.update(chunk);
  return digester.digest();
}

/** The result, or `undefined` where the store has no such object. Other failures of the store are not absence. */
export async function orAbsent<T>(result: Promise<T>): Promise<T | undefined> {
  try {
    return await result;
  } catch (error) {
    if (isKeyNotFound(error)) return undefined;
    throw error;
  }
}
