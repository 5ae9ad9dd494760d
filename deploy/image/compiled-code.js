// Has Node take what was compiled in the build. V8 takes it only under the flags that it was compiled under; the tests of the image
// find out when src/cli/main.js sets others.
import { enableCompileCache } from 'node:module';
import { join } from 'node:path';

/**
 * To be called before anything of the server is loaded, and before the process changes its user: code is kept by user.
 * @param {string} app
 */
export function useCompiledCode(app = join(import.meta.dirname, '../..')) {
  enableCompileCache(join(app, 'node_modules/.cache/berth'));
}
