#!/usr/bin/env node
// The command line: which command, and what its end means to the shell.
import { checkConfig } from './check-config.ts';
import { serve } from './serve.ts';
import { isConfigurationFileName, usage } from './usage.ts';

/** File operations that may wait for the disk at the same time. Node has 4, so that four slow syncs stop every pull. */
const FILE_THREADS = '16';

const commands = { serve, 'check-config': checkConfig };

async function main(words: readonly string[]): Promise<number> {
  process.env['UV_THREADPOOL_SIZE'] ??= FILE_THREADS;
  const [first, ...rest] = words;
  if (first === '--help' || first === '-h' || first === 'help') {
    process.stdout.write(`${usage}\n`);
    return 0;
  }
  if (first === 'serve' || first === 'check-config') return commands[first](rest);
  // What the `registry` image takes too: a configuration file alone.
  if (first !== undefined && isConfigurationFileName(first)) return serve(words);
  process.stderr.write(
    `${first === undefined ? 'no command given' : `unknown command: ${first}`}\n\n${usage}\n`,
  );
  return 1;
}

process.exitCode = await main(process.argv.slice(2));
