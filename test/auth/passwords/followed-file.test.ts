import assert from 'node:assert/strict';
import { chmod, mkdir, rename, rm, stat, truncate, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { pino } from 'pino';
import { followPasswordFile, PasswordFileError } from '../../../src/auth/passwords/followed-file.ts';
import { temporaryDirectory } from '../../support/service.ts';

const HASH = '$2y$05$abcdefghijklmnopqrstuuHNbAKRhpaujgo33bRWs.NLUTJO3lOy2';
const users = (...names: readonly string[]) => names.map((name) => `${name}:${HASH}\n`).join('');

test('a file that is not there is refused, and the message says how to make it', async (t) => {
  const path = join(await temporaryDirectory(t), 'htpasswd');
  await refusedAtStart(
    path,
    `password file ${path} does not exist; make it with: htpasswd -Bc ${path} <name>`,
  );
  await assert.rejects(stat(path));
});

test('a directory, as docker makes it for a mount that is missing, is refused', async (t) => {
  const path = join(await temporaryDirectory(t), 'htpasswd');
  await mkdir(path);
  await refusedAtStart(path, `password file ${path} is not a file`);
});

test('a file with a bad entry is refused at start with its line', async (t) => {
  const path = join(await temporaryDirectory(t), 'htpasswd');
  await writeFile(path, `${users('alice')}bob:${HASH.replace('$05$', '$20$')}\n`);
  await refusedAtStart(path, `password file ${path}, line 2: its bcrypt cost is 20; at most 12 is taken`);
});

test('a file that is far too large is refused without being read', async (t) => {
  const path = join(await temporaryDirectory(t), 'htpasswd');
  await writeFile(path, '');
  await truncate(path, 2 ** 40);
  await refusedAtStart(path, `password file ${path} is larger than 16777216 bytes`);
});

test('a change is seen with the next look, a second after the last one', async (t) => {
  const { names, path, clock, lines } = await following(t, users('alice'));
  await writeFile(path, users('alice', 'bob'));
  clock.set(clock.start() + 999);
  assert.deepEqual(await names(), ['alice']);
  clock.set(clock.start() + 60_000);
  assert.deepEqual(await names(), ['alice', 'bob']);
  assert.equal(lines.length, 1);
  assert.match(lines[0] ?? '', /"users":2.*was read again/);
});

test('a change that keeps size and modification time is seen', async (t) => {
  const { names, path, clock } = await following(t, users('alice'));
  const { atime, mtime } = await stat(path);
  await writeFile(path, users('carol'));
  await utimes(path, atime, mtime);
  clock.pass(60_000);
  assert.deepEqual(await names(), ['carol']);
});

test('an older file put in place of the new one is seen', async (t) => {
  const { names, path, clock } = await following(t, users('alice'));
  await writeFile(`${path}.old`, users('carol'));
  await utimes(`${path}.old`, new Date(0), new Date(0));
  await rename(`${path}.old`, path);
  clock.pass(60_000);
  assert.deepEqual(await names(), ['carol']);
});

test('a file that was written to less than a second ago is left to its writer', async (t) => {
  const { names, path, clock, lines } = await following(t, users('alice', 'bob', 'carol'));
  clock.pass(60_000);
  await names();
  // Cut between two lines: nothing in it says that it is not whole.
  await writeFile(path, users('alice'));
  const { mtimeMs } = await stat(path);
  clock.set(mtimeMs + 500);
  assert.deepEqual(await names(), ['alice', 'bob', 'carol']);
  await writeFile(path, users('alice', 'bob'));
  clock.set((await stat(path)).mtimeMs + 1500);
  assert.deepEqual(await names(), ['alice', 'bob']);
  assert.equal(lines.length, 1);
});

test('a file that is emptied for good lets nobody in', async (t) => {
  const { names, path, clock } = await following(t, users('alice'));
  await writeFile(path, '');
  clock.pass(60_000);
  assert.deepEqual(await names(), []);
});

test('a new file that is cut short or wrong leaves the old set in force, and is told once', async (t) => {
  const { names, path, clock, lines } = await following(t, users('alice'));
  for (const [content, reason] of [
    [`${users('alice')}bob:${HASH.slice(0, 20)}`, /line 2: .*cut short/],
    ['alice:{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=\n', /line 1: .*SHA-1/],
    ['alice:open sesame\n', /line 1: .*plain password/],
  ] as const) {
    const before = lines.length;
    await writeFile(path, content);
    for (let look = 0; look < 3; look += 1) {
      clock.pass(60_000);
      assert.deepEqual(await names(), ['alice']);
    }
    assert.equal(lines.length, before + 1);
    assert.match(lines.at(-1) ?? '', reason);
    assert.match(lines.at(-1) ?? '', /"level":50/);
  }
  await writeFile(path, users('dave'));
  clock.pass(60_000);
  assert.deepEqual(await names(), ['dave']);
});

test('a file that goes leaves the old set in force, and is told once each time', async (t) => {
  const { names, path, clock, lines } = await following(t, users('alice'));
  for (const times of [1, 2]) {
    await rename(path, `${path}.away`);
    for (let look = 0; look < 3; look += 1) {
      clock.pass(60_000);
      assert.deepEqual(await names(), ['alice']);
    }
    assert.equal(lines.filter((line) => line.includes('does not exist')).length, times);
    await rename(`${path}.away`, path);
    clock.pass(60_000);
    assert.deepEqual(await names(), ['alice']);
  }
  await rm(path);
  await writeFile(path, users('bob'));
  clock.pass(60_000);
  assert.deepEqual(await names(), ['bob']);
});

test('what could not be read is tried again at the next look', async (t) => {
  if (process.getuid?.() === 0) return t.skip('root reads what nobody may read');
  const { names, path, clock } = await following(t, users('alice'));
  await writeFile(path, users('bob'));
  await chmod(path, 0);
  clock.pass(60_000);
  assert.deepEqual(await names(), ['alice']);
  await chmod(path, 0o600);
  clock.pass(60_000);
  assert.deepEqual(await names(), ['bob']);
});

test('a clock that is set back does not stop the looking', async (t) => {
  const { names, path, clock } = await following(t, users('alice'));
  await writeFile(path, users('bob'));
  clock.pass(-3_600_000);
  assert.deepEqual(await names(), ['bob']);
});

test('many who ask at once wait for one look, and all get what it found', async (t) => {
  const { names, path, clock, lines } = await following(t, users('alice'));
  await writeFile(path, users('bob'));
  clock.pass(60_000);
  const answers = await Promise.all(Array.from({ length: 20 }, names));
  assert.deepEqual(new Set(answers.flat()), new Set(['bob']));
  assert.equal(lines.length, 1);
});

async function refusedAtStart(path: string, message: string): Promise<void> {
  const follow = followPasswordFile(path, pino({ level: 'silent' }), () => new Date());
  await assert.rejects(follow, (error) => {
    assert.ok(error instanceof PasswordFileError);
    assert.equal(error.message, message);
    return true;
  });
}

/** A file that is followed by a clock that the test moves. */
async function following(t: TestContext, content: string) {
  const path = join(await temporaryDirectory(t), 'htpasswd');
  await writeFile(path, content);
  const lines: string[] = [];
  const log = pino({ level: 'debug' }, { write: (line: string) => void lines.push(line) });
  const start = Date.now();
  let ms = start;
  const file = await followPasswordFile(path, log, () => new Date(ms));
  const clock = {
    start: () => start,
    set(to: number) {
      ms = to;
    },
    pass(by: number) {
      ms += by;
    },
  };
  const names = async () => [...(await file.entries()).hashes.keys()];
  return { names, path, clock, lines };
}
