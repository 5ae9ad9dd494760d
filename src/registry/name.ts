// The name of a repository (distribution-spec, "Pulling manifests").
import { RegistryError } from './errors.ts';

declare const brand: unique symbol;

/** A repository name, checked: lower-case components joined by slashes, at most 255 characters. */
export type RepositoryName = string & { readonly [brand]: 'RepositoryName' };

/** Clients cap host and name together at 255; the `registry` image caps the name. */
const MAX_NAME_LENGTH = 255;
const COMPONENT = '[a-z0-9]+(?:(?:\\.|_|__|-+)[a-z0-9]+)*';
const NAME = new RegExp(`^${COMPONENT}(?:/${COMPONENT})*$`);

/** Reads a repository name. Throws `nameInvalid`. */
export function parseRepositoryName(text: string): RepositoryName {
  if (!isRepositoryName(text))
    throw new RegistryError('nameInvalid', { detail: text.slice(0, MAX_NAME_LENGTH) });
  return text;
}

export function isRepositoryName(text: string): text is RepositoryName {
  return text.length <= MAX_NAME_LENGTH && NAME.test(text);
}
