// Whether a registry gives back the bytes that were pushed.
import { createHash } from 'node:crypto';
import { WrongAnswer } from './connection.ts';

/** Pulls a blob and hashes it. Throws `WrongAnswer` if it is not what its digest says. */
export async function verifyBlob(url: string, repository: string, digest: string): Promise<void> {
  const answer = await fetch(`${url}/v2/${repository}/blobs/${digest}`);
  if (answer.status !== 200) throw new WrongAnswer(`${digest} was answered ${answer.status}, not 200`);
  const hash = createHash('sha256');
  for await (const bytes of answer.body ?? []) hash.update(bytes);
  const actual = `sha256:${hash.digest('hex')}`;
  if (actual !== digest) throw new WrongAnswer(`the bytes of ${digest} have the digest ${actual}`);
}
