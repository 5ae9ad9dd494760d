// Blobs: GET and HEAD with ranges (distribution-spec end-2), DELETE (end-10).
import type { BlobReader, Blobs } from '../../registry/blobs.ts';
import { type Digest, parseDigest } from '../../registry/digest.ts';
import { RegistryError } from '../../registry/errors.ts';
import type { IsHeld } from '../../registry/held-content.ts';
import { parseRepositoryName, type RepositoryName } from '../../registry/name.ts';
import { type Handler, parameter, type RequestContext } from '../context.ts';
import { entityTag, isKnownToClient, parseEntityTags } from '../entity-tag.ts';
import type { KeptTags } from '../kept-tags.ts';
import { createMultipart } from '../multipart.ts';
import { type ByteRange, parseRange, type RangeRequest } from '../range.ts';
import { replyBytes, replyEmpty, streamBody } from '../reply.ts';
import type { Report } from '../report.ts';
import type { PaceSettings } from '../transfer-pace.ts';

export interface BlobHandlers {
  readonly get: Handler;
  readonly remove: Handler;
}

export interface BlobHandlersDependencies {
  readonly blobs: Blobs;
  readonly pace: PaceSettings;
  readonly deleteEnabled: boolean;
  readonly isHeld: IsHeld;
  readonly keptTags: KeptTags;
  /** Whether a client may be sent to the store itself. */
  readonly mayRedirect: (ctx: RequestContext) => boolean;
  /** Absent: nobody wants to know. */
  readonly report?: Report | undefined;
}

/** As long as the URLs of the `registry` image hold. */
const REDIRECT_SECONDS = 20 * 60;
const BLOB_TYPE = 'application/octet-stream';
/** In bytes: such a blob is answered in one piece. */
const SMALL_BLOB = 64 * 1024;

