// Whether what `auth` names can be used, found out without a server: files are read; the storage and other machines are not
// asked, so groups that are kept in the storage are not known here.
import { pino } from 'pino';
import type { Configuration } from '../config/schema.ts';
import { createFederation } from './auth/oidc/federation.ts';
import { followPasswordFile } from './auth/passwords/followed-file.ts';
import { openPolicy } from './auth/policy/without-rules.ts';
import { readSigningKeys } from './auth/tokens/signing-keys.ts';
import { openIssuers, openOutsideTokens } from './compose-auth.ts';
import { knownToConfiguration, openRules } from './compose-rules.ts';

/** Throws what a start would end with: PolicyError, PasswordFileError, TokenKeysError, SigningKeyError, IssuerSettingsError. */
export async function checkAccess({ auth }: Pick<Configuration, 'auth'>): Promise<void> {
  // What is found goes to whoever asked.
  const log = pino({ level: 'silent' });
  const { scheme } = auth;
  const rules = await openRules(auth, {
    withoutRules: openPolicy,
    known: async () => knownToConfiguration(auth),
    log,
  });
  rules.stop();
  if (scheme.name === 'htpasswd') await followPasswordFile(scheme.path, log, () => new Date());
  if (scheme.name === 'token') await openOutsideTokens(scheme, log);
  if (scheme.name !== 'berth') return;
  if (scheme.signingkey !== undefined) await readSigningKeys(scheme.signingkey);
  createFederation(await openIssuers(scheme.oidc, log));
}
