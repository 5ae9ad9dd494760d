import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PasswordEntryError, parsePasswordEntries } from '../../../src/auth/passwords/password-entries.ts';

const HASH = '$2y$05$abcdefghijklmnopqrstuuHNbAKRhpaujgo33bRWs.NLUTJO3lOy2';
const OTHER = '$2b$10$abcdefghijklmnopqrstuu9CyuiEyTnupb4rnoYIlshaDzoYa6ZaS';

test('names and hashes are read past comments, blank lines, spaces around lines and Windows line ends', () => {
  const text = `# people\r\n\r\nalice:${HASH}\r\n   \t\n\tbob:${OTHER}  \n  # robots\n`;
  const { hashes, costs } = parsePasswordEntries(text);
  assert.deepEqual(
    [...hashes],
    [
      ['alice', HASH],
      ['bob', OTHER],
    ],
  );
  assert.deepEqual(costs, [5, 10]);
});

test('the last line needs no end, as the registry image writes it', () => {
  assert.equal(parsePasswordEntries(`docker:${HASH}`).hashes.get('docker'), HASH);
});

test('of two lines for one name the later one counts, as in the registry image', () => {
  const { hashes, costs } = parsePasswordEntries(`a:${HASH}\na:${OTHER}\n`);
  assert.equal(hashes.get('a'), OTHER);
  assert.deepEqual(costs, [10]);
});

test('names are kept as they are: capitals, spaces inside, other scripts, names of the language itself', () => {
  for (const name of [
    'Alice',
    'alice smith',
    '공주님',
    'a@b.example',
    '__proto__',
    'constructor',
    'a "quoted" one',
  ])
    assert.equal(parsePasswordEntries(`${name}:${HASH}`).hashes.get(name), HASH);
  assert.equal(parsePasswordEntries(`a:${HASH}`).hashes.get('__proto__'), undefined);
});

test('a file without entries lets nobody in', () => {
  for (const text of ['', '\n\n', '# nobody']) assert.equal(parsePasswordEntries(text).hashes.size, 0);
});

test('a comment in another encoding does no harm, a name does', () => {
  const latin1 = Buffer.from('# f\xfcr M\xfcller\n', 'latin1').toString('utf8');
  assert.equal(parsePasswordEntries(`${latin1}a:${HASH}`).hashes.size, 1);
  assert.match(problemOf(Buffer.from(`M\xfcller:${HASH}`, 'latin1').toString('utf8')), /line 1: .*UTF-8/);
});

const wrong: readonly (readonly [title: string, entry: string, reason: RegExp])[] = [
  ['no colon', 'alice', /no colon/],
  ['an empty name', `:${HASH}`, /name is empty/],
  ['a name that cannot be printed', `al\u001bice:${HASH}`, /cannot be printed/],
  ['a name that turns the writing around', `al\u202eice:${HASH}`, /cannot be printed/],
  ['a name that is too long', `${'a'.repeat(256)}:${HASH}`, /longer than 255/],
  ['a SHA-1 hash', 'alice:{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=', /SHA-1/],
  ['an MD5 hash', 'alice:$apr1$r31.....$HqJZimcKQFAMYayBlzkrA/', /MD5/],
  ['a plain password', 'alice:open sesame', /plain password/],
  ['no hash', 'alice:', /no hash/],
  ['a hash that is cut short', `alice:${HASH.slice(0, -1)}`, /cut short/],
  ['a cost of 20', `alice:${HASH.replace('$05$', '$20$')}`, /cost is 20/],
  ['a second field', `alice:${HASH}:admin`, /something after/],
];
for (const [title, entry, reason] of wrong) {
  test(`an entry with ${title} refuses the file, with its line and without its hash`, () => {
    const message = problemOf(`# first\nbob:${HASH}\n\n${entry}\ncarol:${HASH}\n`);
    assert.match(message, /^line 4: /);
    assert.match(message, reason);
    for (const secret of ['5en6G6', 'HqJZ', 'open sesame', 'abcdefgh', 'KRhpaujgo33']) {
      assert.ok(!message.includes(secret), message);
    }
  });
}

function problemOf(text: string): string {
  try {
    parsePasswordEntries(text);
  } catch (error) {
    assert.ok(error instanceof PasswordEntryError);
    return error.message;
  }
  return assert.fail('it was taken');
}
