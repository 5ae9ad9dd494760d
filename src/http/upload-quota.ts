// How many uploads one client may have open: begun, and neither finished nor given up. Each costs the store a note until the
// purge, days later, so nobody may begin them without end.
import type { Caller } from '../auth/caller.ts';
import { networkOf } from '../auth/network.ts';
import { RegistryError } from '../registry/errors.ts';
import type { RepositoryName } from '../registry/name.ts';
import type { UploadStatus } from '../registry/upload-chunks.ts';

export interface UploadQuota {
  /** Lets the client begin one more, and counts it. Throws `tooManyRequests`, and what `begin` throws. */
  begin(client: string, begin: () => Promise<UploadStatus>): Promise<UploadStatus>;
  /** The upload goes on; one that is not known here is of no matter. */
  wentOn(repository: RepositoryName, id: string): void;
  /** The upload is finished, given up, or was lost. */
  ended(repository: RepositoryName, id: string): void;
  /** Uploads that are open, of all clients together. */
  open(): number;
}

export interface UploadQuotaSettings {
  /** Uploads that one client may have open (`http.openuploads`). 0: any number. */
  readonly most: number;
  readonly now?: () => Date;
}

interface OpenUpload {
  readonly repository: RepositoryName;
  readonly client: string;
  usedAt: number;
}

/** An upload that nobody goes on with for so long is counted no more; it may still be gone on with. */
const IDLE_AFTER_MS = 3_600_000;
/** Of all clients. Beyond it those are forgotten that have been quiet for longest. */
const MOST_KNOWN = 200_000;
const RETRY_AFTER_SECONDS = 60;

/** Counts what is begun in this process, in memory. */
export function createUploadQuota({ most, now = () => new Date() }: UploadQuotaSettings): UploadQuota {
  /** The quietest first. */
  const open = new Map<string, OpenUpload>();
  const counts = new Map<string, number>();

  function add(client: string, change: 1 | -1): void {
    const count = (counts.get(client) ?? 0) + change;
    if (count > 0) counts.set(client, count);
    else counts.delete(client);
  }

  /** An id that is asked for in another repository is unknown there, and the upload as open as before. */
  function find(repository: RepositoryName, id: string): OpenUpload | undefined {
    const upload = open.get(id);
    return upload?.repository === repository ? upload : undefined;
  }

  function forget(id: string, { client }: OpenUpload): void {
    open.delete(id);
    add(client, -1);
  }

  function forgetQuiet(time: number): void {
    for (const [id, upload] of open) {
      if (open.size <= MOST_KNOWN && Math.abs(time - upload.usedAt) < IDLE_AFTER_MS) return;
      forget(id, upload);
    }
  }

  return {
    async begin(client, begin) {
      forgetQuiet(now().getTime());
      if (most > 0 && (counts.get(client) ?? 0) >= most) {
        throw new RegistryError('tooManyRequests', {
          retryAfterSeconds: RETRY_AFTER_SECONDS,
          detail: 'too many uploads are open; finish or cancel some',
        });
      }
      // Before the upload is there: many may be on their way at the same time.
      add(client, 1);
      try {
        const upload = await begin();
        const { id, repository } = upload;
        open.set(id, { repository, client, usedAt: now().getTime() });
        return upload;
      } catch (error) {
        add(client, -1);
        throw error;
      }
    },

    wentOn(repository, id) {
      const upload = find(repository, id);
      if (upload === undefined) return;
      // Behind all others.
      open.delete(id);
      upload.usedAt = now().getTime();
      open.set(id, upload);
    },

    ended(repository, id) {
      const upload = find(repository, id);
      if (upload !== undefined) forget(id, upload);
    },

    open() {
      forgetQuiet(now().getTime());
      return open.size;
    },
  };
}

/** Who is counted as one client: an account wherever it comes from; without one, everybody in the same network. */
export function uploadClientOf(caller: Caller, address: string): string {
  if (caller.kind === 'anonymous') return JSON.stringify(['address', networkOf(address)]);
  return JSON.stringify([caller.kind, caller.issuer ?? '', caller.name]);
}
