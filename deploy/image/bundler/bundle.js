// Run in the build of the image: writes the server as a few files of plain JavaScript, with everything of its packages that it uses,
// and their licenses. Of hundreds of modules each would cost a third of a millisecond at every start.
//
//     node bundle.js <directory>
//
// All files lie in one folder two levels down, as src/cli does: what is found beside a module or above it is found so here, too.
import { cp, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { build } from 'esbuild';

const project = join(import.meta.dirname, '../../..');
const [target = 'bundle'] = process.argv.slice(2);
const folder = join(target, 'deploy/image');

const { metafile } = await build({
  absWorkingDir: project,
  // Commands are started and threads are begun by these names.
  entryPoints: {
    main: 'src/cli/main.js',
    start: 'deploy/image/start.js',
    health: 'deploy/image/health.js',
    'disk-worker': 'storage-drivers/filesystem/disk-worker.js',
    'hash-worker': 'src/registry/hash-worker.js',
    'bcrypt-worker': 'src/auth/passwords/bcrypt-worker.js',
  },
  outdir: folder,
  bundle: true,
  // What only some configurations need stays in files of its own.
  splitting: true,
  format: 'esm',
  platform: 'node',
  target: 'node26',
  legalComments: 'none',
  metafile: true,
  // For packages that ask for modules of Node by `require`.
  banner: {
    js: "import { createRequire as requireFrom } from 'node:module'; const require = requireFrom(import.meta.url);",
  },
});
await cp(join(project, 'deploy/image/config.yml'), join(folder, 'config.yml'));
await cp(join(project, 'package.json'), join(target, 'package.json'));
for (const name of packagesIn(Object.keys(metafile.inputs))) await keepLicense(name);

/**
 * @param {readonly string[]} paths of modules
 * @returns {Set<string>} the folders of the packages that they are of
 */
function packagesIn(paths) {
  const folders = paths.map((path) => /^(?:.*\/)?node_modules\/(?:@[^/]+\/)?[^/]+/.exec(path)?.[0]);
  return new Set(folders.filter((name) => name !== undefined));
}

/** @param {string} name of the folder of a package */
async function keepLicense(name) {
  const { license = 'no license named', version } = JSON.parse(
    await readFile(join(project, name, 'package.json'), 'utf8'),
  );
  const files = (await readdir(join(project, name))).filter((file) =>
    /^(?:licen[cs]e|notice|copying)/i.test(file),
  );
  const texts = await Promise.all(files.map((file) => readFile(join(project, name, file), 'utf8')));
  const packageName = name.replace(/^node_modules\//, '');
  await mkdir(join(target, 'licenses'), { recursive: true });
  await writeFile(
    join(target, 'licenses', `${packageName.replaceAll('/', '-')}.txt`),
    `${[`${packageName} ${version}: ${license}`, ...texts].join('\n\n')}\n`,
  );
}
