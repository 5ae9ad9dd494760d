#!/usr/local/bin/node
// What the container starts: finds the configuration where the `registry` image has it, sees to it that the server may write
// to its directory without being root, and runs the command in this process. JavaScript for the reason of src/cli/main.js.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { commandOf } from './command.js';
import { useCompiledCode } from './compiled-code.js';

const app = join(import.meta.dirname, '../..');

const code = await start(commandOf(process.argv.slice(2), existsSync));
if (code !== undefined) process.exitCode = code;

/**
 * @param {import('./command.js').Command} command
 * @returns {Promise<number | undefined>} the exit code, unless the command itself sets it
 */
async function start(command) {
  if (command.kind === 'answer') {
    process.stdout.write(`${command.text.replace('VERSION', versionOf())}\n`);
    return 0;
  }
  if (command.kind === 'refusal') {
    process.stderr.write(`${command.text}\n`);
    return 1;
  }
  useCompiledCode();
  const { becomeServerUser } = await import('./user.js');
  const problem = await becomeServerUser(command.words);
  if (problem !== undefined) {
    process.stderr.write(`${problem}\n`);
    return 1;
  }
  process.argv.splice(2, Infinity, ...command.words);
  await import('../../src/cli/main.js');
  return undefined;
}

function versionOf() {
  return JSON.parse(readFileSync(join(app, 'package.json'), 'utf8')).version;
}
