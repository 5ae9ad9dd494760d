// What a manifest refers to, as an event tells it (`notifications.events.includereferences`): its descriptors as they stand.
export type Reference = Readonly<Record<string, unknown>>;

/** The fields of a descriptor that the `registry` image passes on. */
const FIELDS = ['mediaType', 'size', 'digest', 'urls', 'annotations', 'platform'];

/** Config and layers, or what an index lists, in the manifest's order. The bytes were accepted as a manifest before. */
export function referencesIn(bytes: Uint8Array): readonly Reference[] {
  const manifest: unknown = parse(bytes);
  if (!isObject(manifest)) return [];
  const { config, layers, manifests, blobs } = manifest;
  return [config, layers, manifests, blobs].flat().filter(isObject).map(told);
}

function told(descriptor: Readonly<Record<string, unknown>>): Reference {
  const known = FIELDS.map((name): [string, unknown] => [name, descriptor[name]]);
  return Object.fromEntries(known.filter(([, value]) => value !== undefined && value !== null));
}

function parse(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(bytes).toString());
  } catch {
    return undefined;
  }
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
