// A manifest: bytes in, checked descriptors out (image-spec manifest.md, image-index.md). Unknown fields, artifact types and
// media types of what is referenced are nobody's business here; what could be read in two ways is refused.
import { z } from 'zod';
import { type Digest, isDigest } from './digest.ts';
import { RegistryError } from './errors.ts';
import {
  DOCKER_SCHEMA1_SIGNED,
  isForeignLayer,
  type ManifestShape,
  OCI_INDEX,
  OCI_MANIFEST,
  shapeOf,
} from './media-types.ts';
import { parseStrictJson } from './strict-json.ts';

/** Clients take no more; 4 MiB itself is allowed. */
export const MAX_MANIFEST_SIZE = 4 * 1024 * 1024;

export interface Descriptor {
  readonly mediaType: string;
  readonly digest: Digest;
  /** In bytes. */
  readonly size: number;
  readonly urls?: readonly string[];
  readonly platform?: { readonly architecture?: string; readonly os?: string };
}

export interface Manifest {
  readonly mediaType: string;
  /** Config and layers, or blobs of an artifact; without those that are fetched from elsewhere. */
  readonly blobs: readonly Descriptor[];
  /** Layers that are fetched from elsewhere. */
  readonly foreignLayers: readonly Descriptor[];
  /** What an index lists: manifests as a rule, blobs too in a build cache. */
  readonly children: readonly Descriptor[];
  readonly subject?: Descriptor;
  /** As a referrer shows it: of the manifest, else the media type of its config. */
  readonly artifactType?: string;
  readonly annotations?: Readonly<Record<string, string>>;
}

const digestSchema = z.string().refine(isDigest, 'not a digest of a supported algorithm');
const mediaTypeSchema = z
  .string()
  .regex(/^[!-~]+\/[ -~]+$/, 'not a media type')
  .max(255);
const annotationsSchema = z.record(z.string(), z.string()).nullish();

const descriptorSchema = z.object({
  mediaType: mediaTypeSchema,
  digest: digestSchema,
  size: z.int().nonnegative(),
  urls: z.array(z.string()).nullish(),
  platform: z.object({ architecture: z.string().optional(), os: z.string().optional() }).nullish(),
});
const descriptorsSchema = z.array(descriptorSchema).nullish();

const commonFields = {
  mediaType: z.string().optional(),
  artifactType: z.string().nullish(),
  subject: descriptorSchema.nullish(),
  annotations: annotationsSchema,
};
const shapes = {
  image: z.object({
    ...commonFields,
    schemaVersion: z.literal(2),
    config: descriptorSchema,
    layers: descriptorsSchema,
  }),
  index: z.object({ ...commonFields, schemaVersion: z.literal(2), manifests: descriptorsSchema }),
  artifact: z.object({ ...commonFields, blobs: descriptorsSchema }),
};

/** The fields that make a manifest of one shape, and so must not be in one of another shape (CVE-2021-41190). */
const FIELDS_OF: Readonly<Record<ManifestShape, readonly string[]>> = {
  image: ['config', 'layers'],
  index: ['manifests'],
  artifact: ['blobs'],
};
const SCHEMA1_FIELDS: readonly string[] = ['fsLayers', 'history', 'signatures'];
const KNOWN_FIELDS = new Map(
  ['schemaVersion', 'mediaType', 'artifactType', 'subject', 'annotations', ...SCHEMA1_FIELDS]
    .concat(Object.values(FIELDS_OF).flat())
    .map((field) => [field.toLowerCase(), field]),
);

/**
 * Reads a manifest that somebody pushes. `declaredType` is the type that the request gives, if it gives one that says
 * anything. Throws `manifestInvalid`, with what is wrong as its detail.
 */
export function parseManifest(bytes: Uint8Array, declaredType?: string): Manifest {
  const fields = parseFields(bytes);
  const mediaType = typeToAccept(fields, declaredType);
  const shape = shapeOf(mediaType);
  if (shape === undefined) throw invalid(`manifests of type ${mediaType.slice(0, 200)} are not accepted`);
  refuseOtherReadings(fields, shape);
  return manifestOf(fields, mediaType, shape);
}

/**
 * The type under which stored bytes are served. Nothing but the bytes is kept, so it is told from them, and for anything
 * that another server may have accepted. `undefined` if they are no manifest at all.
 */
export function mediaTypeOf(bytes: Uint8Array): string | undefined {
  const fields = parseLeniently(bytes);
  if (fields === undefined) return undefined;
  const { mediaType } = fields;
  if (typeof mediaType === 'string' && mediaTypeSchema.safeParse(mediaType).success) return mediaType;
  if (fields['schemaVersion'] === 1) return DOCKER_SCHEMA1_SIGNED;
  return typeByShape(fields);
}

