// Blobs and manifests for protocol tests, and the ordinary steps that push them.
import assert from 'node:assert/strict';
import { headerOf } from './answers.ts';
import type { Http } from './app.ts';
import { type Algorithm, type Descriptor, digestOf, mediaTypes } from './sample-image.ts';

export const algorithms: readonly Algorithm[] = ['sha256', 'sha512'];

/** The descriptor under which the empty config of artifacts is known (image-spec manifest.md). */
export const EMPTY_CONFIG = Buffer.from('{}');
export const EMPTY_TYPE = 'application/vnd.oci.empty.v1+json';

export interface Blob {
  readonly bytes: Buffer;
  readonly digest: string;
}

export function blobOf(content: string | Buffer, algorithm: Algorithm = 'sha256'): Blob {
  const bytes = Buffer.from(content);
  return { bytes, digest: digestOf(bytes, algorithm) };
}

export function describe(
  content: Uint8Array,
  mediaType: string,
  algorithm: Algorithm = 'sha256',
): Descriptor {
  return { mediaType, digest: digestOf(content, algorithm), size: content.length };
}

export interface ManifestOptions {
  readonly algorithm?: Algorithm;
  readonly layers?: readonly Buffer[];
  /** Written over what is there otherwise. */
  readonly fields?: object;
}

/** The bytes of an OCI image manifest with an empty config. */
export function manifestOf({ algorithm = 'sha256', layers = [], fields = {} }: ManifestOptions = {}): Buffer {
  return encode({
    schemaVersion: 2,
    mediaType: mediaTypes.manifest,
    config: describe(EMPTY_CONFIG, EMPTY_TYPE, algorithm),
    layers: layers.map((layer) => describe(layer, mediaTypes.layer, algorithm)),
    ...fields,
  });
}

export function indexOf(manifests: readonly object[], fields: object = {}): Buffer {
  return encode({ schemaVersion: 2, mediaType: mediaTypes.index, manifests, ...fields });
}

export function encode(value: unknown): Buffer {
  return Buffer.from(JSON.stringify(value));
}

/** Opens an upload; gives its Location. */
export async function beginUpload(http: Http, repository: string): Promise<string> {
  return headerOf(await http.post(`/v2/${repository}/blobs/uploads/`).expect(202), 'Location');
}

/** Adds a query parameter to a Location. */
export function withQuery(location: string, parameter: string): string {
  return `${location}${location.includes('?') ? '&' : '?'}${parameter}`;
}

/** Pushes a blob in one request; gives its digest. */
export async function pushBlob(
  http: Http,
  repository: string,
  content: string | Buffer,
  algorithm: Algorithm = 'sha256',
): Promise<string> {
  const { bytes, digest } = blobOf(content, algorithm);
  await http.post(`/v2/${repository}/blobs/uploads/?digest=${digest}`).send(bytes).expect(201);
  return digest;
}

/** Pushes a manifest as its own media type says; gives its digest. */
export async function pushManifest(
  http: Http,
  repository: string,
  reference: string,
  bytes: Buffer,
): Promise<string> {
  const answer = await putManifest(http, repository, reference, bytes);
  assert.equal(answer.status, 201, String(answer.body));
  return headerOf(answer, 'Docker-Content-Digest');
}

/** Sends a manifest; the answer may be a refusal. */
export function putManifest(http: Http, repository: string, reference: string, bytes: Buffer, type?: string) {
  const request = http.put(`/v2/${repository}/manifests/${reference}`);
  return (type === undefined ? request : request.set('Content-Type', type)).send(bytes);
}

export interface PushedImage {
  readonly digest: string;
  readonly bytes: Buffer;
  readonly layer: string;
}

/**
 * Pushes an image of one layer and gives what was pushed. The layer holds the text `content`, so that other content makes
 * another image.
 */
export async function pushImage(
  http: Http,
  repository: string,
  reference: string,
  options: { readonly content?: string; readonly algorithm?: Algorithm; readonly fields?: object } = {},
): Promise<PushedImage> {
  const { content = 'a layer', algorithm = 'sha256', fields = {} } = options;
  await pushBlob(http, repository, EMPTY_CONFIG, algorithm);
  const layer = await pushBlob(http, repository, content, algorithm);
  const bytes = manifestOf({ algorithm, layers: [Buffer.from(content)], fields });
  const digest = digestOf(bytes, algorithm);
  await pushManifest(http, repository, reference === 'digest' ? digest : reference, bytes);
  return { digest, bytes, layer };
}
