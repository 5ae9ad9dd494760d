// Everything that a registry serves, as one value: two registries on one directory have to give the same.
import type { RegistryClient } from '../support/registry-client.ts';
import { digestOf, makeImage, makeIndex } from '../support/sample-image.ts';

/** Lines that name repositories, tags, manifests with their type, and blobs, each with the digest of its bytes. */
export async function readContents(client: RegistryClient, blobs: readonly PlacedBlob[]): Promise<string[]> {
  const lines: string[] = [];
  for (const repository of await client.listRepositories()) {
    for (const tag of await tagsOf(client, repository)) {
      const byTag = await client.getManifest(repository, tag);
      const byDigest = await client.getManifest(repository, byTag.digest ?? '');
      for (const [name, manifest] of Object.entries({ [tag]: byTag, [byTag.digest ?? '']: byDigest })) {
        const { content, digest, mediaType } = manifest;
        lines.push(`${repository}:${name} ${digest} ${mediaType} ${digestOf(content)}`);
      }
    }
  }
  for (const { repository, digest } of blobs) {
    const content = await client.getBlob(repository, digest);
    const head = await client.send('HEAD', `/v2/${repository}/blobs/${digest}`);
    lines.push(`${repository}@${digest} ${head.headers.get('content-length')} ${digestOf(content)}`);
  }
  return lines;
}

/**
 * None also for a repository that is listed but unknown: docker-registry says so when the directory `tags` is not there,
 * and keeps that directory, empty, when it deletes the last tag itself.
 */
async function tagsOf(client: RegistryClient, repository: string): Promise<string[]> {
  const { status } = await client.send('GET', `/v2/${repository}/tags/list`);
  return status === 404 ? [] : client.listTags(repository);
}

export interface PlacedBlob {
  readonly repository: string;
  readonly digest: string;
}

/**
 * Pushes something of every kind that both servers know, and gives the blobs that were pushed.
 * @param smallest bytes of the smallest blob; docker-registry 2.8 cannot keep an empty one in a bucket
 */
export async function pushOfEveryKind(client: RegistryClient, smallest = 0): Promise<PlacedBlob[]> {
  const oci = makeImage('an OCI image');
  const docker = makeImage('a Docker image', { format: 'docker' });
  const index = makeIndex([makeImage('one platform'), makeImage('another', { architecture: 'arm64' })]);
  await client.pushImage('library/oci', oci, '1.0');
  await client.pushImage('library/oci', makeImage('a moved tag'), 'latest');
  await client.pushImage('library/oci', oci, 'latest');
  await client.pushImage('library', docker, 'docker');
  await client.pushIndex('library/oci/multi', index, 'index');
  await client.pushImage('deleted', docker, 'gone');
  await client.send('DELETE', `/v2/deleted/manifests/${docker.descriptor.digest}`);

  const large = Buffer.alloc(300_001, 'in three chunks ');
  const chunked = await client.pushBlob('library/oci', large, { chunkSize: 128 * 1024 });
  const small = await client.pushBlob('library/oci', new Uint8Array(smallest));
  const mount = `/v2/library/blobs/uploads/?mount=${chunked}&from=library/oci`;
  const mounted = await client.send('POST', mount);
  if (mounted.status !== 201) throw new Error(`${mount}: ${mounted.status}`);

  const images = { 'library/oci': [oci], library: [docker], 'library/oci/multi': index.images };
  const placed = Object.entries(images).flatMap(([repository, list]) =>
    list.flatMap((image) => [...image.blobs.keys()].map((digest) => ({ repository, digest }))),
  );
  return [
    ...placed,
    { repository: 'library/oci', digest: chunked },
    { repository: 'library/oci', digest: small },
    { repository: 'library', digest: chunked },
  ];
}
