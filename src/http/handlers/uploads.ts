// Uploads (distribution-spec end-4 to end-6, end-11, end-13, end-14).
import type { Blobs } from '../../registry/blobs.ts';
import { type Digest, isDigest, parseAlgorithm, parseDigest } from '../../registry/digest.ts';
import { isRefusal } from '../../registry/errors.ts';
import { isRepositoryName, parseRepositoryName, type RepositoryName } from '../../registry/name.ts';
import type { SharedBlocks } from '../../registry/shared-blocks.ts';
import { type Chunk, lengthOf, UploadRefusal, type UploadStatus } from '../../registry/upload-chunks.ts';
import type { Uploads } from '../../registry/uploads.ts';
import { type Handler, parameter, type RequestContext } from '../context.ts';
import { permitOf } from '../guard.ts';
import type { Locations } from '../locations.ts';
import { singleValue } from '../query.ts';
import { replyEmpty } from '../reply.ts';
import type { Report } from '../report.ts';
import { bodyOf, hasNoBody } from '../request-body.ts';
import type { PaceSettings } from '../transfer-pace.ts';
import { type UploadQuota, uploadClientOf } from '../upload-quota.ts';

export interface UploadHandlers {
  readonly begin: Handler;
  readonly status: Handler;
  readonly append: Handler;
  readonly finish: Handler;
  readonly cancel: Handler;
}

export interface UploadHandlersDependencies {
  readonly uploads: Uploads;
  readonly blobs: Pick<Blobs, 'mount' | 'find'>;
  readonly locations: Locations;
  readonly pace: PaceSettings;
  /** What bodies are received into. */
  readonly blocks: SharedBlocks;
  readonly quota: UploadQuota;
  /** Absent: nobody wants to know. */
  readonly report?: Report | undefined;
}

export function createUploadHandlers(dependencies: UploadHandlersDependencies): UploadHandlers {
  const { uploads, blobs, locations, pace, blocks, quota, report } = dependencies;

  function replyCreated(ctx: RequestContext, repository: RepositoryName, digest: Digest): void {
    ctx.res.setHeader('Location', locations.blob(repository, digest));
    ctx.res.setHeader('Docker-Content-Digest', digest);
    replyEmpty(ctx, 201);
  }

  function describe(ctx: RequestContext, upload: UploadStatus): void {
    ctx.res.setHeader('Location', locations.upload(upload));
    ctx.res.setHeader('Docker-Upload-UUID', upload.id);
    // An upload without bytes says `0-0` too: it is ambiguous, but what every client survives.
    ctx.res.setHeader('Range', `0-${Math.max(0, upload.size - 1)}`);
  }

  /** A refusal that leaves the upload open tells where it stands. */
  function tellingWhereItStands(handler: Handler): Handler {
    return async (ctx) => {
      try {
        await handler(ctx);
      } catch (error) {
        if (error instanceof UploadRefusal) describe(ctx, error.upload);
        throw error;
      }
    };
  }

  /** Lets the quota know that the upload went on, or that there is none any more. */
  async function counted<T>(repository: RepositoryName, id: string, work: () => Promise<T>): Promise<T> {
    quota.wentOn(repository, id);
    try {
      return await work();
    } catch (error) {
      if (isRefusal(error, 'uploadUnknown', 'digestMismatch')) quota.ended(repository, id);
      throw error;
    }
  }

  function chunkOf(ctx: RequestContext): Chunk {
    const range = readContentRange(ctx.get('Content-Range'));
    return { body: bodyOf(ctx, pace, blocks, lengthOf(range)), ...(range && { range }) };
  }

  /** Whatever stands against a mount, the client can upload instead; so it is never an error (end-11). */
  async function mount(ctx: RequestContext, repository: RepositoryName): Promise<Digest | undefined> {
    const digest = singleValue(ctx, 'mount');
    const from = singleValue(ctx, 'from');
    if (digest === undefined || !isDigest(digest)) return undefined;
    if (from !== undefined && !isRepositoryName(from)) return undefined;
    const { may } = permitOf(ctx);
    const isMounted = await blobs.mount(repository, digest, from, (source) => may('pull', source));
    if (isMounted && report !== undefined) {
      const found = await blobs.find(repository, digest).catch(() => undefined);
      const { size = 0 } = found ?? {};
      const source = from === undefined ? {} : { from };
      await report(ctx, { action: 'mount', kind: 'blob', repository, digest, size, ...source });
    }
    return isMounted ? digest : undefined;
  }

  return {
    async begin(ctx) {
      const repository = repositoryOf(ctx);
      const mounted = await mount(ctx, repository);
      if (mounted !== undefined) return replyCreated(ctx, repository, mounted);
      const digestText = singleValue(ctx, 'digest');
      if (digestText !== undefined && singleValue(ctx, 'mount') === undefined) {
        const digest = parseDigest(digestText);
        const size = await uploads.push(repository, digest, chunkOf(ctx));
        await report?.(ctx, { action: 'push', kind: 'blob', repository, digest, size });
        return replyCreated(ctx, repository, digest);
      }
      const algorithm = singleValue(ctx, 'digest-algorithm');
      const parsed = algorithm === undefined ? undefined : parseAlgorithm(algorithm);
      const client = uploadClientOf(permitOf(ctx).caller, ctx.state.remoteAddress);
      const upload = await quota.begin(client, () => uploads.begin(repository, parsed));
      describe(ctx, upload);
      replyEmpty(ctx, 202);
    },

    async status(ctx) {
      const repository = repositoryOf(ctx);
      const id = parameter(ctx, 'session');
      describe(ctx, await counted(repository, id, () => uploads.status(repository, id)));
      replyEmpty(ctx, 204);
    },

    append: tellingWhereItStands(async (ctx) => {
      const repository = repositoryOf(ctx);
      const id = parameter(ctx, 'session');
      describe(ctx, await counted(repository, id, () => uploads.append(repository, id, chunkOf(ctx))));
      replyEmpty(ctx, 202);
    }),

    finish: tellingWhereItStands(async (ctx) => {
      const repository = repositoryOf(ctx);
      const digest = parseDigest(singleValue(ctx, 'digest') ?? '');
      const chunk = hasNoBody(ctx) && ctx.get('Content-Range') === '' ? undefined : chunkOf(ctx);
      const id = parameter(ctx, 'session');
      const size = await counted(repository, id, () => uploads.finish(repository, id, digest, chunk));
      quota.ended(repository, id);
      await report?.(ctx, { action: 'push', kind: 'blob', repository, digest, size });
      replyCreated(ctx, repository, digest);
    }),

    async cancel(ctx) {
      const repository = repositoryOf(ctx);
      const id = parameter(ctx, 'session');
      await counted(repository, id, () => uploads.cancel(repository, id));
      quota.ended(repository, id);
      replyEmpty(ctx, 204);
    },
  };
}

function repositoryOf(ctx: RequestContext): RepositoryName {
  return parseRepositoryName(parameter(ctx, 'name'));
}

/** `0-9` as the specification has it, and `bytes 0-9/10` or `bytes 0-9/*` as HTTP has it and some clients send it. */
function readContentRange(header: string): Chunk['range'] {
  if (header === '') return undefined;
  const match = /^(?:bytes[ =])?(\d{1,15})-(\d{1,15})(?:\/(?:\d{1,15}|\*))?$/.exec(header.trim());
  if (match === null) return 'malformed';
  const start = Number(match[1]);
  const end = Number(match[2]);
  return end < start ? 'malformed' : { start, end };
}
