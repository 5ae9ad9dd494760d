// Runs the `sh` blocks of the guides as they stand, one page after the other, in a network where localhost is the test's own
// docker, with Debian's docker-registry as the image `registry:2`.
import assert from 'node:assert/strict';
import { cp, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { buildImage, imagePrograms } from '../image/built-image.ts';
import { runCommand } from '../support/command.ts';
import { findProgram, whyNotHere } from '../support/system-packages.ts';
import { readGuides } from './blocks.ts';

const skip = whyNotHere([...imagePrograms, 'docker-compose', 'skopeo', 'nginx', 'openssl', 'ctr'], {
  root: true,
});

test('the commands of the guides work as they stand', { skip }, async (t) => {
  const built = await buildImage(t);
  if (typeof built === 'string') return t.skip(built);
  const { daemon, directory } = built;
  const { docker } = daemon;
  const guides = await readGuides();
  const ran = new Set<string>();
  const home = String(daemon.environment['HOME']);
  await mkdir(join(home, '.config/containers'), { recursive: true });
  await writeFile(
    join(home, '.config/containers/policy.json'),
    '{"default": [{"type": "insecureAcceptAnything"}]}',
  );

  async function makeOldImage(): Promise<void> {
    const folder = join(directory, 'old');
    await mkdir(folder);
    await cp(findProgram('docker-registry') ?? '', join(folder, 'registry'));
    const configuration =
      'version: 0.1\nstorage: { filesystem: { rootdirectory: /var/lib/registry } }\nhttp: { addr: ":5000" }\n';
    await writeFile(join(folder, 'config.yml'), configuration);
    await writeFile(
      join(folder, 'Dockerfile'),
      'FROM test-base\nCOPY registry /bin/registry\nCOPY config.yml /etc/docker/registry/config.yml\nENTRYPOINT ["/bin/registry"]\nCMD ["serve", "/etc/docker/registry/config.yml"]\n',
    );
    await docker('build', '--tag', 'registry:2', folder);
  }

  /** Runs every block of the page in a folder of its own that holds what `prepare` puts there. */
  async function follow(
    name: string,
    prepare: (folder: string) => Promise<void> = async () => undefined,
  ): Promise<string> {
    const folder = join(directory, `guide-${name}`);
    await mkdir(folder);
    await prepare(folder);
    let printed = '';
    for (const { language, text } of guides.get(name)?.blocks ?? []) {
      if (language !== 'sh') continue;
      // As for people: the server that was started last is up.
      const settled =
        'for n in $(seq 100); do curl -so /dev/null localhost:50001/v2/ && break; sleep 0.1; done\n';
      const { stdout } = await runCommand([...daemon.enter, 'sh', '-euc', `${settled}${text}`], {
        directory: folder,
        environment: daemon.environment,
      });
      printed += stdout;
      ran.add(name);
    }
    return printed;
  }

  async function publish(name: string): Promise<void> {
    await docker('tag', 'content:1', `localhost:50001/${name}`);
    await docker('push', `localhost:50001/${name}`);
  }

  await t.test('swap: to Berth, back, and to Berth again', async () => {
    await makeOldImage();
    const [, started = ''] = /^ {4}(docker run .* registry:2)$/m.exec(guides.get('swap')?.text ?? '') ?? [];
    await runCommand([...daemon.enter, 'sh', '-euc', started], { environment: daemon.environment });
    await runCommand([
      ...daemon.enter,
      'curl',
      '-sf',
      '--retry',
      '20',
      '--retry-all-errors',
      'localhost:50001/v2/',
    ]);
    await publish('demo/app:1');
    await follow('swap');
    assert.equal(
      (await docker('inspect', '--format', '{{.Config.User}}', 'registry')).stdout,
      '65532:65532\n',
    );
  });

  await t.test('tls: with a certificate of its own, and behind nginx', async (t) => {
    const folder = join(directory, 'guide-tls');
    t.after(async () => void (await runCommand(['nginx', '-p', folder, '-c', 'nginx.conf', '-s', 'stop'])));
    assert.equal(await follow('tls').then((printed) => printed.endsWith('{}')), true);
  });

  await t.test('without-tls: podman and its kin, and containerd', async () => {
    const printed = await follow('without-tls', async (folder) => {
      await docker('save', '--output', join(folder, 'image.tar'), 'content:1');
    });
    assert.match(printed, /"Name": "localhost:50001\/demo\/archive"/);
  });

  await t.test('compose: a project runs what it pulled, and publishes what it built', async () => {
    assert.match(await follow('compose'), /pulled and run/);
    await docker('pull', 'localhost:50001/demo/web:1');
  });

  await t.test('mirroring: one image, and a list of them', async () => {
    await publish('hub/library/busybox:1.37');
    // The docker.io of this network is the registry itself.
    await writeFile(
      join(home, '.config/containers/registries.conf'),
      '[[registry]]\nprefix = "docker.io"\nlocation = "localhost:50001/hub"\ninsecure = true\n',
    );
    const printed = await follow('mirroring');
    assert.match(printed, /"1.37"/);
    await docker('pull', 'localhost:50001/mirror/busybox:1.37');
  });

  await t.test('publishing: built and pushed', async () => {
    await follow('publishing', (folder) =>
      writeFile(join(folder, 'Dockerfile'), 'FROM content:1\nENV BUILT=yes\n'),
    );
    await docker('pull', 'localhost:50001/demo/published:1');
  });

  await t.test('no page has commands that were not run', () => {
    const withCommands = [...guides.values()].filter(({ blocks }) =>
      blocks.some(({ language }) => language === 'sh'),
    );
    assert.deepEqual(withCommands.map(({ name }) => name).sort(), [...ran].sort());
  });
});
