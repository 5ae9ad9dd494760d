// What lies in the store that `npm run bench:scale` measures: how much of everything, and under which names.
import { sha256 } from '../load/content.ts';

export interface Amounts {
  /** Each with one image under one tag. */
  readonly repositories: number;
  /** In one repository; each tenth is the only one on its manifest. */
  readonly tags: number;
  /** Besides those of the images. */
  readonly blobs: number;
  /** Of one subject. */
  readonly referrers: number;
}

const FULL: Amounts = { repositories: 100_000, tags: 100_000, blobs: 1_000_000, referrers: 10_000 };

/** The least of everything, so that the small store has a page and something behind it, too. */
const LEAST = 300;

export const PAGE = 100;
export const TAGGED = 'one/with-tags';
export const REFERRED = 'one/with-referrers';
export const MANIFEST_TYPE = 'application/vnd.oci.image.manifest.v1+json';

export function amountsAt(scale: number): Amounts {
  const part = (amount: number) => Math.max(LEAST, Math.round(amount * scale));
  return {
    repositories: part(FULL.repositories),
    tags: part(FULL.tags),
    blobs: part(FULL.blobs),
    referrers: part(FULL.referrers),
  };
}

export const repositoryAt = (index: number) => `app-${padded(index)}`;
export const tagAt = (index: number) => `v${padded(index)}`;
/** Whether the tag is the only one on its manifest. */
export const standsAlone = (index: number) => index % 10 === 7;

export interface StoredImage {
  readonly digest: string;
  readonly manifest: Buffer;
  /** By digest: the configuration and one layer. */
  readonly blobs: ReadonlyMap<string, Buffer>;
}

/** An image of its own for each word; the same one whenever it is asked for. */
export function imageOf(word: string, subject?: StoredImage): StoredImage {
  const layer = Buffer.from(`the layer of all images\n`);
  const config = Buffer.from(
    '{"architecture":"amd64","os":"linux","rootfs":{"type":"layers","diff_ids":[]}}',
  );
  const describe = (type: string, bytes: Buffer) => ({
    mediaType: `application/vnd.oci.image.${type}`,
    digest: sha256(bytes),
    size: bytes.length,
  });
  const manifest = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: MANIFEST_TYPE,
      config: describe('config.v1+json', config),
      layers: [describe('layer.v1.tar', layer)],
      ...(subject && { subject: { ...describe('manifest.v1+json', subject.manifest) } }),
      annotations: { word },
    }),
  );
  return {
    digest: sha256(manifest),
    manifest,
    blobs: new Map([config, layer].map((bytes) => [sha256(bytes), bytes])),
  };
}

/** The image in all repositories, and under all tags that do not stand alone. */
export const commonImage = () => imageOf('common');
export const imageOfTag = (index: number) => (standsAlone(index) ? imageOf(tagAt(index)) : commonImage());
export const referrerAt = (index: number) => imageOf(`referrer ${index}`, commonImage());

function padded(index: number): string {
  return String(index).padStart(6, '0');
}
