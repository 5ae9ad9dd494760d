// The image's health check: whether the server answers where its configuration says that it listens. Ends with 0 or 1.
import { existsSync, readFileSync } from 'node:fs';
import { request as requestPlainly } from 'node:http';
import { request as requestWithTls } from 'node:https';
import { commandOf } from './command.js';
import { useCompiledCode } from './compiled-code.js';

const LIMIT_MS = 5_000;

useCompiledCode();
const { configurationFor } = await import('../../src/cli/configuration.ts');
const { http } = (await configurationFor(configurationOfServer())).configuration;
const target =
  http.listen.net === 'unix'
    ? { socketPath: http.listen.path }
    : { port: http.listen.port, host: reachable(http.listen.host) };
const request = http.tls === undefined ? requestPlainly : requestWithTls;
// The certificate is for the name that clients use.
const options = { ...target, path: `${http.prefix}/v2/`, rejectUnauthorized: false, timeout: LIMIT_MS };
request(options, ({ statusCode = 500 }) => process.exit(statusCode < 500 ? 0 : 1))
  .on('timeout', () => fail('no answer in time'))
  .on('error', (error) => (wantsCertificate(error) ? process.exit(0) : fail(error.message)))
  .end();

/**
 * Whether the server is up, and lets in only those who show a certificate (`http.tls.clientauth`).
 * @param {NodeJS.ErrnoException} error
 */
function wantsCertificate({ code = '' }) {
  return /^ERR_SSL_.*ALERT/.test(code);
}

/** @param {string} reason shown by `docker inspect` */
function fail(reason) {
  process.stderr.write(`${reason}\n`);
  process.exit(1);
}

/** The words after the command that process 1 was started with: only they say which file it was given. */
function configurationOfServer() {
  const words = readFileSync('/proc/1/cmdline', 'utf8').split('\0').slice(0, -1);
  const program = words.findLastIndex((word) => /(?:^|\/)(?:registry|berth|start\.js)$/.test(word));
  return commandOf(words.slice(program + 1), existsSync).slice(1);
}

/** @param {string | undefined} host that the server listens on; none means every address */
function reachable(host) {
  return host === undefined || host === '0.0.0.0' || host === '::' ? '127.0.0.1' : host;
}
