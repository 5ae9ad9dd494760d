// The first message of a TLS client (RFC 8446, section 4.1.2), as far as its protocols: whether it is an authority that
// wants a challenge answered has to be known before a certificate is chosen, which Node has no word for.

const RECORD_HEADER = 5;
const ALPN = 16;
/** The longest record (section 5.1). */
const MOST_BYTES = 16 * 1024;

/** The protocol of the challenge (RFC 8737, section 3). */
export const CHALLENGE_PROTOCOL = 'acme-tls/1';

/** Whether the first record is here as a whole, so that it is worth looking at. */
export function isWholeRecord(bytes: Buffer): boolean {
  if (bytes.length < RECORD_HEADER) return false;
  const length = bytes.readUInt16BE(3);
  return length > MOST_BYTES || bytes.length >= RECORD_HEADER + length;
}

/** Whether a client offers the protocol of the challenge and no other. False for whatever is not understood. */
export function offersChallenge(bytes: Buffer): boolean {
  try {
    const protocols = protocolsIn(bytes);
    return protocols.length === 1 && protocols[0] === CHALLENGE_PROTOCOL;
  } catch (error) {
    if (error instanceof RangeError) return false;
    throw error;
  }
}

/** Throws RangeError where the bytes end too soon. */
function protocolsIn(bytes: Buffer): string[] {
  let at = RECORD_HEADER + 4 + 2 + 32;
  at += 1 + bytes.readUInt8(at); // session id
  at += 2 + bytes.readUInt16BE(at); // cipher suites
  at += 1 + bytes.readUInt8(at); // compression methods
  const end = at + 2 + bytes.readUInt16BE(at);
  at += 2;
  while (at < end) {
    const type = bytes.readUInt16BE(at);
    const length = bytes.readUInt16BE(at + 2);
    if (type === ALPN) return namesIn(bytes.subarray(at + 6, at + 4 + length));
    at += 4 + length;
  }
  return [];
}

function namesIn(list: Buffer): string[] {
  const names: string[] = [];
  for (let at = 0; at < list.length; ) {
    const length = list.readUInt8(at);
    names.push(list.toString('latin1', at + 1, at + 1 + length));
    at += 1 + length;
  }
  return names;
}
