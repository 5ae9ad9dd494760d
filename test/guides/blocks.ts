// The blocks of code in the pages of docs/guides.
import { glob, readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';

export interface Block {
  /** Such as `sh`, which is run by the tests, or `console`, which cannot be. */
  readonly language: string;
  readonly text: string;
}

export interface Guide {
  /** The file's name, without `.md`. */
  readonly name: string;
  readonly text: string;
  readonly blocks: readonly Block[];
}

export const guidesFolder = join(import.meta.dirname, '../../docs/guides');

export async function readGuides(): Promise<ReadonlyMap<string, Guide>> {
  const guides = new Map<string, Guide>();
  for await (const path of glob('*.md', { cwd: guidesFolder })) {
    const text = await readFile(join(guidesFolder, path), 'utf8');
    const found = text.matchAll(/^```(\w+)\n([\s\S]*?)^```$/gm);
    const blocks = [...found].map(([, language = '', code = '']) => ({ language, text: code }));
    const name = basename(path, '.md');
    guides.set(name, { name, text, blocks });
  }
  return guides;
}
