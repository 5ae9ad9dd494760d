// Where everything is kept: the only file that builds storage keys.
//
// The tree is the one of the `registry` image, so that either server can run on what the other wrote:
//
//   docker/registry/v2/
//     blobs/<algorithm>/<first two hex>/<hex>/data          bytes of layers, configs and manifests
//     repositories/<name>/
//       _layers/<algorithm>/<hex>/link                      the repository has this blob
//       _manifests/revisions/<algorithm>/<hex>/link         the repository has this manifest
//       _manifests/tags/<tag>/current/link                  what the tag points to
//       _manifests/tags/<tag>/index/<algorithm>/<hex>/link  what the tag has ever pointed to
//       _uploads/<session id>/startedat                     when the upload began
//       _uploads/<session id>/data                          its bytes so far
//
// A link holds a digest and nothing else. Ours, in places that the `registry` image and its garbage collector skip, and all
// of it to be made again from the rest:
//
//   docker/registry/v2/repositories/<name>/_berth/
//     referrers/<algorithm>/<subject hex>/<algorithm>/<hex> the descriptor of a manifest with this subject
//     uploads/<session id>                                  digest so far of an upload
//     deleted/<algorithm>-<hex>                             this manifest was deleted, and may have tags yet, which lead nowhere
//     tagged/mark                                           since when tags are noted here; only where there are many
//     tagged/moved/<algorithm>/<hex>/<tag>                  the tag was pointed to this manifest since
//     tagged/seen/<first two hex>                           what the tags pointed to that did not move, one a line
//   docker/registry/berth/verified/<algorithm>/<first two hex>/<hex>
//                                                           version of a blob whose bytes were seen to match
//   docker/registry/berth/servers/<id>                      sign of life of a server that works alone
//   docker/registry/berth/uploads/<id>                      small uploads of a server that works alone, one state a line
//   docker/registry/berth/auth/                             accounts, keys and refresh tokens
//   docker/registry/berth/events/<queue>/                   events of one server, not told yet or not long ago
//     owner                                                 sign of life of the server that tells them
//     positions                                             how far each endpoint was told
//     segments/<milliseconds>-<number>-<count>              some events, one a line
import { type Algorithm, algorithmOf, type Digest, hexOf, isDigest } from './digest.ts';
import type { RepositoryName } from './name.ts';
import type { Tag } from './reference.ts';
import type { SessionId } from './sessions.ts';

/** What the `registry` image keeps; only requests, and who clears up behind them, change anything below it. */
export const ROOT = 'docker/registry/v2';
export const REPOSITORIES = `${ROOT}/repositories`;

/** The names directly below a repository that make it one (and not just a part of another repository's name). */
export const REPOSITORY_MARKS: readonly string[] = ['_manifests', '_layers'];
/** The names below which uploads and what is noted of them are kept. */
export const UPLOAD_MARKS: readonly string[] = ['_uploads', '_berth'];

export const blobData = (digest: Digest) => `${ROOT}/blobs/${sharded(digest)}/data`;
export const blobVerdict = (digest: Digest) => `docker/registry/berth/verified/${sharded(digest)}`;

/** Signs of life of the servers that work on the store. */
export const SERVERS = 'docker/registry/berth/servers';
export const serverSign = (id: string) => `${SERVERS}/${id}`;

/** Journals of small uploads. The id is a UUID; where several processes have one each, behind the UUID of the process and a dot. */
export const UPLOAD_JOURNALS = 'docker/registry/berth/uploads';
export const uploadJournal = (id: string) => `${UPLOAD_JOURNALS}/${id}`;

/** Below it is what `auth: berth` keeps. Segments are names that were checked: letters, digits, `.`, `_`, `-`. */
export const AUTH = 'docker/registry/berth/auth';
export function authKey(...segments: readonly string[]): string {
  const bad = segments.find((segment) => !/^[A-Za-z0-9_-][A-Za-z0-9._-]*$/.test(segment));
  if (bad !== undefined) throw new TypeError('not the segment of a key');
  return [AUTH, ...segments].join('/');
}

