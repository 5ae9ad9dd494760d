// The thread that hashes: for each { password, hash } that comes in, true or false goes out. JavaScript, so that the thread need
// not load what strips types.
import { parentPort } from 'node:worker_threads';
import bcrypt from 'bcryptjs';

parentPort?.on('message', ({ password, hash }) => {
  parentPort?.postMessage(bcrypt.compareSync(password, hash));
});
