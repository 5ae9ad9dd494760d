// A small registry client over fetch, for tests that have to say exactly what is sent. It knows the protocol and trusts
// nothing: each answer that it does not expect is an error with the whole exchange in it.
import assert from 'node:assert/strict';
import { type Algorithm, digestOf, type SampleImage, type SampleIndex } from './sample-image.ts';

export interface RegistryClient {
  /** Sends a request; a path is relative to the registry. Redirects are followed. */
  send(method: string, path: string, init?: SendOptions): Promise<Response>;
  /** Opens an upload; gives its Location without the host, as every later Location. */
  startUpload(repository: string): Promise<string>;
  /** Sends a chunk with the Content-Range that starts at `offset`. Gives the next Location. */
  appendChunk(location: string, chunk: Uint8Array, offset: number): Promise<string>;
  closeUpload(location: string, digest: string, rest?: Uint8Array): Promise<void>;
  /** Pushes a blob as one upload: POST, a PATCH for each chunk, PUT. Gives its digest. */
  pushBlob(repository: string, content: Uint8Array, options?: PushOptions): Promise<string>;
  /** Gives the digest that the registry answered. */
  putManifest(repository: string, reference: string, manifest: Uint8Array, type: string): Promise<string>;
  /** Pushes the blobs of an image and its manifest, under the reference or under its digest. */
  pushImage(repository: string, image: SampleImage, reference?: string): Promise<string>;
  pushIndex(repository: string, index: SampleIndex, reference?: string): Promise<string>;
  getBlob(repository: string, digest: string): Promise<Uint8Array>;
  getManifest(repository: string, reference: string): Promise<FetchedManifest>;
  /** In bytewise order, whatever order the registry sends them in. */
  listTags(repository: string): Promise<string[]>;
  listRepositories(): Promise<string[]>;
}

export interface SendOptions {
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Uint8Array;
}

export interface PushOptions {
  readonly algorithm?: Algorithm;
  /** Bytes per PATCH; all at once if absent. */
  readonly chunkSize?: number;
}

export interface FetchedManifest {
  readonly content: Uint8Array;
  readonly mediaType: string | null;
  readonly digest: string | null;
}

const ACCEPTED_MANIFESTS = [
  'application/vnd.oci.image.manifest.v1+json',
  'application/vnd.oci.image.index.v1+json',
  'application/vnd.docker.distribution.manifest.v2+json',
  'application/vnd.docker.distribution.manifest.list.v2+json',
].join(', ');

/** @param url such as `http://127.0.0.1:5000` */
export function createRegistryClient(url: string): RegistryClient {
  return createClientOver(async (method, path, { headers = {}, body } = {}) =>
    fetch(new URL(path, url), { method, headers, ...(body ? { body: new Uint8Array(body) } : {}) }),
  );
}

/** @param send however requests reach the registry */
export function createClientOver(send: RegistryClient['send']): RegistryClient {
  async function expect(status: number, method: string, path: string, init?: SendOptions): Promise<Response> {
    const response = await send(method, path, init);
    if (response.status === status) return response;
    throw new assert.AssertionError({
      message: `${method} ${path}: ${response.status} instead of ${status}\n${await response.text()}`,
      actual: response.status,
      expected: status,
    });
  }

  async function startUpload(repository: string): Promise<string> {
    return locationOf(await expect(202, 'POST', `/v2/${repository}/blobs/uploads/`));
  }

  async function appendChunk(location: string, chunk: Uint8Array, offset: number): Promise<string> {
    const headers = {
      'content-type': 'application/octet-stream',
      'content-range': `${offset}-${offset + chunk.length - 1}`,
    };
    const response = await expect(202, 'PATCH', location, { headers, body: chunk });
    assert.equal(response.headers.get('range'), `0-${offset + chunk.length - 1}`);
    return locationOf(response);
  }

  async function closeUpload(location: string, digest: string, rest?: Uint8Array): Promise<void> {
    const path = `${location}${location.includes('?') ? '&' : '?'}digest=${encodeURIComponent(digest)}`;
    const headers = { 'content-type': 'application/octet-stream' };
    await expect(201, 'PUT', path, rest === undefined ? {} : { headers, body: rest });
  }

  async function pushBlob(
    repository: string,
    content: Uint8Array,
    options: PushOptions = {},
  ): Promise<string> {
    const digest = digestOf(content, options.algorithm);
    const chunkSize = options.chunkSize ?? Math.max(content.length, 1);
    let location = await startUpload(repository);
    for (let offset = 0; offset < content.length; offset += chunkSize) {
      location = await appendChunk(location, content.subarray(offset, offset + chunkSize), offset);
    }
    await closeUpload(location, digest);
    return digest;
  }

  async function putManifest(repository: string, reference: string, manifest: Uint8Array, type: string) {
    const init = { headers: { 'content-type': type }, body: manifest };
    const response = await expect(201, 'PUT', `/v2/${repository}/manifests/${reference}`, init);
    return response.headers.get('docker-content-digest') ?? '';
  }

  async function pushImage(repository: string, image: SampleImage, reference?: string): Promise<string> {
    for (const [digest, content] of image.blobs) {
      await pushBlob(repository, content, { algorithm: digest.startsWith('sha512:') ? 'sha512' : 'sha256' });
    }
    const { digest, mediaType } = image.descriptor;
    return putManifest(repository, reference ?? digest, image.manifest, mediaType);
  }

  async function pushIndex(repository: string, index: SampleIndex, reference?: string): Promise<string> {
    for (const image of index.images) await pushImage(repository, image);
    const { digest, mediaType } = index.descriptor;
    return putManifest(repository, reference ?? digest, index.manifest, mediaType);
  }

  return {
    send,
    startUpload,
    appendChunk,
    closeUpload,
    pushBlob,
    putManifest,
    pushImage,
    pushIndex,
    getBlob: async (repository, digest) =>
      (await expect(200, 'GET', `/v2/${repository}/blobs/${digest}`)).bytes(),
    getManifest: async (repository, reference) => {
      const headers = { accept: ACCEPTED_MANIFESTS };
      const response = await expect(200, 'GET', `/v2/${repository}/manifests/${reference}`, { headers });
      return {
        content: await response.bytes(),
        mediaType: response.headers.get('content-type'),
        digest: response.headers.get('docker-content-digest'),
      };
    },
    listTags: async (repository) =>
      stringsIn(await expect(200, 'GET', `/v2/${repository}/tags/list`), 'tags'),
    listRepositories: async () => stringsIn(await expect(200, 'GET', '/v2/_catalog?n=1000'), 'repositories'),
  };
}

/** The path and query of a Location: the registry image makes it absolute, and a successor listens elsewhere. */
function locationOf(response: Response): string {
  const location = response.headers.get('location');
  assert.ok(location, `no Location in the answer to ${response.url}`);
  const { pathname, search } = new URL(location, response.url || 'http://localhost');
  return pathname + search;
}

/** An empty list of tags is `null` in the answer of docker-registry 2.8. */
async function stringsIn(response: Response, field: string): Promise<string[]> {
  const body: unknown = await response.json();
  const value = body !== null && typeof body === 'object' ? Reflect.get(body, field) : undefined;
  const list = value === null ? [] : value;
  assert.ok(Array.isArray(list) && list.every((item) => typeof item === 'string'), JSON.stringify(body));
  return list.sort();
}
