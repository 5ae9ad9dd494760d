// Manifests (distribution-spec end-3, end-7, end-9).
import type { Digest } from '../../registry/digest.ts';
import { RegistryError } from '../../registry/errors.ts';
import { MAX_MANIFEST_SIZE } from '../../registry/manifest.ts';
import type { Manifests, TagPrecondition, TagRefusal } from '../../registry/manifests.ts';
import { essenceOf } from '../../registry/media-types.ts';
import { parseRepositoryName, type RepositoryName } from '../../registry/name.ts';
import { parseReference, parseTag, type Reference, type Tag } from '../../registry/reference.ts';
import { type Handler, parameter, type RequestContext } from '../context.ts';
import { entityTag, isKnownToClient, parseEntityTags } from '../entity-tag.ts';
import { permitOf } from '../guard.ts';
import type { KeptTags } from '../kept-tags.ts';
import type { Locations } from '../locations.ts';
import { allValues } from '../query.ts';
import { replyBytes, replyEmpty } from '../reply.ts';
import type { Report } from '../report.ts';
import { readBody } from '../request-body.ts';
import type { PaceSettings } from '../transfer-pace.ts';

export interface ManifestHandlers {
  readonly get: Handler;
  readonly put: Handler;
  readonly remove: Handler;
}

export interface ManifestHandlersDependencies {
  readonly manifests: Manifests;
  readonly locations: Locations;
  readonly pace: PaceSettings;
  readonly deleteEnabled: boolean;
  readonly keptTags: KeptTags;
  /** Absent: nobody wants to know. */
  readonly report?: Report | undefined;
}

/** The specification asks for ten at least. */
const MAX_TAGS_IN_A_PUSH = 100;

/** What tools send when nobody told them the type of what they send. */
const TYPES_THAT_SAY_NOTHING: readonly string[] = [
  '',
  'application/json',
  'application/octet-stream',
  'application/x-www-form-urlencoded',
  'text/plain',
];

export function createManifestHandlers(dependencies: ManifestHandlersDependencies): ManifestHandlers {
  const { manifests, locations, pace, deleteEnabled, keptTags, report } = dependencies;

  function whyNotMove(ctx: RequestContext, repository: RepositoryName, tag: Tag): TagRefusal | undefined {
    if (!permitOf(ctx).may('overwrite', repository)) return 'tagTaken';
    return keptTags(ctx, repository)?.(tag) ? 'tagImmutable' : undefined;
  }

  /** One event for each tag: an event has room for one. */
  async function reportPush(
    ctx: RequestContext,
    pushed: { readonly repository: RepositoryName; readonly digest: Digest; readonly bytes: Uint8Array },
    tags: readonly Tag[],
  ): Promise<void> {
    for (const tag of tags.length === 0 ? [undefined] : tags) {
      await report?.(ctx, { action: 'push', kind: 'manifest', ...pushed, ...(tag !== undefined && { tag }) });
    }
  }

  return {
    async get(ctx) {
      const repository = parseRepositoryName(parameter(ctx, 'name'));
      const reference = referenceToRead(ctx);
      const { digest, bytes, mediaType } = await manifests.get(repository, reference);
      ctx.res.setHeader('Docker-Content-Digest', digest);
      ctx.res.setHeader('ETag', entityTag(digest));
      ctx.res.setHeader(
        'Cache-Control',
        reference.kind === 'tag' ? 'no-cache' : 'private, max-age=31536000, no-transform',
      );
      if (isKnownToClient(ctx.get('If-None-Match'), digest)) return replyEmpty(ctx, 304);
      replyBytes(ctx, bytes, mediaType);
      if (report === undefined) return;
      const tag = reference.kind === 'tag' ? { tag: reference.tag } : {};
      ctx.state.happening = { action: 'pull', kind: 'manifest', repository, digest, bytes, ...tag };
      if (ctx.method !== 'HEAD') await report(ctx, ctx.state.happening);
    },

    async put(ctx) {
      const repository = parseRepositoryName(parameter(ctx, 'name'));
      const reference = parseReference(parameter(ctx, 'reference'));
      const tags = reference.kind === 'digest' ? furtherTags(ctx) : [];
      const mediaType = essenceOf(ctx.get('Content-Type'));
      const precondition = preconditionOf(ctx);
      const bytes = await readBody(ctx, MAX_MANIFEST_SIZE, 'manifestTooLarge', pace);
      const { digest, subject } = await manifests.put(repository, {
        reference,
        bytes,
        tags,
        ...(!TYPES_THAT_SAY_NOTHING.includes(mediaType) && { mediaType }),
        ...(precondition && { precondition }),
        whyNotMove: (tag) => whyNotMove(ctx, repository, tag),
      });
      if (report !== undefined) {
        const names = reference.kind === 'tag' ? [reference.tag] : tags;
        await reportPush(ctx, { repository, digest, bytes }, names);
      }
      ctx.res.setHeader('Location', locations.manifest(repository, digest));
      ctx.res.setHeader('Docker-Content-Digest', digest);
      if (subject !== undefined) ctx.res.setHeader('OCI-Subject', subject);
      if (tags.length > 0) ctx.res.setHeader('OCI-Tag', tags.join(', '));
      replyEmpty(ctx, 201);
    },

    async remove(ctx) {
      if (!deleteEnabled) throw new RegistryError('deleteDisabled');
      const repository = parseRepositoryName(parameter(ctx, 'name'));
      const reference = referenceToRead(ctx);
      const isKept = keptTags(ctx, repository);
      const gone = await manifests.remove(repository, reference, isKept && ((tag) => !isKept(tag)));
      if (report !== undefined) {
        const manifest = reference.kind === 'digest' ? [{ digest: reference.digest }] : [];
        for (const what of [...manifest, ...gone.map((tag) => ({ tag }))]) {
          await report(ctx, { action: 'delete', kind: 'link', repository, what });
        }
      }
      replyEmpty(ctx, 202);
    },
  };
}

/** A tag of a wrong form is one that does not exist; a digest of a wrong form is a mistake. */
function referenceToRead(ctx: RequestContext): Reference {
  try {
    return parseReference(parameter(ctx, 'reference'));
  } catch (error) {
    if (!(error instanceof RegistryError) || error.reason !== 'tagInvalid') throw error;
    throw new RegistryError('manifestUnknown', { cause: error });
  }
}

/** `?tag=` (distribution-spec end-7b). */
function furtherTags(ctx: RequestContext): Tag[] {
  const tags = [...new Set(allValues(ctx, 'tag'))];
  if (tags.length > MAX_TAGS_IN_A_PUSH) throw new RegistryError('tooManyTags');
  return tags.map(parseTag);
}

function preconditionOf(ctx: RequestContext): TagPrecondition | undefined {
  const match = ctx.get('If-Match');
  const noneMatch = ctx.get('If-None-Match');
  if (match === '' && noneMatch === '') return undefined;
  return {
    ...(match !== '' && { match: parseEntityTags(match) }),
    ...(noneMatch !== '' && { noneMatch: parseEntityTags(noneMatch) }),
  };
}
