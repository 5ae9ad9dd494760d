// The contract of a storage driver: durable bytes under keys, and nothing else.
//
// A driver knows no HTTP, no OCI and no Redis. It maps keys to objects; there are no directories, so a prefix exists
// exactly as long as an object below it does. No key is both an object and a prefix: a driver may refuse to make it so
// (`failed`), and none has to notice. Keys are checked before they arrive here (keys.ts, checked.ts), and every
// failure leaves as a DriverError (errors.ts).
//
// What every driver promises:
//   - What was answered is durable. When write, append, commit or delete resolves, a power cut does not undo it.
//   - An object is whole or absent. write and commit replace an object in one step: a reader sees the old bytes or the
//     new ones, never a mixture, never a part.
//   - A failed call changes nothing that a reader can see. The one exception is a store that fails in the last step, when
//     the change has been made but is not known to be durable: then either may be seen, and the call may be made again.
//   - Calls on different keys do not wait for one another, beyond what the machine itself makes them.
//
// A large object is made as a staged write: append as often as needed, then commit under its final key. A staged write is
// a plain value, of JSON but for bytes that it may hold, so that any process that has it and reaches the store can go on with it,
// also after a restart.
// The driver does not guard a staged write against two writers at once: whoever hands it out does. Whether read, stat and
// list show the staged bytes as an object is the driver's own affair; nobody may rely on it.

/** What is known of an object without reading it. */
export interface ObjectStat {
  /** Length of the whole object in bytes. */
  readonly size: number;
  /** Opaque; differs whenever the bytes under the key may differ. */
  readonly version: string;
  /** When the bytes under the key last changed, by the clock of the store: for a blob, when it was committed. */
  readonly modifiedAt: Date;
  /** What whoever made the object said of its bytes. It came with them and is gone with them. */
  readonly seal?: string;
}

/** A part of an object: `start` is the first byte, `end` the last one (inclusive), both counted from 0. */
export interface ByteRange {
  readonly start: number;
  readonly end: number;
}

/** An object opened for reading. Its owner either consumes `content` (once, to the end or to a `break`) or calls `close`. */
export interface ObjectReader extends ObjectStat {
  /**
   * The bytes asked for, in order. A chunk is valid only until the next one is asked for: its memory is used again. So
   * whoever sends it on waits until it is sent (Readable.from does not: it asks ahead).
   * Ends early with a DriverError if the store cannot give all of the bytes; never silently.
   */
  readonly content: AsyncIterable<Uint8Array>;
  /** Gives up the reader and what it holds open. Safe to call more than once, and after the content was consumed. */
  close(): Promise<void>;
}

/** A name directly below a prefix. `object`: a key ends here. `prefix`: there is at least one object below it. */
export interface ListEntry {
  readonly name: string;
  readonly kind: 'object' | 'prefix';
}

export interface ListOptions {
  /** Only names after this one, bytewise. It need not exist. */
  readonly after?: string;
  /** At most this many entries. Fewer than `limit` means that there are no more. */
  readonly limit?: number;
}

export interface WriteOptions {
  /**
   * `false` for what can be made again, or deleted again: readers see it in one step all the same, but a power cut may
   * undo or spoil it.
   * @default true
   */
  readonly durable?: boolean;
  /** A short ASCII text to be kept with the object, for stores that can. */
  readonly seal?: string;
  /**
   * What has to be durable before anybody may see the object, such as what it refers to. A driver may prepare the write meanwhile.
   * The write fails if this does, with an error of its own: whoever made the promise handles it.
   */
  readonly after?: Promise<unknown>;
  /**
   * Objects that are made behind this one, in their order. Each is seen only when all before it are there; when the call resolves
   * all of them are durable, and where it fails, or a power cut comes, those are there that come before some point. One way to the
   * store may do for all.
   */
  readonly followers?: readonly SmallObject[];
  /**
   * Nobody reads the object before the write resolves, and a torn one is as good as none: one that a crash left half-written may be
   * found there then.
   */
  readonly fresh?: boolean;
}

export type CommitOptions = Pick<WriteOptions, 'seal' | 'followers'>;

/** An object that is to be made. */
export interface SmallObject {
  readonly key: string;
  readonly content: Uint8Array;
}

/** What became of the seal of an object that was made. */
export interface Sealing {
  readonly isKept: boolean;
  /**
   * Of a seal that is not kept: the version of the very object that it was for. Absent where the store would have to be asked, and where no
   * seal was given.
   */
  readonly version?: string;
}

export interface AppendOptions {
  /**
   * `false` for bytes that are no loss: a power cut may take or spoil them, until a durable append has followed. If that fails, for
   * ever.
   * @default true
   */
  readonly durable?: boolean;
  /**
   * More will be appended many times, and nothing will be committed: the object is read as it is. There may be zeros behind its bytes then.
   * Of use where bytes are staged in place.
   */
  readonly grows?: boolean;
}

export interface DeleteOptions {
  /** As for writes. @default true */
  readonly durable?: boolean;
  /** Nothing is below the key. A store that would have to look for it, and could not know, need not. */
  readonly alone?: boolean;
}

/** What is added to an object: bytes, which nobody changes any more, or what gives them one after the other. */
export type ObjectContent = Uint8Array | AsyncIterable<Uint8Array>;

