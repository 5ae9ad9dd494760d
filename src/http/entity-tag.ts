// Entity tags: a digest in quotes, since the digest is the content (RFC 9110, section 8.8.3).
import type { Digest } from '../registry/digest.ts';

export function entityTag(digest: Digest): string {
  return `"${digest}"`;
}

/**
 * The digests that If-Match or If-None-Match lists, `'any'` for `*`. Weak tags and tags without quotes count, as clients of
 * the `registry` image send them.
 */
export function parseEntityTags(header: string): readonly string[] | 'any' {
  if (header.trim() === '*') return 'any';
  return header.split(',').map((tag) =>
    tag
      .trim()
      .replace(/^W\//, '')
      .replace(/^"(.*)"$/, '$1'),
  );
}

/** Whether If-None-Match says that the client has the content already. */
export function isKnownToClient(header: string, digest: Digest): boolean {
  const tags = header === '' ? [] : parseEntityTags(header);
  return tags === 'any' || tags.includes(digest);
}
