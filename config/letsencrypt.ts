// The `http.tls.letsencrypt` section: certificates that are got from an authority over ACME.
import { z } from 'zod';
import { parseHttpUrl } from './network.ts';
import { parsed, text } from './scalars.ts';

export interface LetsEncryptSettings {
  /** A directory, whatever the key is called. */
  readonly cachefile: string;
  readonly email?: string | undefined;
  /** At least one, in lower case. */
  readonly hosts: readonly string[];
  readonly directoryurl: string;
}

const LETS_ENCRYPT = 'https://acme-v02.api.letsencrypt.org/directory';

/** Gives nothing when no directory is named, as the image does without it then. */
export const letsencryptSchema = z
  .strictObject({
    cachefile: text('the path of a directory')
      .optional()
      .describe(
        "The directory that certificates from Let's Encrypt are kept in. Given, they are got and renewed by the server itself.",
      ),
    email: parsed(parseAddress, 'a mail address').optional().describe('Where the authority may write to.'),
    hosts: z
      .array(parsed(parseHost, 'the full name of a host, without * and port'))
      .default([])
      .describe('The names that certificates are got for. No other name is answered to.'),
    directoryurl: parsed(parseDirectoryUrl, 'an https URL')
      .default(LETS_ENCRYPT)
      .describe("The authority, if it is another one than Let's Encrypt: the URL of its ACME directory."),
  })
  .superRefine(checkTogether)
  .transform(({ cachefile, ...settings }): LetsEncryptSettings | undefined =>
    cachefile === undefined ? undefined : { cachefile, ...settings },
  );

function checkTogether(
  { cachefile, hosts }: { readonly cachefile?: string | undefined; readonly hosts: readonly string[] },
  context: z.RefinementCtx,
): void {
  const refuse = (name: string, message: string) =>
    context.addIssue({ code: 'custom', path: [name], message });
  if (cachefile !== undefined && hosts.length === 0)
    refuse('hosts', 'is missing: no certificate would be got');
  if (cachefile === undefined && hosts.length > 0) {
    refuse('cachefile', 'is missing: certificates have to be kept somewhere');
  }
}

function parseAddress(value: string): string | undefined {
  return /^[^@\s,?]+@[^@\s,?]+$/.test(value) ? value : undefined;
}

/** A name of at least two labels, in lower case: authorities want to see names that everybody can look up. */
function parseHost(value: string): string | undefined {
  const host = value.toLowerCase();
  const labels = host.split('.');
  const sound = labels.every((label) => /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/.test(label));
  const isAddress = /^\d+$/.test(labels.at(-1) ?? '');
  return sound && !isAddress && labels.length >= 2 && host.length <= 253 ? host : undefined;
}

/** Without TLS only on this machine, where nobody is between. */
function parseDirectoryUrl(value: string): string | undefined {
  const url = parseHttpUrl(value);
  if (url === undefined || url.username !== '' || url.password !== '') return undefined;
  const isLocal = ['localhost', '127.0.0.1', '[::1]'].includes(url.hostname);
  return url.protocol === 'https:' || isLocal ? url.href : undefined;
}
