// A certificate for 127.0.0.1, and the authority that signed it, both made for one test.
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { runCommand } from './command.ts';
import { type Cleaner, privateDirectory } from './processes.ts';

export interface Certificates {
  /** The authority's own certificate, PEM. */
  readonly ca: string;
  /** Paths of the PEM files. */
  readonly files: { readonly ca: string; readonly certificate: string; readonly key: string };
}

/** @param names what else the server is called, as OpenSSL takes it: `IP:...`, `DNS:...` */
export async function makeCertificates(
  cleaner: Cleaner,
  names: readonly string[] = [],
): Promise<Certificates> {
  const directory = await privateDirectory('certificates', cleaner);
  const at = (name: string) => join(directory, name);
  const files = { ca: at('ca.pem'), certificate: at('server.pem'), key: at('server.key') };
  const run = (...words: string[]) => runCommand(['openssl', ...words], { directory });
  const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
  await run('req', '-x509', ...newKey, '-subj', '/CN=tests', '-keyout', at('ca.key'), '-out', files.ca);
  await run('req', ...newKey, '-subj', '/CN=server', '-keyout', files.key, '-out', at('server.csr'));
  await writeFile(at('extensions'), `subjectAltName=${['IP:127.0.0.1', 'DNS:localhost', ...names].join()}`);
  await run(
    ...['x509', '-req', '-in', at('server.csr'), '-CA', files.ca, '-CAkey', at('ca.key'), '-CAcreateserial'],
    ...['-extfile', at('extensions'), '-out', files.certificate],
  );
  return { ca: await readFile(files.ca, 'utf8'), files };
}
