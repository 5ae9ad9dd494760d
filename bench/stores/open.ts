// Gets the store that was asked for ready.
import { provideProgram } from '../packages.ts';
import { createDirectoryStore } from './directory.ts';
import type { Store, StoreKind } from './store.ts';

const CEPH = ['ceph-mon', 'ceph-osd', 'radosgw'] as const;

/**
 * `directory`: an empty one. What has to be stopped is handed to `tidy`. Throws an Error if the programs of the store are
 * missing and cannot be installed.
 */
export async function openStore(
  kind: StoreKind,
  directory: string,
  tidy: AsyncDisposableStack,
  print: (line: string) => void,
): Promise<Store> {
  if (kind === 'directory') return createDirectoryStore(directory);
  for (const program of CEPH) {
    if (!(await provideProgram(program, print))) throw new Error(`--store s3 needs ${program}`);
  }
  print('starting the gateway');
  // Only who measures S3 loads its client.
  const { startS3Buckets } = await import('./s3.ts');
  return startS3Buckets(directory, tidy);
}
