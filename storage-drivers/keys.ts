// The one place that refuses a bad key.

/** Longest key in bytes: what S3 takes, less room for a root directory in front of it. */
const MAX_KEY_LENGTH = 960;
const MAX_SEGMENT_LENGTH = 255;
const SEGMENT = /^[A-Za-z0-9_-][A-Za-z0-9._-]*$/;

/**
 * Whether a key is one or more segments of `[A-Za-z0-9._-]`, none of which starts with a dot, joined by single slashes.
 * These are the keys of the `registry` image less hidden names, which drivers keep for themselves.
 */
export function isValidKey(key: string): boolean {
  if (key.length === 0 || key.length > MAX_KEY_LENGTH) return false;
  return key.split('/').every(isValidName);
}

/** Whether a key may have this name between two slashes. */
export function isValidName(name: string): boolean {
  return name.length <= MAX_SEGMENT_LENGTH && SEGMENT.test(name);
}
