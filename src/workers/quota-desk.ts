// Open uploads are counted in the primary: a client has one quota, whichever processes its requests reach.
import { LRUCache } from 'lru-cache';
import { z } from 'zod';
import type { UploadQuota } from '../http/upload-quota.ts';
import { atMost } from '../registry/at-most.ts';
import { RegistryError } from '../registry/errors.ts';
import { isRepositoryName, type RepositoryName } from '../registry/name.ts';
import { isSessionId } from '../registry/sessions.ts';
import type { UploadStatus } from '../registry/upload-chunks.ts';
import type { Channel } from './channel.ts';

const beginSchema = z.object({ client: z.string(), ticket: z.number() });
const uploadSchema = z.object({
  repository: z.string().refine(isRepositoryName),
  id: z.string().refine(isSessionId),
});
const begunSchema = z.object({ ticket: z.number(), upload: uploadSchema.optional() });

/** That an upload goes on is told now and then: it is counted until it has been quiet for an hour. */
const TOLD_AGAIN_MS = 10 * 60_000;
const MOST_TOLD = 10_000;

/** Lets a process take part. To be told when it is gone. */
export function serveQuota(channel: Channel, quota: UploadQuota): { gone(): void } {
  /** Uploads that were let in, and of which it is not known yet whether they have begun. */
  const beginning = new Map<number, PromiseWithResolvers<UploadStatus>>();

  channel.on('begin upload', async (content) => {
    const { client, ticket } = beginSchema.parse(content);
    const admitted = Promise.withResolvers<void>();
    quota
      .begin(client, () => {
        const begun = Promise.withResolvers<UploadStatus>();
        beginning.set(ticket, begun);
        admitted.resolve();
        return begun.promise;
      })
      // Refused; or it failed to begin, which the process knows.
      .catch(admitted.reject);
    await admitted.promise;
  });

  channel.on('upload begun', (content) => {
    const { ticket, upload } = begunSchema.parse(content);
    const begun = beginning.get(ticket);
    beginning.delete(ticket);
    if (upload === undefined) begun?.reject(new RegistryError('unavailable'));
    else begun?.resolve({ ...upload, startedAt: new Date(), size: 0 });
  });

  channel.on('upload went on', (content) => {
    const { repository, id } = uploadSchema.parse(content);
    quota.wentOn(repository, id);
  });

  channel.on('upload ended', (content) => {
    const { repository, id } = uploadSchema.parse(content);
    quota.ended(repository, id);
  });

  return {
    gone() {
      for (const { reject } of beginning.values()) reject(new RegistryError('unavailable'));
      beginning.clear();
    },
  };
}

export function createSharedQuota(channel: Channel): UploadQuota {
  let tickets = 0;
  const wentOn = new LRUCache<string, true>({ ...atMost(MOST_TOLD), ttl: TOLD_AGAIN_MS });
  // Ids that nobody was given are not worth a message.
  const tell = (subject: string, repository: RepositoryName, id: string) => {
    if (isSessionId(id)) channel.tell(subject, { repository, id });
  };

  return {
    async begin(client, begin) {
      tickets += 1;
      const ticket = tickets;
      await channel.ask('begin upload', { client, ticket });
      try {
        const upload = await begin();
        const { repository, id } = upload;
        // Before the client hears of it, with what was said of the upload itself.
        channel.tellNow('upload begun', { ticket, upload: { repository, id } });
        wentOn.set(`${repository} ${id}`, true);
        return upload;
      } catch (error) {
        channel.tell('upload begun', { ticket });
        throw error;
      }
    },
    wentOn(repository, id) {
      const key = `${repository} ${id}`;
      if (wentOn.has(key)) return;
      wentOn.set(key, true);
      tell('upload went on', repository, id);
    },
    ended(repository, id) {
      wentOn.delete(`${repository} ${id}`);
      tell('upload ended', repository, id);
    },
    // The primary says it, once for all.
    open: () => 0,
  };
}
