// Events as the `registry` image writes them (its notifications/event.go): the same fields under the same names, and none that
// would be empty.
import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import type { Circumstances, Happening } from '../registry/happening.ts';
import { mediaTypeOf } from '../registry/manifest.ts';
import { type Reference, referencesIn } from './references.ts';

export const ACTIONS = ['push', 'pull', 'mount', 'delete'] as const;
export type EventAction = (typeof ACTIONS)[number];

export interface RegistryEvent {
  readonly id: string;
  /** RFC 3339. */
  readonly timestamp: string;
  readonly action: EventAction;
  readonly target: EventTarget;
  readonly request: Circumstances['request'];
  readonly actor: { readonly name?: string | undefined };
  readonly source: EventSource;
}

export interface EventTarget {
  readonly mediaType?: string | undefined;
  /** In bytes; twice, as older receivers know only `length`. */
  readonly size?: number | undefined;
  readonly digest?: string | undefined;
  readonly length?: number | undefined;
  readonly repository: string;
  readonly fromRepository?: string | undefined;
  readonly url?: string | undefined;
  readonly tag?: string | undefined;
  readonly references?: readonly Reference[] | undefined;
}

/** Which server tells. */
export interface EventSource {
  readonly addr: string;
  readonly instanceID: string;
}

export interface EventSettings {
  readonly source: EventSource;
  /** Whether a manifest's event names what the manifest refers to. */
  readonly includeReferences: boolean;
}

const BLOB_TYPE = 'application/octet-stream';

const schema = z.looseObject({
  id: z.string().min(1),
  timestamp: z.iso.datetime(),
  action: z.enum(ACTIONS),
  target: z.looseObject({
    repository: z.string(),
    mediaType: z.string().optional(),
    size: z.number().optional(),
    digest: z.string().optional(),
    length: z.number().optional(),
    fromRepository: z.string().optional(),
    url: z.string().optional(),
    tag: z.string().optional(),
    references: z.array(z.record(z.string(), z.unknown())).optional(),
  }),
  request: z.looseObject({
    id: z.string(),
    addr: z.string(),
    host: z.string(),
    method: z.string(),
    useragent: z.string(),
  }),
  actor: z.looseObject({ name: z.string().optional() }),
  source: z.looseObject({ addr: z.string(), instanceID: z.string() }),
});

export function createEvent(
  happening: Happening,
  { url, actor, request }: Circumstances,
  now: Date,
  { source, includeReferences }: EventSettings,
): RegistryEvent {
  return {
    id: randomUUID(),
    timestamp: now.toISOString(),
    action: happening.action,
    target: targetOf(happening, url, includeReferences),
    request,
    actor: actor === '' ? {} : { name: actor },
    source,
  };
}

/** An event as it was kept; `undefined` if it is not one. */
export function parseEvent(text: string): RegistryEvent | undefined {
  try {
    return schema.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}

function targetOf(happening: Happening, url: string | undefined, includeReferences: boolean): EventTarget {
  const { repository } = happening;
  if (happening.kind === 'link') return { ...happening.what, repository };
  const { digest } = happening;
  const size = happening.kind === 'manifest' ? happening.bytes.length : happening.size;
  const mediaType = happening.kind === 'manifest' ? mediaTypeOf(happening.bytes) : BLOB_TYPE;
  const references = happening.kind === 'manifest' && includeReferences ? referencesIn(happening.bytes) : [];
  const from = happening.kind === 'blob' ? happening.from : undefined;
  const tag = happening.kind === 'manifest' ? happening.tag : undefined;
  return {
    ...(mediaType !== undefined && { mediaType }),
    ...(size > 0 && { size }),
    digest,
    ...(size > 0 && { length: size }),
    repository,
    ...(from !== undefined && { fromRepository: from }),
    ...(url !== undefined && { url }),
    ...(tag !== undefined && { tag }),
    ...(references.length > 0 && { references }),
  };
}
