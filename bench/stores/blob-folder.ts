// Where both registries keep a blob. The bench measures them from outside and so has this from the `registry` image.

/** The folder of a blob's `data`, below the storage root. */
export function blobFolder(digest: string): string {
  const [algorithm = '', encoded = ''] = digest.split(':');
  return `docker/registry/v2/blobs/${algorithm}/${encoded.slice(0, 2)}/${encoded}`;
}
