// Run in the build: loads every module of the bundle, so that what Node compiles of them is kept in the image for the user who runs
// this. Nothing of ours does anything at import, but for the programs and the threads.
import { readdir } from 'node:fs/promises';
import { flushCompileCache } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { useCompiledCode } from './compiled-code.js';

const RUN_ALONE = /^(?:main|start|health|\w+-worker)\.js$/;

const [folder = ''] = process.argv.slice(2);
useCompiledCode(join(folder, '../..'));
for (const file of await readdir(folder)) {
  if (file.endsWith('.js') && !RUN_ALONE.test(file)) await import(pathToFileURL(join(folder, file)).href);
}
flushCompileCache();
