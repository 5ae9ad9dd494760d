// Certificates from an authority are got in the primary, which tells every process what there is: the authority may ask any of
// them for the answer to its challenge.
import { z } from 'zod';
import type { AutomaticCertificates, CertificatesNow } from '../http/tls/acme/automatic-certificates.ts';
import type { Channel } from './channel.ts';

const pairs = z.record(z.string(), z.object({ key: z.string(), cert: z.string() }));
const nowSchema = z.object({ certificates: pairs, challenges: pairs });

/** Tells a process of them. Resolves when it has them. */
export async function tellCertificates(channel: Channel, now: CertificatesNow): Promise<void> {
  await channel.ask('certificates', now);
}

/** Those that this process was told of. Nothing is got here. */
export function createToldCertificates(
  channel: Channel,
): Pick<AutomaticCertificates, 'forHost' | 'forChallenge' | 'start' | 'stop'> {
  let now: CertificatesNow = { certificates: {}, challenges: {} };
  channel.on('certificates', (content) => {
    now = nowSchema.parse(content);
  });
  const find = (of: CertificatesNow['certificates'], host: string) =>
    Object.hasOwn(of, host) ? of[host] : undefined;
  return {
    forHost: (host) => find(now.certificates, host),
    forChallenge: (host) => find(now.challenges, host),
    start: () => undefined,
    stop: () => undefined,
  };
}
