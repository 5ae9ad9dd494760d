// Secrets that are typed do not show; those that are piped are taken as they are.
import assert from 'node:assert/strict';
import { PassThrough } from 'node:stream';
import { test } from 'node:test';
import { readSecret } from '../../src/cli/read-secret.ts';

/** A terminal that keeps what it shows, and whether it shows what is typed. */
function openTerminal() {
  const shown: string[] = [];
  const modes: boolean[] = [];
  const keys = new PassThrough();
  const input = Object.assign(keys, { isTTY: true, setRawMode: (raw: boolean) => void modes.push(raw) });
  return {
    shown,
    modes,
    /** Types each line when it is asked for. */
    async read(...lines: string[]) {
      const left = [...lines];
      const output = {
        write(prompt: string) {
          assert.deepEqual(modes, [true], 'nothing that is typed from here on shows');
          shown.push(prompt);
          if (prompt !== '\n') queueMicrotask(() => keys.write(left.shift() ?? '\u0003'));
        },
      };
      return readSecret('Password', input, output);
    },
  };
}

test('what is typed does not show, and is asked for twice', async () => {
  const { read, shown, modes } = openTerminal();
  assert.equal(await read('pässword 🔑\r', 'pässword 🔑\r'), 'pässword 🔑');
  assert.deepEqual(shown, ['Password: ', '\n', 'Once more: ', '\n']);
  assert.deepEqual(modes, [true, false]);
});

test('a slip of the finger is taken back, and two that differ are refused', async () => {
  assert.equal(await openTerminal().read('ab\u007fc\n', 'acd\b\n'), 'ac');
  await assert.rejects(openTerminal().read('one\r', 'two\r'), { name: 'NoSecretError' });
});

test('both lines may come at once', async () => {
  assert.equal(await openTerminal().read('secret\rsecret\r'), 'secret');
});

test('an interrupt ends the question and leaves the terminal as it was', async () => {
  const { read, modes } = openTerminal();
  await assert.rejects(read('ab\u0003'), { name: 'NoSecretError', message: 'interrupted' });
  assert.deepEqual(modes, [true, false]);
});

test('what is piped in is taken without the line break at its end, and nothing else is', async () => {
  const piped = (content: string | Buffer) =>
    readSecret('Password', pipe(content), { write: () => assert.fail() });
  assert.equal(await piped(' secret \n'), ' secret ');
  assert.equal(await piped('secret\r\n'), 'secret');
  assert.equal(await piped('two\nlines\n\n'), 'two\nlines\n');
  assert.equal(await piped('secret'), 'secret');
  await assert.rejects(piped('x'.repeat(5000)), { name: 'NoSecretError' });
  await assert.rejects(piped(Buffer.from([0xff, 0xfe])), { name: 'NoSecretError' });
});

function pipe(content: string | Buffer): PassThrough {
  const stream = new PassThrough();
  stream.end(content);
  return stream;
}
