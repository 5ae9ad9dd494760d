#!/usr/bin/env node
// Sets the process up before anything else is loaded, then runs the command. JavaScript, since what strips types costs 25 MB,
// and is not needed where the compiled code is at hand.
import { constants, enableCompileCache, flushCompileCache } from 'node:module';
import { join } from 'node:path';

/** File operations that may wait for the disk at the same time. Node has 4, so that four slow syncs stop every pull. */
const FILE_THREADS = '16';
/** When everything that a server needs is loaded, in all likelihood. */
const LOADED_AFTER_MS = 10_000;

// What is compiled once starts in half the time. Beside the code, and not where others could write.
const cache = enableCompileCache(join(import.meta.dirname, '../../node_modules/.cache/berth'));
process.env['UV_THREADPOOL_SIZE'] ??= FILE_THREADS;
leaveOutWebSockets();

const { loadCommand } = await import('./commands.ts');
const run = await loadCommand(process.argv.slice(2));
flushCompileCache();
if (hasStrippedTypes() && cache.status === constants.compileCacheStatus.ENABLED) startAgain();
// What a server loads by its configuration, kept also if it never ends by itself.
setTimeout(flushCompileCache, LOADED_AFTER_MS).unref();
process.exitCode = await run();

/**
 * An `import` of node:http reads everything that it exports, and its WebSocket brings with it all that `fetch` is made of: 14 MB and
 * 30 ms for what no server here needs.
 */
function leaveOutWebSockets() {
  const http = process.getBuiltinModule('node:http');
  for (const name of ['WebSocket', 'CloseEvent', 'MessageEvent']) Reflect.deleteProperty(http, name);
}

/** Whether Node has loaded what strips types. If this cannot be told, nothing is lost but memory. */
function hasStrippedTypes() {
  const loaded = 'moduleLoadList' in process ? process.moduleLoadList : [];
  return Array.isArray(loaded) && loaded.some((name) => String(name).includes('deps/amaro'));
}

/** In the same process, from the compiled code. At most once: where the code cannot be kept, it has to do as it is. */
function startAgain() {
  const guard = 'BERTH_STARTED_AGAIN';
  if (process.env[guard] !== undefined || process.execve === undefined) return;
  const words = [process.execPath, ...process.execArgv, ...process.argv.slice(1)];
  process.execve(process.execPath, words, { ...process.env, [guard]: '1' });
}
