// The load process: does one job after the other and says how long each took. It runs apart from the bench itself, so that
// what the bench does meanwhile (reading what the servers print, for one) is not in the figures.
import { performance } from 'node:perf_hooks';
import { downloadBlob, uploadBlob, verifyObject } from './bucket.ts';
import { type Connection, openConnection } from './connection.ts';
import { type ContentSource, createContentSource, type PreparedBlob, prepareSmallBlob } from './content.ts';
import { verifyBlob } from './digest.ts';
import { type PreparedImage, prepareImage, pushImage, pushManifest } from './image.ts';
import { type Done, type Job, type JobOf, parseJob, type Result } from './job.ts';
import { pullBlob } from './pull.ts';
import { pushBlob } from './push.ts';

serveJobs();

function serveJobs(): void {
  const content = rememberLast(createContentSource());
  process.on('message', (message: unknown) => {
    answer(content, message).then((result) => process.send?.(result));
  });
  process.on('disconnect', () => process.exit());
  // The terminal sends SIGINT to the whole group; the bench ends this process when it has tidied up.
  process.on('SIGINT', () => undefined);
}

async function answer(content: ContentSource, message: unknown): Promise<Result> {
  try {
    return await perform(content, parseJob(message));
  } catch (error) {
    return { problem: error instanceof Error ? error.message || error.name : String(error) };
  }
}

function perform(content: ContentSource, job: Job): Promise<Done> {
  switch (job.kind) {
    case 'push':
      return push(content, job);
    case 'pull':
      return pull(job);
    case 'images':
      return pushImages(job);
    case 'tags':
      return pushTags(job);
    case 'verify':
      return verify(job);
  }
}

async function push(content: ContentSource, job: JobOf<'push'>): Promise<Done> {
  const blobs = content.prepareBlobs(job.seed, job.streams, job.size);
  const digests = blobs.map(({ digest }) => digest);
  return timed(digests, () =>
    allAtOnce(blobs, (blob) =>
      job.bucket === undefined
        ? connected(job.url, (connection) => pushBlob(connection, job.repository, blob))
        : uploadBlob(job.bucket, blob),
    ),
  );
}

async function pull({ url, repository, digests, size, bucket }: JobOf<'pull'>): Promise<Done> {
  return timed(digests, () =>
    allAtOnce(digests, (digest) =>
      bucket === undefined ? pullBlob(url, repository, digest, size) : downloadBlob(bucket, digest, size),
    ),
  );
}

async function verify({ url, repository, digest, bucket }: JobOf<'verify'>): Promise<Done> {
  return timed([digest], () =>
    bucket === undefined ? verifyBlob(url, repository, digest) : verifyObject(bucket, digest),
  );
}

async function pushImages({ url, repository, tag, count, atOnce }: JobOf<'images'>): Promise<Done> {
  const images = Array.from({ length: count }, (_, index) => prepareImage(`${tag}-${index}`));
  const waiting = images.values();
  const clients = Array.from({ length: atOnce }, (_, client) => client);
  return timed([], () =>
    allAtOnce(clients, (client) =>
      connected(url, (connection) => pushWaiting(connection, `${repository}-${client}`, waiting)),
    ),
  );
}

async function pushWaiting(
  connection: Connection,
  repository: string,
  waiting: Iterator<PreparedImage>,
): Promise<void> {
  for (let next = waiting.next(); !next.done; next = waiting.next()) {
    await pushImage(connection, repository, next.value);
  }
}

async function pushTags({ url, repository, tags, blobSize }: JobOf<'tags'>): Promise<Done> {
  const [first = 'latest', ...others] = tags;
  const image = prepareImage(first);
  const blob = prepareSmallBlob(Buffer.alloc(blobSize, image.manifestDigest));
  return timed([image.manifestDigest, blob.digest], () =>
    connected(url, async (connection) => {
      await pushImage(connection, repository, image);
      await pushBlob(connection, repository, blob);
      for (const tag of others) {
        await pushManifest(connection, repository, tag, image.manifest, image.manifestDigest);
      }
    }),
  );
}

async function connected(url: string, use: (connection: Connection) => Promise<void>): Promise<void> {
  const connection = await openConnection(url);
  try {
    await use(connection);
  } finally {
    connection.close();
  }
}

/** Waits for all of them even if one fails, so that nothing is under way when the next job begins. */
async function allAtOnce<Item>(items: readonly Item[], work: (item: Item) => Promise<void>): Promise<void> {
  for (const outcome of await Promise.allSettled(items.map(work))) {
    if (outcome.status === 'rejected') throw outcome.reason;
  }
}

async function timed(digests: readonly string[], work: () => Promise<unknown>): Promise<Done> {
  const start = performance.now();
  await work();
  return { seconds: (performance.now() - start) / 1000, digests };
}

/** The registries get the same blobs one after the other; they are made once. */
function rememberLast(source: ContentSource): ContentSource {
  let last: { readonly name: string; readonly blobs: readonly PreparedBlob[] } | undefined;
  return {
    prepareBlobs: (seed, count, size) => {
      const name = `${seed} ${count} ${size}`;
      if (last?.name !== name) last = { name, blobs: source.prepareBlobs(seed, count, size) };
      return last.blobs;
    },
  };
}
