// Who the server runs as. A directory on the host that docker has made, or that the `registry` image has filled, belongs to
// root; the server takes it over once, gives up being root, and needs nothing of root after that.
import { accessSync, constants, lchownSync, lstatSync, mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

/** Nobody's number on a host; the bases without a shell use it too. */
const SERVER_USER = 65532;

/**
 * Makes the process the owner of the directory that the configuration names, or, where that is root, the server's own user,
 * which then owns what belonged to root in it. A process that is not root stays who it is. Commands without a directory, and
 * configurations with an error, are left to those who find the error.
 * @param {readonly string[]} words of our command line
 * @returns {Promise<string | undefined>} why the server cannot run so, in one line with what to do
 */
export async function becomeServerUser([command, ...words]) {
  const directory = command === 'serve' ? await directoryOf(words) : undefined;
  const uid = process.getuid?.() ?? 0;
  if (uid !== 0) return directory && describeUnwritable(directory, uid);
  try {
    const owner = directory === undefined ? serverUser() : ownerOf(directory);
    if (directory !== undefined) takeOver(directory, owner);
    process.setgroups?.([]);
    process.setgid?.(owner.gid);
    process.setuid?.(owner.uid);
    return undefined;
  } catch (error) {
    if (!isRefusal(error)) throw error;
    const who = `${SERVER_USER}:${SERVER_USER}`;
    return `cannot change from root to user ${who} (${error.message}): start the container with --user ${who} on a directory of that user, or with the capabilities CHOWN, DAC_READ_SEARCH, SETUID and SETGID`;
  }
}

/**
 * @param {readonly string[]} words
 * @returns {Promise<string | undefined>} the directory that a server with these words keeps everything in
 */
async function directoryOf(words) {
  const { configurationFor } = await import('../../src/cli/configuration.ts');
  try {
    const { driver } = (await configurationFor(words)).configuration.storage;
    return driver.name === 'filesystem' ? driver.rootdirectory : undefined;
  } catch {
    return undefined;
  }
}

function serverUser() {
  return { uid: SERVER_USER, gid: SERVER_USER };
}

/** @param {string} directory made if it is not there */
function ownerOf(directory) {
  mkdirSync(directory, { recursive: true });
  const { uid, gid } = lstatSync(directory);
  return uid === 0 ? serverUser() : { uid, gid };
}

/**
 * Gives directories of root, with the files in them, to the new owner. On every start, since the `registry` image may have
 * written in between; looks at directories only, and follows no links.
 * @param {string} root
 * @param {{ uid: number, gid: number }} owner
 */
function takeOver(root, { uid, gid }) {
  const pending = [root];
  let taken = 0;
  for (let directory = pending.pop(); directory !== undefined; directory = pending.pop()) {
    const isRoots = lstatSync(directory).uid === 0;
    for (const entry of readdirSync(directory, { withFileTypes: true })) {
      const path = join(directory, entry.name);
      if (entry.isDirectory()) pending.push(path);
      else if (isRoots) lchownSync(path, uid, gid);
    }
    if (!isRoots) continue;
    // After its files: whoever is interrupted here finds the directory again.
    lchownSync(directory, uid, gid);
    taken += 1;
  }
  if (taken > 0) process.stderr.write(`${root}: ${taken} directories of root belong to user ${uid} now\n`);
}

/**
 * @param {string} directory
 * @param {number} uid
 * @returns {string | undefined}
 */
function describeUnwritable(directory, uid) {
  try {
    accessSync(directory, constants.W_OK | constants.X_OK);
    return undefined;
  } catch (error) {
    if (!isRefusal(error)) return undefined;
    const gid = process.getgid?.() ?? uid;
    return `${directory} cannot be written by user ${uid}: on the host, run chown -R ${uid}:${gid} on the directory that is mounted there, or start the container without --user`;
  }
}

/**
 * @param {unknown} error
 * @returns {error is NodeJS.ErrnoException}
 */
function isRefusal(error) {
  const codes = ['EPERM', 'EACCES', 'EROFS'];
  return error instanceof Error && 'code' in error && codes.includes(String(error.code));
}