/** Queues of events. A queue has a UUID, a segment a name of digits and `-` that sorts by time. */
export const EVENT_QUEUES = 'docker/registry/berth/events';
export const eventQueue = (queue: string) => `${EVENT_QUEUES}/${queue}`;
export const eventOwner = (queue: string) => `${eventQueue(queue)}/owner`;
export const eventPositions = (queue: string) => `${eventQueue(queue)}/positions`;
export const eventSegments = (queue: string) => `${eventQueue(queue)}/segments`;
export const eventSegment = (queue: string, segment: string) => `${eventSegments(queue)}/${segment}`;

export const repository = (name: RepositoryName) => `${REPOSITORIES}/${name}`;
export const layerLink = (name: RepositoryName, digest: Digest) =>
  `${repository(name)}/_layers/${spread(digest)}/link`;
export const revisionLink = (name: RepositoryName, digest: Digest) =>
  `${repository(name)}/_manifests/revisions/${spread(digest)}/link`;

export const tags = (name: RepositoryName) => `${repository(name)}/_manifests/tags`;
export const tag = (name: RepositoryName, tagged: Tag) => `${tags(name)}/${tagged}`;
export const tagCurrentLink = (name: RepositoryName, tagged: Tag) => `${tag(name, tagged)}/current/link`;
export const tagIndexLink = (name: RepositoryName, tagged: Tag, digest: Digest) =>
  `${tag(name, tagged)}/index/${spread(digest)}/link`;

/** Manifests that were deleted and may have tags yet. */
export const deletedManifests = (name: RepositoryName) => `${repository(name)}/_berth/deleted`;
export const deletedManifest = (name: RepositoryName, digest: Digest) =>
  `${deletedManifests(name)}/${digest.replace(':', '-')}`;
/** The digest that an entry of `deletedManifests` stands for, if it does. */
export function digestOfDeleted(entry: string): Digest | undefined {
  const text = entry.replace('-', ':');
  return isDigest(text) ? text : undefined;
}

/** What is noted of tags, by the manifest that they point to. */
export const tagNotesMark = (name: RepositoryName) => `${repository(name)}/_berth/tagged/mark`;
export const tagNotes = (name: RepositoryName, digest: Digest) =>
  `${repository(name)}/_berth/tagged/moved/${spread(digest)}`;
export const tagNote = (name: RepositoryName, digest: Digest, tagged: Tag) =>
  `${tagNotes(name, digest)}/${tagged}`;
export const tagsSeen = (name: RepositoryName, firstTwoHex: string) =>
  `${repository(name)}/_berth/tagged/seen/${firstTwoHex}`;

export const uploads = (name: RepositoryName) => `${repository(name)}/_uploads`;
export const upload = (name: RepositoryName, id: SessionId) => `${uploads(name)}/${id}`;
export const uploadData = (name: RepositoryName, id: SessionId) => `${upload(name, id)}/data`;
export const uploadStartedAt = (name: RepositoryName, id: SessionId) => `${upload(name, id)}/startedat`;
export const uploadStates = (name: RepositoryName) => `${repository(name)}/_berth/uploads`;
export const uploadState = (name: RepositoryName, id: SessionId) => `${uploadStates(name)}/${id}`;

export const referrers = (name: RepositoryName, subject: Digest) =>
  `${repository(name)}/_berth/referrers/${spread(subject)}`;
export const referrer = (name: RepositoryName, subject: Digest, digest: Digest) =>
  `${referrers(name, subject)}/${spread(digest)}`;

/** The content of a link. */
export function linkContent(digest: Digest): Uint8Array {
  return Buffer.from(digest, 'ascii');
}

/**
 * What a link points to; `undefined` for one that is empty or torn, as a crash of the `registry` image leaves them. A
 * link may name another digest than its own path: the `registry` image links sha512 names to content under sha256.
 */
export function parseLink(content: Uint8Array): Digest | undefined {
  const text = Buffer.from(content).toString('latin1');
  return isDigest(text) ? text : undefined;
}

/** The digest that a pair of directory names stands for, if they do. */
export function digestFromParts(algorithm: Algorithm, hex: string): Digest | undefined {
  const text = `${algorithm}:${hex}`;
  return isDigest(text) ? text : undefined;
}

function spread(digest: Digest): string {
  return `${algorithmOf(digest)}/${hexOf(digest)}`;
}

function sharded(digest: Digest): string {
  const hex = hexOf(digest);
  return `${algorithmOf(digest)}/${hex.slice(0, 2)}/${hex}`;
}