/** An unfinished object. Plain JSON but for `held`; everything but `key` and `size` is the driver's own. */
export interface StagedWrite {
  /** Where the unfinished bytes are kept; also what `delete` of a prefix above it removes. */
  readonly key: string;
  /** Bytes that are durable so far. */
  readonly size: number;
  /**
   * The key that it is committed under if everything fits. A driver may then stage the bytes right there, unseen until the
   * commit, which saves it a copy; such a write may be refused by `openStaged`, and by a `commit` to any other key.
   */
  readonly target?: string;
  /**
   * The most bytes that the value may hold itself, where the driver can save objects so. Whoever allows it keeps the value as
   * durably as an object before it says that the bytes are there, and forgets it after a commit or an abort: a value that holds
   * its bytes stays good.
   */
  readonly holds?: number;
  /** All bytes of the write, if they are not in the store. Nobody changes them. */
  readonly held?: Uint8Array;
  /** What the driver itself has to remember, such as the ids of uploaded parts. */
  readonly detail?: JsonValue;
}

export type JsonValue =
  | string
  | number
  | boolean
  | null
  | readonly JsonValue[]
  | { readonly [key: string]: JsonValue };

/**
 * A staged write with nothing in it yet. Nothing is stored before the first `append`. `target` is only for bytes whose final
 * key is known from the start, and that need not be read before the commit.
 */
export function newStagedWrite(key: string, target?: string, holds = 0): StagedWrite {
  return { key, size: 0, ...(target !== undefined && { target }), ...(holds > 0 && { holds }) };
}

/** Whether what was seen under a key is still there, unchanged. Answers at once. */
export type StillThere = () => boolean;

export interface PresignOptions {
  /** How long the URL holds. */
  readonly seconds: number;
}

export interface StorageDriver {
  /** The name under which the configuration knows the driver. */
  readonly name: string;

  /**
   * Staged bytes lie under their key as they are, where the `registry` image looks for them, and outlive an append that was
   * cut short.
   */
  readonly stagesInPlace?: true;

  /** The whole of a small object. Throws `keyNotFound`. */
  read(key: string): Promise<Uint8Array>;

  /** Makes or replaces a small object, in one step. */
  write(key: string, content: Uint8Array, options?: WriteOptions): Promise<Sealing>;

  /** Size and version of an object. Throws `keyNotFound`, also for a prefix. */
  stat(key: string): Promise<ObjectStat>;

  /**
   * Opens an object, or the given part of it. Throws `keyNotFound`, and `failed` if the part does not lie within the
   * object: the caller has checked it.
   */
  openRead(key: string, range?: ByteRange): Promise<ObjectReader>;

  /**
   * The names directly below a prefix (`''` for the root), sorted bytewise; only names that a key can have. A prefix
   * without objects has none. A store with real directories may show one that somebody else left empty as a `prefix`.
   */
  list(prefix: string, options?: ListOptions): Promise<readonly ListEntry[]>;

  /**
   * Removes the object under the key and every object below `key/`, but not `keyother`. Readers that are open go on.
   * On a directory everything disappears in one step. Resolves also when there was nothing.
   *
   * What the store keeps of staged writes below the key goes too, wherever that is: multipart uploads that are under way there,
   * or on the target of such a write, are ended.
   */
  delete(key: string, options?: DeleteOptions): Promise<void>;

  /**
   * Adds all of `content` after the first `write.size` bytes; whatever a broken attempt left behind them is dropped.
   * An empty content is fine and makes the staged bytes exist. As with a reader, a chunk is valid only until the next one is asked for,
   * and each costs a way to the store: whoever gets them small gathers them.
   *
   * Resolves to the longer write when everything is durable that it does not hold, if it is to be. If it throws, `write` is as
   * valid as it was before; an error thrown by `content` itself passes through unchanged.
   */
  append(write: StagedWrite, content: ObjectContent, options?: AppendOptions): Promise<StagedWrite>;

  /**
   * Opens the first `write.size` bytes of a staged write. Throws `keyNotFound` if they are gone or fewer; one of size 0
   * opens as empty, also when it was never appended to. One with a target may be refused (`failed`).
   */
  openStaged(write: StagedWrite): Promise<ObjectReader>;

  /**
   * Makes the first `write.size` bytes the object under `key`, in one step, replacing what was there; the staged write is
   * gone afterwards. Throws `keyNotFound` if the staged bytes are gone or fewer than `write.size`; a write of size 0
   * that was never appended to makes an empty object. One with a target may be refused under another key (`failed`).
   */
  commit(write: StagedWrite, key: string, options?: CommitOptions): Promise<Sealing>;

  /** Forgets a staged write and frees its space, multipart uploads included. Resolves also when there is none. */
  abort(write: StagedWrite): Promise<void>;

  /**
   * A URL under which anybody can GET the object, or ranges of it, from the store itself. Does not look whether there is such
   * an object. Drivers whose store has no such URLs have no such method.
   */
  presignRead?(key: string, options: PresignOptions): Promise<string>;

  /**
   * Makes anew what an earlier process was answered for and a power cut took from its place: some drivers write down first what they
   * are about to do. For whoever is the only one at work on the store, before anything is read of what may be concerned; where several
   * may start at once, `exclusively` lets one after the other do it, and is called only where there is something. Resolves to how many
   * objects were not as they had to be.
   */
  recover?(exclusively?: (work: () => Promise<number>) => Promise<number>): Promise<number>;

  /** Resolves when all that is durable is so in its own place, for whoever works on the store next, and may not know of `recover`. */
  settle?(): Promise<void>;

  /**
   * Looks at a key, and gives what tells later whether the object there, or the names directly below it if it is a prefix, are
   * still the same; also whether there is still nothing. Whoever wants to keep what is read under the key looks first and
   * reads then. `undefined` if it cannot be told, as after a change so fresh that the next one could not be told from it.
   *
   * Both answer without waiting, within microseconds, and see every change that was made by anybody before they were asked.
   * Drivers whose store is too far away for that have no such method.
   */
  sight?(key: string): StillThere | undefined;
}
