// Run in the build: loads every module, so that what Node compiles of them is kept in the image for the user who runs this.
// Nothing of ours does anything at import.
import { glob } from 'node:fs/promises';
import { flushCompileCache } from 'node:module';
import { join } from 'node:path';
import { useCompiledCode } from './compiled-code.js';

const app = join(import.meta.dirname, '../..');

useCompiledCode();
for await (const file of glob('{config,src,storage-drivers}/**/*.ts', { cwd: app }))
  await import(join(app, file));
await import('./user.js');
flushCompileCache();
