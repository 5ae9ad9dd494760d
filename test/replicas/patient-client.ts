// A client that tries again, as docker and containerd do: what a push through a balancer is while replicas come and go.
import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import type { RegistryClient } from '../support/registry-client.ts';
import { digestOf, type SampleImage } from '../support/sample-image.ts';

/** The registry gave something else than it was given. Nobody tries again after that. */
export class WrongBytesError extends Error {
  override readonly name = 'WrongBytesError';
}

/** Longer than a lock outlives its holder. */
const PATIENCE_MS = 40_000;
const PAUSE_MS = 150;
/**
 * What a client may be told while replicas, Redis or the store come and go: the upload is gone; it is somewhere else than
 * expected; nobody can answer.
 */
const PASSING = [404, 416, 502, 503, 504];
/** What was acknowledged is never unknown, not even for a moment. */
const PASSING_PULLS = [502, 503, 504];

/** Pushes the image until that succeeds; gives the number of tries. */
export function insistOnPush(
  client: RegistryClient,
  repository: string,
  image: SampleImage,
  tag: string,
): Promise<number> {
  return insist(() => client.pushImage(repository, image, tag));
}

/** Pulls the image until that succeeds, as pullAndCheck does it; gives the number of tries. */
export function insistOnPull(
  client: RegistryClient,
  repository: string,
  image: SampleImage,
  tag: string,
): Promise<number> {
  return insist(() => pullAndCheck(client, repository, image, tag), PASSING_PULLS);
}

/** Repeats the work for as long as what goes wrong may pass; gives the number of tries. */
export async function insist(
  work: () => Promise<unknown>,
  passing: readonly number[] = PASSING,
): Promise<number> {
  const end = performance.now() + PATIENCE_MS;
  for (let tries = 1; ; tries += 1) {
    try {
      await work();
      return tries;
    } catch (error) {
      if (!mayPass(error, passing) || performance.now() > end) throw error;
      await sleep(PAUSE_MS);
    }
  }
}

/** Pulls the image by its tag and holds every byte of it to its digest. */
export async function pullAndCheck(
  client: RegistryClient,
  repository: string,
  image: SampleImage,
  reference: string = image.descriptor.digest,
): Promise<void> {
  const { content } = await client.getManifest(repository, reference);
  holdTo(image.descriptor.digest, content);
  for (const digest of image.blobs.keys()) holdTo(digest, await client.getBlob(repository, digest));
}

function holdTo(digest: string, content: Uint8Array): void {
  const actual = digestOf(content, digest.startsWith('sha512:') ? 'sha512' : 'sha256');
  if (actual !== digest) throw new WrongBytesError(`${actual} came under ${digest}`);
}

/** A connection that breaks is a TypeError of fetch. */
function mayPass(error: unknown, passing: readonly number[]): boolean {
  if (error instanceof assert.AssertionError) return passing.includes(Number(error.actual));
  return error instanceof TypeError;
}
