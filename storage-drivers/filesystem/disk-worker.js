// The thread of disk-thread.ts: makes small changes one after the other, each in a few system calls that nobody has to be told
// of. In comes a list of calls, [name, ...parameters]; out goes a list of outcomes in the same order, [result] or
// [undefined, what the system said]. JavaScript, so that the thread need not load what strips types.
import * as fs from 'node:fs';
import { dirname } from 'node:path';
import { parentPort } from 'node:worker_threads';

/** A directory can vanish between being made and being used, but only as often as somebody deletes what was in it. */
const ATTEMPTS = 100;
/** So many calls are answered together: who waits for the first of many goes on while the others are made. */
const AT_ONCE = 4;
/** Files of a removed directory that are taken away here; more would keep others waiting. */
const FEW = 16;

/** What disk-thread.ts describes. @type {Readonly<Record<string, (...parameters: never[]) => unknown>>} */
const calls = {
  look,
  read,
  create,
  put,
  append,
  write: writeAll,
  move,
  commit,
  openDirectories,
  remove,
  empty,
  unlink,
  prune,
};

parentPort?.on('message', (/** @type {readonly (readonly [string, ...unknown[]])[]} */ batch) => {
  for (let done = 0; done < batch.length; done += AT_ONCE) {
    parentPort?.postMessage(batch.slice(done, done + AT_ONCE).map(attempt));
  }
});

/** @param {readonly [string, ...unknown[]]} call */
function attempt([name, ...parameters]) {
  try {
    return [calls[name]?.(.../** @type {never[]} */ (parameters))];
  } catch (error) {
    const { code, errno, syscall, message } = /** @type {NodeJS.ErrnoException} */ (error);
    return [undefined, { code, errno, syscall, message }];
  }
}

/** @param {string} path */
function look(path) {
  const stats = fs.statSync(path, { bigint: true, throwIfNoEntry: false });
  if (!stats?.isFile()) return undefined;
  const { ino, size, mtimeNs } = stats;
  return { ino, size: Number(size), mtimeNs };
}

/** @param {string} path */
function read(path) {
  // Asked first: a file that is not there is no failure, and failures are dear.
  if (fs.statSync(path, { throwIfNoEntry: false }) === undefined) return undefined;
  const file = fs.openSync(path, 'r');
  try {
    const stats = fs.fstatSync(file);
    if (!stats.isFile()) return undefined;
    const content = new Uint8Array(stats.size);
    for (let done = 0; done < content.length; ) {
      const count = fs.readSync(file, content, done, content.length - done, done);
      if (count === 0) throw new Error(`the file ends at ${done} instead of ${content.length}`);
      done += count;
    }
    return content;
  } finally {
    fs.closeSync(file);
  }
}

/**
 * @param {string} path
 * @param {Uint8Array} content
 * @param {boolean} keepOpen
 */
function create(path, content, keepOpen) {
  const file = within(path, () => fs.openSync(path, 'wx'));
  try {
    writeAll(file, content, 0);
  } catch (error) {
    fs.closeSync(file);
    fs.unlinkSync(path);
    throw error;
  }
  if (keepOpen) return file;
  fs.closeSync(file);
  return undefined;
}

/**
 * @param {readonly { path: string, temporary: string, content: Uint8Array }[]} files
 * @param {boolean} [isWanted]
 */
function put(files, isWanted = false) {
  const [first] = files.map((file, index) => putOne(file, isWanted && index === 0));
  return first;
}

/**
 * @param {{ path: string, temporary: string, content: Uint8Array }} file
 * @param {boolean} isWanted
 */
function putOne({ path, temporary, content }, isWanted) {
  create(temporary, content, false);
  try {
    return move(temporary, path, isWanted);
  } catch (error) {
    fs.unlinkSync(temporary);
    throw error;
  }
}

/**
 * @param {string} path
 * @param {number} size
 * @param {Uint8Array} content
 * @param {boolean} keepOpen
 */
function append(path, size, content, keepOpen) {
  const { O_WRONLY, O_CREAT } = fs.constants;
  const open = () => fs.openSync(path, size === 0 ? O_WRONLY | O_CREAT : O_WRONLY);
  const file = size === 0 ? within(path, open) : open();
  let stays = false;
  try {
    const present = fs.fstatSync(file).size;
    if (present < size) return { missing: true };
    if (present > size) fs.ftruncateSync(file, size);
    try {
      writeAll(file, content, size);
    } catch (error) {
      fs.ftruncateSync(file, size);
      throw error;
    }
    stays = keepOpen;
    return keepOpen ? { file } : {};
  } finally {
    if (!stays) fs.closeSync(file);
  }
}

/**
 * @param {string} from
 * @param {string} to
 * @param {boolean} [isWanted]
 */