/** Reads a stored manifest as far as it can be understood; `undefined` if it cannot. */
export function readManifest(bytes: Uint8Array): Manifest | undefined {
  try {
    return parseManifest(bytes);
  } catch (error) {
    if (error instanceof RegistryError) return undefined;
    throw error;
  }
}

type Fields = Readonly<Record<string, unknown>>;

function parseFields(bytes: Uint8Array): Fields {
  let value: unknown;
  try {
    value = parseStrictJson(bytes);
  } catch (error) {
    if (error instanceof SyntaxError)
      throw invalid(`not JSON that has one reading: ${error.message.slice(0, 200)}`);
    throw error;
  }
  if (!isFields(value)) throw invalid('not a JSON object');
  return value;
}

function parseLeniently(bytes: Uint8Array): Fields | undefined {
  try {
    const value: unknown = JSON.parse(Buffer.from(bytes).toString());
    return isFields(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function typeByShape(fields: Fields): string {
  return Array.isArray(fields['manifests']) ? OCI_INDEX : OCI_MANIFEST;
}

function typeToAccept(fields: Fields, declaredType: string | undefined): string {
  const { mediaType, schemaVersion } = fields;
  if (schemaVersion === 1) throw invalid('manifests of schema version 1 are not accepted any more');
  if (mediaType === undefined) {
    const byShape = typeByShape(fields);
    // What is not in the bytes cannot be given back later.
    if (declaredType === undefined || declaredType === byShape) return byShape;
    throw invalid(`has no mediaType field, so it reads as ${byShape}, not as ${declaredType.slice(0, 200)}`);
  }
  if (typeof mediaType !== 'string') throw invalid('mediaType: not a string');
  if (declaredType !== undefined && declaredType !== mediaType.toLowerCase()) {
    throw invalid(
      `mediaType is ${mediaType.slice(0, 200)}, but Content-Type says ${declaredType.slice(0, 200)}`,
    );
  }
  return mediaType;
}

function refuseOtherReadings(fields: Fields, shape: ManifestShape): void {
  const foreign = Object.entries(FIELDS_OF).flatMap(([other, names]) => (other === shape ? [] : names));
  for (const name of Object.keys(fields)) {
    if (foreign.includes(name) || SCHEMA1_FIELDS.includes(name))
      throw invalid(`${name}: not a field of this type`);
    // Go's parsers match names in any case, and would read what we passed over.
    const known = KNOWN_FIELDS.get(name.toLowerCase());
    if (known !== undefined && known !== name) throw invalid(`${name.slice(0, 40)}: spelled unlike ${known}`);
  }
}

function manifestOf(fields: Fields, mediaType: string, shape: ManifestShape): Manifest {
  if (shape === 'index') {
    const parsed = check(shapes.index, fields);
    return {
      ...commonOf(parsed),
      mediaType,
      blobs: [],
      foreignLayers: [],
      children: descriptors(parsed.manifests),
    };
  }
  if (shape === 'artifact') {
    const parsed = check(shapes.artifact, fields);
    return {
      ...commonOf(parsed),
      mediaType,
      blobs: descriptors(parsed.blobs),
      foreignLayers: [],
      children: [],
    };
  }
  const parsed = check(shapes.image, fields);
  const layers = descriptors(parsed.layers);
  return {
    artifactType: parsed.config.mediaType,
    ...commonOf(parsed),
    mediaType,
    blobs: [descriptor(parsed.config), ...layers.filter((layer) => !isForeignLayer(layer.mediaType))],
    foreignLayers: layers.filter((layer) => isForeignLayer(layer.mediaType)),
    children: [],
  };
}

function check<T>(schema: z.ZodType<T>, fields: Fields): T {
  const result = schema.safeParse(fields);
  if (result.success) return result.data;
  const [first] = result.error.issues;
  throw invalid(first === undefined ? 'not valid' : `${first.path.join('.')}: ${first.message}`);
}

interface CommonFields {
  readonly artifactType?: string | null | undefined;
  readonly subject?: z.infer<typeof descriptorSchema> | null | undefined;
  readonly annotations?: Record<string, string> | null | undefined;
}

function commonOf({ artifactType, subject, annotations }: CommonFields) {
  return {
    ...(artifactType && { artifactType }),
    ...(subject && { subject: descriptor(subject) }),
    ...(annotations && { annotations }),
  };
}

function descriptors(list: z.infer<typeof descriptorsSchema>): Descriptor[] {
  return (list ?? []).map(descriptor);
}

function descriptor({
  mediaType,
  digest,
  size,
  urls,
  platform,
}: z.infer<typeof descriptorSchema>): Descriptor {
  const { architecture, os } = platform ?? {};
  return {
    mediaType,
    digest,
    size,
    ...(urls && { urls }),
    ...(platform && { platform: { ...(architecture && { architecture }), ...(os && { os }) } }),
  };
}

function invalid(detail: string): RegistryError {
  return new RegistryError('manifestInvalid', { detail });
}
