// Secrets from whoever runs a command: typed unseen, or piped in. Never from the command line, which every user of the machine
// can read.
import type { Readable } from 'node:stream';

/** No secret could be read. The message is for whoever runs the command. */
export class NoSecretError extends Error {
  override readonly name = 'NoSecretError';
}

const MOST_BYTES = 4096;
const ENTER = new Set(['\r', '\n', '\u0004']);
const ERASE = new Set(['\u007f', '\b']);
const INTERRUPT = '\u0003';

type SecretInput = Readable & { readonly isTTY?: boolean; setRawMode?(raw: boolean): unknown };

interface SecretOutput {
  write(text: string): unknown;
}

/**
 * Asks twice on a terminal, without showing what is typed; elsewhere takes everything up to the end of the input, less one
 * line break at its end. Throws NoSecretError.
 */
export async function readSecret(prompt: string, input: SecretInput, output: SecretOutput): Promise<string> {
  if (!input.isTTY) return withoutLineBreak(await readAll(input));
  // Before the question is seen: whoever types ahead does not want to see it either.
  input.setRawMode?.(true);
  try {
    const [secret, again] = await typeLines([`${prompt}: `, 'Once more: '], input, output);
    if (secret === undefined || secret !== again) throw new NoSecretError('the two are not the same');
    return secret;
  } finally {
    input.setRawMode?.(false);
  }
}

async function readAll(input: AsyncIterable<Buffer | string>): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of input) {
    const bytes = Buffer.from(chunk);
    size += bytes.length;
    if (size > MOST_BYTES) throw new NoSecretError('the input is too long for a secret');
    chunks.push(bytes);
  }
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(Buffer.concat(chunks));
  } catch (error) {
    throw new NoSecretError('the input is not UTF-8', { cause: error });
  }
}

function withoutLineBreak(text: string): string {
  return text.replace(/\r?\n$/, '');
}

/** One line for each prompt. What comes behind the end of a line belongs to the next one. */
async function typeLines(
  prompts: readonly string[],
  input: SecretInput,
  output: SecretOutput,
): Promise<readonly string[]> {
  const { promise, resolve, reject } = Promise.withResolvers<readonly string[]>();
  const lines: string[] = [];
  let line: string[] = [];
  const ask = () => output.write(prompts[lines.length] ?? '');
  const take = (text: string) => {
    for (const character of text) {
      if (character === INTERRUPT) return reject(new NoSecretError('interrupted'));
      if (!ENTER.has(character)) {
        line = ERASE.has(character) ? line.slice(0, -1) : [...line, character];
        continue;
      }
      lines.push(line.join(''));
      line = [];
      output.write('\n');
      if (lines.length === prompts.length) return resolve(lines);
      ask();
    }
  };
  const ended = () => reject(new NoSecretError('the input ended'));
  input.setEncoding('utf8');
  input.on('data', take).once('end', ended).resume();
  ask();
  try {
    return await promise;
  } finally {
    input.off('data', take).off('end', ended).pause();
  }
}
