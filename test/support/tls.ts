// A registry behind TLS, and the certificates of its clients.
import { readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { pino } from 'pino';
import { stringify } from 'yaml';
import { loadConfiguration } from '../../config/load.ts';
import { createRegistryApp } from '../../src/compose-app.ts';
import { startHttpServer } from '../../src/http/server.ts';
import { openTlsEndpoint, type TlsSettings } from '../../src/http/tls/tls-endpoint.ts';
import { createCheckedDriver } from '../../storage-drivers/checked.ts';
import { type Certificates, makeCertificates } from './certificates.ts';
import { runCommand } from './command.ts';
import type { Cleaner } from './processes.ts';
import { openTestStore } from './test-store.ts';

export interface TlsRegistry {
  readonly port: number;
  readonly certificates: Certificates;
  readonly logLines: readonly string[];
  /** Ends the server; resolves to the number of requests that were cut. */
  close(drainMs: number): Promise<number>;
}

export interface TlsRegistryOptions {
  readonly certificates?: Certificates;
  /** Over the defaults of `http.tls`. */
  readonly tls?: Partial<TlsSettings>;
  readonly http2?: boolean;
  readonly lookMs?: number;
  readonly now?: () => Date;
  readonly pacePeriodMs?: number;
}

/** The registry on a port of its own, over HTTPS. */
export async function openTlsRegistry(
  cleaner: Cleaner,
  { tls = {}, http2 = true, lookMs = 20, now, pacePeriodMs, ...options }: TlsRegistryOptions = {},
): Promise<TlsRegistry> {
  const certificates = options.certificates ?? (await makeCertificates(cleaner));
  const logLines: string[] = [];
  const log = pino({ level: 'debug' }, { write: (line: string) => void logLines.push(line) });
  const { certificate, key } = certificates.files;
  const settings = {
    version: '0.1',
    storage: { inmemory: {}, redirect: { disable: true } },
    http: { tls: { certificate, key } },
  };
  const file = { path: 'config.yml', text: stringify(settings) };
  const { configuration } = loadConfiguration({ file, environment: {} });
  const { http } = configuration;
  if (http.tls === undefined) throw new TypeError('TLS was configured');
  const driver = createCheckedDriver(await openTestStore(cleaner));
  const pace = pacePeriodMs === undefined ? {} : { pacePeriodMs };
  const { listener } = createRegistryApp({ driver, configuration, log, ...pace });
  const endpoint = await openTlsEndpoint(
    { ...http.tls, certificate, key, ...tls },
    { log, lookMs, ...(now && { now }) },
  );
  const server = await startHttpServer(listener, { host: '127.0.0.1', port: 0 }, { tls: endpoint, http2 });
  let closing: Promise<number> | undefined;
  const close = (drainMs: number) => {
    closing ??= server.close(drainMs);
    return closing;
  };
  cleaner.after(async () => void (await close(0)));
  return { port: server.port ?? 0, certificates, logLines, close };
}

export interface ClientCertificate {
  readonly cert: string;
  readonly key: string;
}

/** A certificate of a client, signed by the authority of the test, or by itself. */
export async function makeClientCertificate(
  { files }: Certificates,
  options: {
    readonly subject?: string;
    readonly names?: string;
    readonly days?: number;
    readonly signedByItself?: boolean;
  } = {},
): Promise<ClientCertificate> {
  const { subject = '/O=acme/OU=ops/CN=alice', names, days = 1, signedByItself = false } = options;
  const directory = dirname(files.ca);
  const id = Math.random().toString(36).slice(2);
  const at = (name: string) => join(directory, `${id}.${name}`);
  const run = (...words: string[]) => runCommand(['openssl', ...words], { directory });
  const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', at('key')];
  const extensions = [
    'extendedKeyUsage=clientAuth',
    ...(names === undefined ? [] : [`subjectAltName=${names}`]),
  ];
  if (signedByItself) {
    await run('req', '-x509', ...newKey, '-subj', subject, '-days', String(days), '-out', at('pem'));
  } else {
    await writeFile(at('extensions'), extensions.join('\n'));
    await run('req', ...newKey, '-subj', subject, '-out', at('csr'));
    const authority = ['-CA', files.ca, '-CAkey', join(directory, 'ca.key'), '-CAcreateserial'];
    await run(
      'x509',
      '-req',
      '-in',
      at('csr'),
      ...authority,
      '-days',
      String(days),
      '-extfile',
      at('extensions'),
      '-out',
      at('pem'),
    );
  }
  return { cert: await readFile(at('pem'), 'utf8'), key: await readFile(at('key'), 'utf8') };
}
