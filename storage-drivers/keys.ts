// The one place that refuses a bad key.

/** Longest key in bytes: what S3 takes, less room for a root directory in front of it. */
const MAX_KEY_LENGTH = 960;
/** At most 255 characters. */
const SEGMENT = '[A-Za-z0-9_-][A-Za-z0-9._-]{0,254}';
const NAME = new RegExp(`^${SEGMENT}$`);
/** One look at the whole: keys are checked several times for each request. */
const KEY = new RegExp(`^${SEGMENT}(?:/${SEGMENT})*$`);

/**
 * Whether a key is one or more segments of `[A-Za-z0-9._-]`, none of which starts with a dot, joined by single slashes.
 * These are the keys of the `registry` image less hidden names, which drivers keep for themselves.
 */
export function isValidKey(key: string): boolean {
  return key.length <= MAX_KEY_LENGTH && KEY.test(key);
}

/** Whether a key may have this name between two slashes. */
export function isValidName(name: string): boolean {
  return NAME.test(name);
}
