// The thread of hash-thread.ts: hashes blocks of memory that it shares with the main thread. A message is a list: what to do, which
// hash it is about, and what it is done with. JavaScript, so that the thread need not load what strips types.
import { createHash } from 'node:crypto';
import { parentPort } from 'node:worker_threads';

/** @type {Map<number, import('node:crypto').Hash>} */
const hashes = new Map();

parentPort?.on('message', (/** @type {readonly [string, number, ...unknown[]]} */ [name, id, ...details]) => {
  const hash = hashes.get(id);
  if (name === 'begin') hashes.set(id, createHash(String(details[0])));
  else if (name === 'forget') hashes.delete(id);
  else if (name === 'copy' && hash !== undefined) hashes.set(Number(details[0]), hash.copy());
  else if (name === 'digest') parentPort?.postMessage(hash?.copy().digest('hex'));
  else if (name === 'update') {
    const [memory, length] = details;
    if (memory instanceof SharedArrayBuffer) hash?.update(new Uint8Array(memory, 0, Number(length)));
    parentPort?.postMessage(undefined);
  }
});
