// Referrers of the repository `app`, pushed and listed.
import assert from 'node:assert/strict';
import { jsonOf } from './answers.ts';
import type { Http } from './app.ts';
import { describe, manifestOf, pushManifest } from './content.ts';
import { type Descriptor, digestOf, mediaTypes } from './sample-image.ts';

/** The entries of a list that is one page. */
export async function listed(http: Http, subject: string): Promise<unknown[]> {
  const { manifests } = jsonOf(await http.get(`/v2/app/referrers/${subject}`).expect(200));
  assert.ok(Array.isArray(manifests));
  return manifests;
}

/** Pushes an artifact with a subject, and gives the entry that it makes. */
export async function pushReferrer(http: Http, subject: object, fields: object = {}): Promise<Descriptor> {
  const bytes = manifestOf({ fields: { subject, ...fields } });
  await pushManifest(http, 'app', digestOf(bytes), bytes);
  return describe(bytes, mediaTypes.manifest);
}
