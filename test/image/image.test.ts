// The image: built by the real docker from bases made here, run with the command that people have for `registry`, pushed to
// and pulled from, put in the place of Debian's docker-registry on its directory and taken out again.
import assert from 'node:assert/strict';
import { chown, mkdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { type Cleaner, startDaemon } from '../support/processes.ts';
import { stopProcess } from '../support/service.ts';
import { whyNotHere } from '../support/system-packages.ts';
import type { BridgedDocker } from './bridged-docker.ts';
import { buildImage, imagePrograms } from './built-image.ts';

const root = join(import.meta.dirname, '../..');
const SERVER_USER = 65532;
const START_LIMIT_MS = 20_000;

const skip = whyNotHere(imagePrograms, { root: true });

test('the image takes the place of `registry`', { skip }, async (t) => {
  const built = await buildImage(t);
  if (typeof built === 'string') return t.skip(built);
  const { daemon, directory } = built;
  const { docker, tryDocker, inNetwork } = daemon;

  /** `docker run -d`, and waits for the first answer on the port. Resolves to the milliseconds that took. */
  async function start(port: number, ...words: readonly string[]): Promise<number> {
    const began = performance.now();
    await docker('run', '-d', '-p', `${port}:5000`, '--restart=always', '--name', 'registry', ...words);
    await untilUp(daemon, port);
    return performance.now() - began;
  }

  async function push(port: number, name: string): Promise<void> {
    await docker('tag', 'content:1', `127.0.0.1:${port}/${name}`);
    await docker('push', `127.0.0.1:${port}/${name}`);
  }

  async function pull(port: number, name: string): Promise<void> {
    await docker('rmi', `127.0.0.1:${port}/${name}`).catch(() => undefined);
    await docker('pull', `127.0.0.1:${port}/${name}`);
  }

  /** Stopped first: what is killed leaves a sign of life, for which the next one waits. */
  async function remove(): Promise<void> {
    await docker('stop', 'registry');
    await docker('rm', '--volumes', 'registry');
  }
  const home = join(directory, 'home');

  await t.test('it declares what the `registry` image declares, and a health check', async () => {
    const { Config, Size } = await inspect(docker, 'image', 'berth', imageShape);
    assert.deepEqual(Object.keys(Config.ExposedPorts), ['5000/tcp']);
    assert.deepEqual(Object.keys(Config.Volumes), ['/var/lib/registry']);
    assert.ok(Config.Healthcheck.Test.length > 0);
    const base = await inspect(docker, 'image', 'test-base', z.object({ Size: z.number() }));
    const own = (Size - base.Size) / 1e6;
    t.diagnostic(`the image adds ${Math.round(own)} MB to its base, Node being most of it`);
    assert.ok(own < 300, `${own} MB`);
  });

  await t.test('it has a list of its packages, and no shell, npm or test in it', async () => {
    await docker('create', '--name', 'look', 'berth');
    await docker('cp', 'look:/app/sbom.cdx.json', directory);
    const bill = z
      .object({ bomFormat: z.literal('CycloneDX'), components: z.array(z.object({ name: z.string() })) })
      .parse(JSON.parse(await readFile(join(directory, 'sbom.cdx.json'), 'utf8')));
    assert.ok(bill.components.some(({ name }) => name === 'koa'));
    assert.ok(!bill.components.some(({ name }) => name === 'typescript'));
    for (const path of ['/bin/sh', '/usr/local/bin/npm', '/app/test', '/app/node_modules/typescript']) {
      assert.notEqual((await tryDocker('cp', `look:${path}`, directory)).code, 0, path);
    }
    await docker('rm', '--volumes', 'look');
  });

  await t.test('the command for `registry` works with it, on a directory that docker makes', async () => {
    const took = await start(50001, '-v', `${home}/registry:/var/lib/registry`, 'berth');
    t.diagnostic(`from docker run to the first answer: ${Math.round(took)} ms`);
    await push(50001, 'demo/app:1');
    await pull(50001, 'demo/app:1');
  });

  await t.test('the server is not root, and neither is what it writes', async () => {
    const { State } = await inspect(docker, 'container', 'registry', containerShape);
    const status = await readFile(`/proc/${State.Pid}/status`, 'utf8');
    assert.match(status, /^Uid:\t65532\t65532\t65532\t65532$/m);
    assert.match(status, /^Gid:\t65532\t65532\t65532\t65532$/m);
    assert.match(status, /^Groups:\t\s*$/m);
    assert.match(status, /^CapEff:\t0{16}$/m);
    assert.equal((await stat(join(home, 'registry/docker/registry/v2/repositories'))).uid, SERVER_USER);
  });

  await t.test('after a restart, and after a newer container took over, everything is there', async () => {
    await docker('restart', 'registry');
    await untilUp(daemon, 50001);
    await pull(50001, 'demo/app:1');
    await remove();
    await start(50001, '-v', `${home}/registry:/var/lib/registry`, 'berth', 'serve');
    await pull(50001, 'demo/app:1');
    await remove();
  });

  await t.test('it takes over the directory of docker-registry, and gives it back', async () => {
    const volume = join(directory, 'old');
    await runOld(t, daemon, volume, async () => push(50002, 'old/app:1'));
    assert.equal((await stat(volume)).uid, 0);
    await start(50001, '-v', `${volume}:/var/lib/registry`, 'berth');
    await pull(50001, 'old/app:1');
    await push(50001, 'old/app:2');
    await remove();
    await runOld(t, daemon, volume, async () => {
      await pull(50002, 'old/app:2');
      await push(50002, 'new/app:1');
    });
    // What the old one wrote as root in between can be written to again.
    await start(50001, '-v', `${volume}:/var/lib/registry`, 'berth');
    await pull(50001, 'new/app:1');
    await push(50001, 'new/app:2');
    await remove();
  });

  await t.test(
    'it starts from code that was compiled in the build, as root and as the user of the server',
    async () => {
      const tell = ['--env', 'NODE_DEBUG_NATIVE=COMPILE_CACHE'];
      for (const user of [[], ['--user', `${SERVER_USER}:${SERVER_USER}`]]) {
        const { stdout, stderr } = await docker('run', '--rm', ...user, ...tell, 'berth', 'check-config');
        const lines = `${stdout}${stderr}`.split('\n');
        assert.ok(lines.filter((line) => line.includes('was accepted')).length > 10);
        // The programs cannot be compiled without being run, and what is not there yet cannot be kept.
        const missed = lines.filter((line) =>
          /was rejected|no transpile cache|reading .* permission denied/.test(line),
        );
        assert.deepEqual(missed, []);
      }
    },
  );

  await t.test('a directory of somebody else is served as that user', async () => {
    const volume = join(directory, 'theirs');
    await mkdir(volume);
    await chown(volume, 1234, 1234);
    await start(50001, '-v', `${volume}:/var/lib/registry`, 'berth');
    const { State } = await inspect(docker, 'container', 'registry', containerShape);
    assert.match(await readFile(`/proc/${State.Pid}/status`, 'utf8'), /^Uid:\t1234\t/m);
    await push(50001, 'demo/app:1');
    await remove();
  });

  const hardened = ['--user', `${SERVER_USER}:${SERVER_USER}`, '--read-only', '--cap-drop', 'ALL'];
  hardened.push('--security-opt', 'no-new-privileges');

  await t.test(
    'it needs no capability and no writable file but its volume, and is found healthy',
    async () => {
      await start(50001, ...hardened, '--health-interval', '1s', 'berth');
      await push(50001, 'demo/app:1');
      await until(async () => {
        const { State } = await inspect(docker, 'container', 'registry', containerShape);
        return State.Health?.Status === 'healthy';
      });
      await remove();
    },
  );

  await t.test('where it cannot write it ends with one line that says what to do', async () => {
    const volume = join(directory, 'roots');
    await mkdir(volume, { mode: 0o755 });
    const mount = ['-v', `${volume}:/var/lib/registry`];
    const asUser = await tryDocker('run', '--rm', ...mount, ...hardened, 'berth');
    assert.equal(asUser.code, 1);
    assert.match(
      asUser.stderr,
      /^\/var\/lib\/registry cannot be written by user 65532: .*chown -R 65532:65532.*\n$/,
    );
    const withoutCapabilities = await tryDocker('run', '--rm', ...mount, '--cap-drop', 'ALL', 'berth');
    assert.equal(withoutCapabilities.code, 1);
    assert.match(withoutCapabilities.stderr, /^cannot change from root .*--user 65532:65532.*\n$/);
  });

  await t.test(
    'a configuration is found at either path of the `registry` image, or where the words say',
    async () => {
      const file = join(directory, 'config.yml');
      await writeFile(
        file,
        'version: 0.1\nstorage: { inmemory: {} }\nhttp: { addr: ":5000", headers: { X-Mine: [yes] } }\n',
      );
      const places: readonly (readonly [string, ...string[]])[] = [
        ['/etc/docker/registry/config.yml'],
        ['/etc/distribution/config.yml'],
        ['/my.yml', '/my.yml'],
        ['/my.yml', 'serve', '/my.yml'],
        ['/my.yml', 'registry', 'serve', '/my.yml'],
      ];
      for (const [path, ...words] of places) {
        await start(50001, '-v', `${file}:${path}:ro`, 'berth', ...words);
        assert.match((await inNetwork('curl', '-si', 'http://127.0.0.1:50001/v2/')).stdout, /x-mine: yes/i);
        await remove();
      }
    },
  );

  await t.test('the environment counts more than the configuration, for the health check too', async () => {
    const settings = ['REGISTRY_HTTP_ADDR=:7000', 'REGISTRY_STORAGE={inmemory: {}}'];
    const environment = settings.flatMap((setting) => ['--env', setting]);
    await docker(
      'run',
      '-d',
      '-p',
      '50001:7000',
      '--name',
      'registry',
      '--health-interval',
      '1s',
      ...environment,
      'berth',
    );
    await untilUp(daemon, 50001);
    await until(async () => {
      const { State } = await inspect(docker, 'container', 'registry', containerShape);
      return State.Health?.Status === 'healthy';
    });
    await remove();
  });

  await t.test('words that are not for a server are answered', async () => {
    const { version } = z
      .object({ version: z.string() })
      .parse(JSON.parse(await readFile(join(root, 'package.json'), 'utf8')));
    assert.equal((await docker('run', '--rm', 'berth', '--version')).stdout, `berth ${version}\n`);
    assert.match((await docker('run', '--rm', 'berth', '--help')).stdout, /^Usage: berth/);
    assert.match((await docker('run', '--rm', 'berth', 'check-config')).stdout, /in order/);
    const collect = await tryDocker(
      'run',
      '--rm',
      'berth',
      'garbage-collect',
      '/etc/docker/registry/config.yml',
    );
    assert.equal(collect.code, 1);
    assert.match(collect.stderr, /^Berth has no garbage-collect yet: .*\n$/);
  });
});

const imageShape = z.object({
  Size: z.number(),
  Config: z.object({
    ExposedPorts: z.record(z.string(), z.unknown()),
    Volumes: z.record(z.string(), z.unknown()),
    Healthcheck: z.object({ Test: z.array(z.string()) }),
  }),
});

const containerShape = z.object({
  State: z.object({ Pid: z.number(), Health: z.object({ Status: z.string() }).optional() }),
});

async function inspect<Value>(
  docker: BridgedDocker['docker'],
  kind: 'image' | 'container',
  name: string,
  shape: z.ZodType<Value>,
): Promise<Value> {
  const { stdout } = await docker('inspect', '--type', kind, '--format', '{{json .}}', name);
  return shape.parse(JSON.parse(stdout));
}

async function untilUp({ inNetwork, docker }: BridgedDocker, port: number): Promise<void> {
  const answers = () =>
    inNetwork('curl', '-sf', '-o', '/dev/null', `http://127.0.0.1:${port}/v2/`).then(
      () => true,
      () => false,
    );
  await until(answers).catch(async (error: unknown) => {
    const { stdout, stderr } = await docker('logs', 'registry');
    throw new Error(`the container does not answer:\n${stdout}${stderr}`, { cause: error });
  });
}

async function until(isSo: () => Promise<boolean>): Promise<void> {
  const limit = Date.now() + START_LIMIT_MS;
  while (!(await isSo())) {
    if (Date.now() > limit) throw new Error('it did not come to it in time');
    await sleep(20);
  }
}

/** Runs Debian's docker-registry as root on the directory, port 50002, while the work goes on. */
async function runOld(
  cleaner: Cleaner,
  daemon: BridgedDocker,
  directory: string,
  work: () => Promise<void>,
): Promise<void> {
  await mkdir(directory, { recursive: true });
  const file = `${directory}.yml`;
  await writeFile(
    file,
    `version: 0.1\nstorage: { filesystem: { rootdirectory: ${directory} } }\nhttp: { addr: 127.0.0.1:50002 }\n`,
  );
  const command = [...daemon.enter, 'docker-registry', 'serve', file];
  const answers = () => daemon.inNetwork('curl', '-sf', 'http://127.0.0.1:50002/v2/');
  const server = await startDaemon(command, {}, answers, cleaner);
  await work();
  await stopProcess(server, 'SIGTERM');
}
