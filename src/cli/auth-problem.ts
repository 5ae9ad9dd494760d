// What is wrong with the `auth` section, in one line for each problem, by the setting that it is about.
import { IssuerSettingsError } from '../auth/oidc/issuer-settings.ts';
import { PasswordFileError } from '../auth/passwords/followed-file.ts';
import { PolicyError } from '../auth/policy/policy.ts';
import { TokenKeysError } from '../auth/tokens/outside-keys.ts';
import { SigningKeyError } from '../auth/tokens/signing-key.ts';
import { describePolicyError } from '../compose-rules.ts';

/** `undefined` for an error that is about something else. */
export function describeAuthProblem(error: unknown): string | undefined {
  if (error instanceof PolicyError) return describePolicyError(error);
  if (error instanceof PasswordFileError) return `auth.htpasswd.path: ${error.message}`;
  // Says itself which of the settings.
  if (error instanceof TokenKeysError) return error.message;
  if (error instanceof SigningKeyError) return `auth.berth.signingkey: ${error.message}`;
  if (error instanceof IssuerSettingsError) return `auth.berth.oidc: ${error.message}`;
  return undefined;
}
