// Which version this is: package.json says it, in the image too.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

const place = join(import.meta.dirname, '../../package.json');

export async function readVersion(): Promise<string> {
  const found: unknown = JSON.parse(await readFile(place, 'utf8'));
  const version = typeof found === 'object' && found !== null ? Reflect.get(found, 'version') : undefined;
  if (typeof version !== 'string') throw new TypeError(`${place} names no version`);
  return version;
}
