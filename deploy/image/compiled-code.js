// Has Node take what was compiled in the build. V8 takes it only under the flags that it was compiled under, so they are set
// here as src/cli/main.js sets them for a server; the tests of the image find out when the two part.
import { enableCompileCache } from 'node:module';
import { join } from 'node:path';
import { setFlagsFromString } from 'node:v8';

/** The first major version of V8 that is known to have the flag. */
const KNOWN_V8 = 14;

/** To be called before anything of the server is loaded, and before the process changes its user: code is kept by user. */
export function useCompiledCode() {
  if (Number.parseInt(process.versions.v8, 10) >= KNOWN_V8) {
    setFlagsFromString('--external-memory-accounted-in-global-limit');
  }
  enableCompileCache(join(import.meta.dirname, '../../node_modules/.cache/berth'));
}