export function createBlobHandlers(dependencies: BlobHandlersDependencies): BlobHandlers {
  const { blobs, pace, deleteEnabled, isHeld, keptTags, mayRedirect, report } = dependencies;

  /** Sends the client to the store, if that can be. Says so only for this one, and only for now. */
  async function redirect(ctx: RequestContext, { repository, digest }: BlobAddress): Promise<boolean> {
    if (!mayRedirect(ctx)) return false;
    const url = await blobs.presign(repository, digest, REDIRECT_SECONDS);
    if (url === undefined) return false;
    ctx.res.setHeader('Location', url);
    ctx.res.setHeader('Cache-Control', 'no-store');
    ctx.res.setHeader('Docker-Content-Digest', digest);
    replyEmpty(ctx, 307);
    return true;
  }

  /** Resolves to the size of the blob, as `sendRanges`. */
  async function sendWhole(ctx: RequestContext, reader: BlobReader): Promise<number> {
    if (reader.size <= SMALL_BLOB) {
      replyBytes(ctx, await gather(reader), BLOB_TYPE);
      return reader.size;
    }
    ctx.status = 200;
    ctx.res.setHeader('Content-Type', BLOB_TYPE);
    ctx.res.setHeader('Content-Length', String(reader.size));
    await streamBody(ctx, reader.content, pace);
    return reader.size;
  }

  async function sendPart(
    ctx: RequestContext,
    at: BlobAddress,
    part: ByteRange,
    size: number,
  ): Promise<void> {
    const reader = await blobs.open(at.repository, at.digest, part);
    ctx.status = 206;
    ctx.res.setHeader('Content-Type', BLOB_TYPE);
    ctx.res.setHeader('Content-Range', `bytes ${part.start}-${part.end}/${size}`);
    ctx.res.setHeader('Content-Length', String(part.end - part.start + 1));
    await streamBody(ctx, reader.content, pace);
  }

  async function sendParts(
    ctx: RequestContext,
    at: BlobAddress,
    parts: readonly ByteRange[],
    size: number,
  ): Promise<void> {
    const open = async (part: ByteRange) => (await blobs.open(at.repository, at.digest, part)).content;
    const multipart = createMultipart(parts, { size, contentType: BLOB_TYPE, open });
    ctx.status = 206;
    ctx.res.setHeader('Content-Type', multipart.contentType);
    ctx.res.setHeader('Content-Length', String(multipart.length));
    await streamBody(ctx, multipart.content, pace);
  }

  async function reportPull(
    ctx: RequestContext,
    { repository, digest }: BlobAddress,
    size: number,
  ): Promise<void> {
    if (report === undefined) return;
    ctx.state.happening = { action: 'pull', kind: 'blob', repository, digest, size };
    await report(ctx, ctx.state.happening);
  }

  /** Nobody waits for the look at its size. */
  function reportRedirect(ctx: RequestContext, at: BlobAddress): void {
    if (report === undefined) return;
    const found = blobs.find(at.repository, at.digest).catch(() => undefined);
    void found.then((stat) => reportPull(ctx, at, stat?.size ?? 0));
  }

  async function sendRanges(ctx: RequestContext, at: BlobAddress): Promise<number> {
    const { size } = await blobs.stat(at.repository, at.digest);
    const range = requestedRange(ctx, at.digest, size);
    if (range.kind === 'whole') return sendWhole(ctx, await blobs.open(at.repository, at.digest));
    if (range.kind === 'unsatisfiable') {
      ctx.res.setHeader('Content-Range', `bytes */${size}`);
      throw new RegistryError('rangeInvalid');
    }
    const [first, ...others] = range.parts;
    if (others.length === 0) await sendPart(ctx, at, first, size);
    else await sendParts(ctx, at, range.parts, size);
    return size;
  }

  return {
    async get(ctx) {
      const at = addressOf(ctx);
      const isKnown = isKnownToClient(ctx.get('If-None-Match'), at.digest);
      if (isKnown || ctx.method === 'HEAD') {
        const { size } = await blobs.stat(at.repository, at.digest);
        describe(ctx, at.digest);
        if (isKnown) return replyEmpty(ctx, 304);
        ctx.status = 200;
        ctx.res.setHeader('Content-Type', BLOB_TYPE);
        ctx.res.setHeader('Content-Length', String(size));
        return;
      }
      if (await redirect(ctx, at)) return reportRedirect(ctx, at);
      describe(ctx, at.digest);
      const hasRange = ctx.get('Range') !== '';
      const size = hasRange
        ? await sendRanges(ctx, at)
        : await sendWhole(ctx, await blobs.open(at.repository, at.digest));
      await reportPull(ctx, at, size);
    },

    async remove(ctx) {
      if (!deleteEnabled) throw new RegistryError('deleteDisabled');
      const { repository, digest } = addressOf(ctx);
      const isKept = keptTags(ctx, repository);
      await blobs.remove(
        repository,
        digest,
        isKept && (async () => !(await isHeld(repository, digest, isKept))),
      );
      await report?.(ctx, { action: 'delete', kind: 'link', repository, what: { digest } });
      replyEmpty(ctx, 202);
    },
  };
}

interface BlobAddress {
  readonly repository: RepositoryName;
  readonly digest: Digest;
}

function addressOf(ctx: RequestContext): BlobAddress {
  return {
    repository: parseRepositoryName(parameter(ctx, 'name')),
    digest: parseDigest(parameter(ctx, 'digest')),
  };
}

function describe(ctx: RequestContext, digest: Digest): void {
  ctx.res.setHeader('Docker-Content-Digest', digest);
  ctx.res.setHeader('ETag', entityTag(digest));
  ctx.res.setHeader('Accept-Ranges', 'bytes');
  // Compressed on its way, a blob would not have its digest any more.
  ctx.res.setHeader('Cache-Control', 'private, max-age=31536000, no-transform');
}

async function gather({ size, content }: BlobReader): Promise<Uint8Array> {
  const bytes = Buffer.allocUnsafeSlow(size);
  let length = 0;
  for await (const chunk of content) {
    bytes.set(chunk, length);
    length += chunk.length;
  }
  return bytes;
}

/** If-Range holds only if it names the very content (RFC 9110, section 13.1.5). */
function requestedRange(ctx: RequestContext, digest: Digest, size: number): RangeRequest {
  const ifRange = ctx.get('If-Range');
  if (ifRange !== '' && !parseEntityTags(ifRange).includes(digest)) return { kind: 'whole' };
  return parseRange(ctx.get('Range'), size);
}
