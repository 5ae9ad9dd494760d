// What a manifest is asked for by: a tag or a digest (distribution-spec, "Pulling manifests").
import { type Digest, isDigest, parseDigest } from './digest.ts';
import { RegistryError } from './errors.ts';

declare const brand: unique symbol;

/** A tag, checked. */
export type Tag = string & { readonly [brand]: 'Tag' };

export type Reference =
  | { readonly kind: 'tag'; readonly tag: Tag }
  | { readonly kind: 'digest'; readonly digest: Digest };

const TAG = /^[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}$/;

/** Reads a tag. Throws `tagInvalid`. */
export function parseTag(text: string): Tag {
  if (!isTag(text)) throw new RegistryError('tagInvalid', { detail: text.slice(0, 200) });
  return text;
}

export function isTag(text: string): text is Tag {
  return TAG.test(text);
}

/** Reads a tag or a digest; what contains a colon can only be a digest. Throws `digestInvalid` or `tagInvalid`. */
export function parseReference(text: string): Reference {
  if (isDigest(text)) return { kind: 'digest', digest: text };
  if (text.includes(':')) return { kind: 'digest', digest: parseDigest(text) };
  return { kind: 'tag', tag: parseTag(text) };
}
