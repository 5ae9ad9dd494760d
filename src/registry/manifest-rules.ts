// What a manifest has to fulfil beyond its form before a repository takes it: everything that it references is there, and
// the rules of the configuration's `validation` section hold.
import pMap from 'p-map';
import type { Blobs } from './blobs.ts';
import { RegistryError } from './errors.ts';
import type { Descriptor, Manifest } from './manifest.ts';
import type { RepositoryName } from './name.ts';
import type { StoredManifests } from './stored-manifests.ts';

export interface ManifestRules {
  /** Throws `manifestBlobUnknown`, `blobSizeMismatch` or `manifestInvalid`. */
  check(repository: RepositoryName, manifest: Manifest): Promise<void>;
}

export interface ManifestRulesSettings {
  /** Which URLs foreign layers may name: one that matches `allow` (all, if it is empty) and not `deny`. */
  readonly urls: { readonly allow: readonly RegExp[]; readonly deny: readonly RegExp[] };
  /** Which children of an index have to be there. */
  readonly platforms: 'all' | 'none' | readonly { readonly architecture: string; readonly os: string }[];
}

export interface ManifestRulesDependencies {
  readonly blobs: Pick<Blobs, 'find'>;
  readonly manifests: Pick<StoredManifests, 'has' | 'find'>;
  readonly settings: ManifestRulesSettings;
}

/** Looks at the store at the same time for one manifest, however many layers it has. */
const CONCURRENT_LOOKS = 16;

export function createManifestRules({
  blobs,
  manifests,
  settings,
}: ManifestRulesDependencies): ManifestRules {
  async function sizeOfBlob(repository: RepositoryName, { digest }: Descriptor): Promise<number | undefined> {
    return (await blobs.find(repository, digest))?.size;
  }

  async function sizeOfChild(repository: RepositoryName, child: Descriptor): Promise<number | undefined> {
    const manifest = await manifests.find(repository, child.digest);
    return manifest?.bytes.length ?? sizeOfBlob(repository, child);
  }

  return {
    async check(repository, manifest) {
      for (const layer of manifest.foreignLayers) checkUrls(layer, settings.urls);
      const children = manifest.children.filter((child) => isRequired(child, settings.platforms));
      await checkPresence(manifest.blobs, (blob) => sizeOfBlob(repository, blob));
      await checkPresence(children, (child) => sizeOfChild(repository, child));
    },
  };
}

async function checkPresence(
  descriptors: readonly Descriptor[],
  sizeOf: (descriptor: Descriptor) => Promise<number | undefined>,
): Promise<void> {
  const byName = new Map(
    descriptors.map((descriptor) => [`${descriptor.digest} ${descriptor.size}`, descriptor]),
  );
  const check = async (descriptor: Descriptor) => {
    const size = await sizeOf(descriptor);
    if (size === undefined)
      throw new RegistryError('manifestBlobUnknown', { detail: { digest: descriptor.digest } });
    if (size !== descriptor.size) {
      throw new RegistryError('blobSizeMismatch', {
        detail: { digest: descriptor.digest, size: descriptor.size },
      });
    }
  };
  await pMap(byName.values(), check, { concurrency: CONCURRENT_LOOKS });
}

function checkUrls(layer: Descriptor, { allow, deny }: ManifestRulesSettings['urls']): void {
  for (const url of layer.urls ?? []) {
    const isAllowed = allow.length === 0 || allow.some((pattern) => pattern.test(url));
    if (isAllowed && !deny.some((pattern) => pattern.test(url))) continue;
    throw new RegistryError('manifestInvalid', {
      detail: `layer ${layer.digest} names a URL that is not allowed`,
    });
  }
}

function isRequired(child: Descriptor, platforms: ManifestRulesSettings['platforms']): boolean {
  if (platforms === 'all') return true;
  if (platforms === 'none') return false;
  const { architecture, os } = child.platform ?? {};
  return platforms.some((platform) => platform.architecture === architecture && platform.os === os);
}
