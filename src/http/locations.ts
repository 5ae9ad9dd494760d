// The URLs that answers name. They are relative to the host, unless one is configured: whatever stands between client and
// registry, the client knows best how it got here.
import { createHmac } from 'node:crypto';
import type { Digest } from '../registry/digest.ts';
import type { RepositoryName } from '../registry/name.ts';
import type { UploadStatus } from '../registry/upload-chunks.ts';

export interface Locations {
  blob(repository: RepositoryName, digest: Digest): string;
  manifest(repository: RepositoryName, digest: Digest): string;
  upload(status: UploadStatus): string;
  /** Path of an endpoint below a repository, as for a Link. */
  path(repository: RepositoryName, rest: string): string;
  /** Path of an endpoint of the registry itself. */
  rootPath(rest: string): string;
}

export interface LocationSettings {
  /** Scheme and host to put in front (`http.host`); none as a rule. */
  readonly host?: string;
  /** What the URL paths begin with before `/v2/` (`http.prefix`). */
  readonly prefix: string;
  /**
   * `http.secret`: when it is set, upload locations carry the state that the `registry` image wants to see, so that it can
   * go on with an upload that was begun here. What comes back of it is never believed.
   */
  readonly secret?: string;
}

export function createLocations({ host = '', prefix, secret }: LocationSettings): Locations {
  const root = `${prefix.replace(/\/+$/, '')}/v2`;
  const base = host.replace(/\/+$/, '');
  return {
    blob: (repository, digest) => `${base}${root}/${repository}/blobs/${digest}`,
    manifest: (repository, digest) => `${base}${root}/${repository}/manifests/${digest}`,
    upload(status) {
      const location = `${base}${root}/${status.repository}/blobs/uploads/${status.id}`;
      return secret === undefined
        ? location
        : `${location}?_state=${encodeURIComponent(stateOf(status, secret))}`;
    },
    path: (repository, rest) => `${root}/${repository}/${rest}`,
    rootPath: (rest) => `${root}/${rest}`,
  };
}

/** HMAC-SHA256 of a JSON document, and the document, in URL-safe base64. */
function stateOf({ repository, id, size, startedAt }: UploadStatus, secret: string): string {
  const document = JSON.stringify({
    Name: repository,
    UUID: id,
    Offset: size,
    StartedAt: startedAt.toISOString(),
  });
  const signature = createHmac('sha256', secret).update(document).digest();
  return Buffer.concat([signature, Buffer.from(document)])
    .toString('base64')
    .replaceAll('+', '-')
    .replaceAll('/', '_');
}
