// Registry clients that Debian does not package, built from their Go modules when that is asked for. Building takes
// minutes, so it is done once for a checkout, into node_modules/.cache.
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runCommand, tryCommand } from './command.ts';

const goClients = {
  crane: {
    module: 'github.com/google/go-containerregistry',
    version: 'v0.22.1',
    main: 'github.com/google/go-containerregistry/cmd/crane',
  },
  oras: { module: 'oras.land/oras', version: 'v1.3.2', main: 'oras.land/oras/cmd/oras' },
  helm: { module: 'helm.sh/helm/v3', version: 'v3.22.0', main: 'helm.sh/helm/v3/cmd/helm' },
  cosign: {
    module: 'github.com/sigstore/cosign/v2',
    version: 'v2.6.5',
    main: 'github.com/sigstore/cosign/v2/cmd/cosign',
  },
} as const;

export type GoClient = keyof typeof goClients;

const BUILD_LIMIT_MS = 1_800_000;
const cache = join(import.meta.dirname, '..', '..', 'node_modules', '.cache', 'berth-go-clients');

/** Why the Go clients are not tested here, in words for node:test's `skip`; `false` if they are. */
export async function whyNoGoClients(): Promise<string | false> {
  if (process.env['BERTH_TEST_GO_CLIENTS'] !== '1') {
    return 'builds four programs from source; set BERTH_TEST_GO_CLIENTS=1 to run it';
  }
  const hasGo = await tryCommand(['go', 'version']).catch(() => undefined);
  return hasGo?.code === 0 ? false : 'not installed: go';
}

/** Builds the client unless that was done before; gives the path of the program. */
export async function buildGoClient(client: GoClient): Promise<string> {
  const { module, version, main } = goClients[client];
  const program = join(cache, `${client}-${version}`);
  if (existsSync(program)) return program;
  await mkdir(cache, { recursive: true });
  // A module that requires the client's: `go install` asks the proxy for more than it needs, and may not get it.
  const folder = await mkdtemp(join(tmpdir(), `berth-build-${client}-`));
  try {
    await writeFile(
      join(folder, 'go.mod'),
      `module example.com/build\n\ngo 1.24\n\nrequire ${module} ${version}\n`,
    );
    const built = join(folder, client);
    const build = ['go', 'build', '-mod=mod', '-trimpath', '-o', built, main];
    await runCommand(build, { directory: folder, limit: BUILD_LIMIT_MS });
    const unfinished = `${program}.${process.pid}`;
    await runCommand(['cp', built, unfinished]);
    await rename(unfinished, program);
  } finally {
    await rm(folder, { recursive: true });
  }
  return program;
}
