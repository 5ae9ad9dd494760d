// Fills a store for `npm run bench:scale`, with several processes at once.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, rm } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';

/** Fills `<directory>/store` and resolves to the seconds that it took. Throws an Error if one of the processes fails. */
export async function fillStore(directory: string, scale: number): Promise<number> {
  const start = performance.now();
  const [store, seeds] = [join(directory, 'store'), join(directory, 'seeds')];
  await mkdir(store, { recursive: true });
  await mkdir(seeds);
  const parts = availableParallelism();
  await Promise.all(Array.from({ length: parts }, (_, part) => runPart(store, seeds, scale, part, parts)));
  await rm(seeds, { recursive: true });
  return (performance.now() - start) / 1000;
}

async function runPart(
  store: string,
  seeds: string,
  scale: number,
  part: number,
  parts: number,
): Promise<void> {
  const worker = join(import.meta.dirname, 'fill-part.ts');
  const child = fork(worker, [store, seeds, `${scale}`, `${part}`, `${parts}`], { execArgv: [] });
  const [code] = await once(child, 'exit');
  if (code !== 0) throw new Error(`the store was not filled: a process ended with ${code}`);
}
