// `http.debug`: a second address, for whoever runs the server: health, readiness, metrics. Nobody is asked for a name there.
import { z } from 'zod';
import { parseTcpAddress } from './network.ts';
import { flag, parsed } from './scalars.ts';

/** What is there already. */
const TAKEN = ['/debug/health', '/debug/live', '/debug/ready'];

export const debugSchema = z.strictObject({
  addr: parsed(
    parseTcpAddress,
    'host:port or :port, with a port from 0 to 65535 (0: any free one) and an IPv6 host in brackets',
  )
    .optional()
    .describe(
      'Where /debug/health, /debug/live and /debug/ready are answered: host:port, or :port for every address. Not given: nowhere.',
    ),
  prometheus: z
    .strictObject({
      enabled: flag().default(false).describe('Whether metrics for Prometheus are there too.'),
      path: parsed(parsePath, 'a path such as /metrics, and none of those below /debug that are taken')
        .default('/metrics')
        .describe('The path of the metrics.'),
    })
    .prefault({}),
});

function parsePath(value: string): string | undefined {
  return /^\/[\w.~/-]*$/.test(value) && !TAKEN.includes(value) ? value : undefined;
}
