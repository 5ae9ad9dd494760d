// The media types of manifests (image-spec media-types.md; docker's Image Manifest V2, Schema 2).

export const OCI_MANIFEST = 'application/vnd.oci.image.manifest.v1+json';
export const OCI_INDEX = 'application/vnd.oci.image.index.v1+json';
/** Of OCI 1.1 release candidates; still pushed by older tools. */
const OCI_ARTIFACT = 'application/vnd.oci.artifact.manifest.v1+json';
const DOCKER_MANIFEST = 'application/vnd.docker.distribution.manifest.v2+json';
const DOCKER_LIST = 'application/vnd.docker.distribution.manifest.list.v2+json';
/** No longer accepted, but still served where the `registry` image has kept one. */
export const DOCKER_SCHEMA1_SIGNED = 'application/vnd.docker.distribution.manifest.v1+prettyjws';

/** What a manifest of a type is made of. */
export type ManifestShape = 'image' | 'index' | 'artifact';

const SHAPES: ReadonlyMap<string, ManifestShape> = new Map<string, ManifestShape>([
  [OCI_MANIFEST, 'image'],
  [DOCKER_MANIFEST, 'image'],
  [OCI_INDEX, 'index'],
  [DOCKER_LIST, 'index'],
  [OCI_ARTIFACT, 'artifact'],
]);

/** The shape of manifests of this type; `undefined` for a type that is not one of a manifest. */
export function shapeOf(mediaType: string): ManifestShape | undefined {
  return SHAPES.get(mediaType);
}

/** Layers that are fetched from elsewhere and need not be in the registry. */
export function isForeignLayer(mediaType: string): boolean {
  return (
    mediaType.startsWith('application/vnd.oci.image.layer.nondistributable.v1.') ||
    mediaType === 'application/vnd.docker.image.rootfs.foreign.diff.tar.gzip'
  );
}

/** The type itself, in lower case, of a Content-Type header; parameters are of no matter for manifests. */
export function essenceOf(contentType: string): string {
  return (contentType.split(';', 1)[0] ?? '').trim().toLowerCase();
}
