#!/usr/local/bin/node
// What the container starts: finds the configuration where the `registry` image has it, sees to it that the server may write
// to its directory without being root, and runs the command in this process. JavaScript for the reason of src/cli/main.js.
import { existsSync } from 'node:fs';
import { commandOf } from './command.js';
import { useCompiledCode } from './compiled-code.js';

const words = commandOf(process.argv.slice(2), existsSync);
useCompiledCode();
const { becomeServerUser } = await import('./user.js');
const problem = await becomeServerUser(words);
if (problem === undefined) {
  process.argv.splice(2, Infinity, ...words);
  await import('../../src/cli/main.js');
} else {
  process.stderr.write(`${problem}\n`);
  process.exitCode = 1;
}