function move(from, to, isWanted = false) {
  // Most of what is moved is new, and so is its directory: to make it is cheaper than to be told that it is missing.
  makeDirectory(dirname(to));
  within(to, () => fs.renameSync(from, to), from);
  return isWanted ? look(to) : undefined;
}

/**
 * @param {string} path
 * @param {number} size
 * @param {string} target
 */
function commit(path, size, target) {
  const present = fs.statSync(path, { throwIfNoEntry: false });
  if (present === undefined) return 'gone';
  if (!present.isFile() || present.size < size) return 'shorter';
  if (present.size > size) return 'longer';
  // The object is as old as its commit, whenever its bytes came: whoever clears up goes by that.
  const now = new Date();
  fs.utimesSync(path, now, now);
  move(path, target);
  return 'done';
}

/** @param {readonly string[]} paths */
function openDirectories(paths) {
  /** @type {({ file: number, identity: string } | undefined)[]} */
  const opened = [];
  try {
    for (const path of paths) opened.push(openDirectory(path));
    return opened;
  } catch (error) {
    for (const each of opened) if (each !== undefined) fs.closeSync(each.file);
    throw error;
  }
}

/** @param {string} path */
function openDirectory(path) {
  const file = openToRead(path);
  if (file === undefined) return undefined;
  try {
    return { file, identity: identityOf(fs.fstatSync(file, { bigint: true })) };
  } catch (error) {
    fs.closeSync(file);
    throw error;
  }
}

/** @param {string} path */
function openToRead(path) {
  try {
    return fs.openSync(path, 'r');
  } catch (error) {
    if (isAbsence(error)) return undefined;
    throw error;
  }
}

/**
 * @param {string} path
 * @param {string} trashed
 */
function remove(path, trashed) {
  if (!fs.lstatSync(path).isDirectory()) {
    fs.unlinkSync(path);
    return false;
  }
  within(trashed, () => fs.renameSync(path, trashed), path);
  return true;
}

/** @param {string} directory */
function empty(directory) {
  const entries = fs.readdirSync(directory, { withFileTypes: true });
  if (entries.length > FEW || entries.some((entry) => entry.isDirectory())) return false;
  for (const { name } of entries) fs.unlinkSync(`${directory}/${name}`);
  fs.rmdirSync(directory);
  return true;
}

/** @param {string} path */
function unlink(path) {
  fs.unlinkSync(path);
}

/**
 * @param {string} directory
 * @param {string} root
 */
function prune(directory, root) {
  const gone = [];
  for (let current = directory; current !== root; current = dirname(current)) {
    try {
      fs.rmdirSync(current);
    } catch (error) {
      // Not empty, most of the time. Any other reason is no reason to fail a deletion that has been done.
      if (!isAbsence(error)) return gone;
    }
    gone.push(current);
  }
  return gone;
}

/**
 * Does what needs the directory of a path, and makes that where it is missing. `source` has to be there, or there is no point in it.
 * @template T
 * @param {string} path
 * @param {() => T} work
 * @param {string} [source]
 * @returns {T}
 */
function within(path, work, source) {
  for (let count = 1; ; count += 1) {
    try {
      return work();
    } catch (error) {
      const { code } = /** @type {NodeJS.ErrnoException} */ (error);
      if (code !== 'ENOENT' || count === ATTEMPTS) throw error;
      if (source !== undefined && fs.lstatSync(source, { throwIfNoEntry: false }) === undefined) throw error;
    }
    makeDirectory(dirname(path));
  }
}

/** @param {string} directory */
function makeDirectory(directory) {
  try {
    fs.mkdirSync(directory, { recursive: true });
  } catch (error) {
    // A directory on the way was removed in the meantime (which Node calls ENOTDIR when it had just found it there): the next
    // attempt makes it again. Where a file really is in the way, that attempt says so.
    if (!isAbsence(error) && /** @type {NodeJS.ErrnoException} */ (error).code !== 'EEXIST') throw error;
  }
}

/**
 * A write may take only a part, such as when the disk is nearly full: the rest then tells why.
 * @param {number} file
 * @param {Uint8Array} content
 * @param {number} position
 */
function writeAll(file, content, position) {
  for (let done = 0; done < content.length; ) {
    done += fs.writeSync(file, content, done, content.length - done, position + done);
  }
}

/** @param {fs.BigIntStats} stats */
function identityOf({ dev, ino, birthtimeNs }) {
  return `${dev}:${ino}:${birthtimeNs}`;
}

/** @param {unknown} error */
function isAbsence(error) {
  const { code } = /** @type {NodeJS.ErrnoException} */ (error);
  return code === 'ENOENT' || code === 'ENOTDIR';
}
