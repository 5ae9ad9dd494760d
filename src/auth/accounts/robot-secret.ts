// Secrets of robots: made by the registry, shown once, kept as a hash. 256 random bits cannot be guessed, so a fast hash will do.
import { hash, randomBytes, timingSafeEqual } from 'node:crypto';
import { z } from 'zod';

/** Tells people, and scanners for leaked secrets, what they have found. */
const PREFIX = 'berth_r_';

export const secretHashSchema = z.strictObject({
  salt: z.string().min(20),
  sha256: z.string().length(44),
});
export type SecretHash = Readonly<z.output<typeof secretHashSchema>>;

export function makeRobotSecret(): { readonly secret: string; readonly kept: SecretHash } {
  const secret = `${PREFIX}${randomBytes(32).toString('base64url')}`;
  const salt = randomBytes(16).toString('base64');
  return { secret, kept: { salt, sha256: digest(secret, salt) } };
}

export function isRobotSecret(secret: string, kept: SecretHash): boolean {
  // Both are digests of one length, but one comes from storage.
  const wanted = Buffer.from(kept.sha256);
  const found = Buffer.from(digest(secret, kept.salt));
  return wanted.length === found.length && timingSafeEqual(wanted, found);
}

function digest(secret: string, salt: string): string {
  return hash('sha256', JSON.stringify([salt, secret]), 'base64');
}
