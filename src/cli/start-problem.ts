// Why a server could not start, in one line for people.
import { ConfigurationError } from '../../config/problem.ts';
import { DriverError } from '../../storage-drivers/errors.ts';
import { CertificateError } from '../http/tls/certificate-files.ts';
import { StoreInUseError } from '../maintenance/presence.ts';
import { DebugAddressError } from '../observe/debug-server.ts';
import { RedisRefusedError } from '../sessions/coordination.ts';
import { WorkersRefusedError } from '../workers/crew.ts';

/** The one line that explains why the server could not start; `undefined` for what nobody foresaw. */
export async function reasonOf(error: unknown): Promise<string | undefined> {
  const { describeAuthProblem } = await import('./auth-problem.ts');
  const problem = describeAuthProblem(error);
  if (problem !== undefined) return problem;
  if (error instanceof ConfigurationError || error instanceof WorkersRefusedError) return error.message;
  if (error instanceof StoreInUseError) return error.message;
  if (error instanceof DebugAddressError) return `http.debug.addr: ${error.message}`;
  if (error instanceof CertificateError) return `http.tls: ${error.message}`;
  if (error instanceof RedisRefusedError) return `Redis does not let this server in: ${error.message}`;
  if (error instanceof DriverError) {
    return `the storage cannot be opened: ${messageOf(error.cause) ?? error.message}`;
  }
  if (isSystemError(error) && LISTENING.includes(error.syscall ?? '')) {
    // Node gives unix sockets the port -1.
    const isPort = error.port !== undefined && error.port >= 0;
    const place = isPort ? `port ${error.port}` : error.address;
    if (error.code === 'EADDRINUSE')
      return `${place} is in use already; http.addr or REGISTRY_HTTP_ADDR sets another one`;
    return `cannot listen on ${place}: ${error.message}`;
  }
  return undefined;
}

function messageOf(error: unknown): string | undefined {
  return error instanceof Error ? error.message : undefined;
}

/** Where processes share an address, one of them binds it and the others listen. */
const LISTENING: readonly string[] = ['listen', 'bind'];

interface ListenError extends NodeJS.ErrnoException {
  readonly port?: number;
  readonly address?: string;
}

function isSystemError(error: unknown): error is ListenError {
  return error instanceof Error && 'syscall' in error;
}
