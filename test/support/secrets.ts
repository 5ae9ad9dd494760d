// The secrets of a test, and the search for them in what a server logged: nothing of them may be there, in no form.

export interface Secrets {
  /** Remembers a secret and gives it back. */
  keep(secret: string): string;
  /**
   * What of the secrets is in the text: where it stands, with the secret itself taken out. Also finds what looks like a token,
   * a password in a header, a signature of a URL or a key, whether or not it was remembered.
   */
  findIn(text: string): readonly string[];
}

/** Short texts are everywhere. */
const LEAST_LENGTH = 8;
const AROUND = 60;

const SHAPES = {
  'a JSON Web Token': /eyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{16,}/g,
  'the beginning of a JSON Web Token': /eyJ(?:hbGci|0eXAi|raWQi)[A-Za-z0-9_-]*/g,
  'a refresh token': /berth_rt_[A-Za-z0-9_-]{8,}/g,
  'the secret of a robot': /berth_r_[A-Za-z0-9_-]{8,}/g,
  'Basic credentials': /\bBasic [A-Za-z0-9+/_-]{8,}={0,2}/gi,
  'Bearer credentials': /\bBearer (?!realm=)[A-Za-z0-9._~+/-]{8,}/gi,
  'the signature of a URL': /(?:X-Amz-Signature|X-Amz-Credential|[?&]Signature)(?:=|%3D)[^\s"&]+/gi,
  'a private key': /-----BEGIN [A-Z ]*PRIVATE KEY-----/g,
  'a bcrypt hash': /\$2[aby]\$\d\d\$[./A-Za-z0-9]{8,}/g,
} as const;

export function createSecrets(): Secrets {
  const kept = new Set<string>();
  return {
    keep(secret) {
      if (secret.length < LEAST_LENGTH) throw new RangeError('too short to be looked for');
      kept.add(secret);
      return secret;
    },
    findIn(text) {
      const literal = [...kept].flatMap((secret) =>
        formsOf(secret)
          .flatMap((form) => placesOf(form, text).map((at) => ({ at, length: form.length })))
          .map((place) => ({ what: 'a secret of the test', ...place })),
      );
      const shaped = Object.entries(SHAPES).flatMap(([what, shape]) =>
        [...text.matchAll(shape)].map(({ index, 0: { length } }) => ({ what, at: index, length })),
      );
      return [...literal, ...shaped].map(({ what, at, length }) => {
        const before = text.slice(Math.max(0, at - AROUND), at);
        return `${what}: ${before}[...]${text.slice(at + length, at + length + AROUND)}`;
      });
    },
  };
}

/** As it is, in an address, in JSON, and in base64 wherever it begins in what was encoded. */
function formsOf(secret: string): readonly string[] {
  const forms = [secret, encodeURIComponent(secret), JSON.stringify(secret).slice(1, -1)];
  const encoded = [0, 1, 2].flatMap((offset) => {
    const text = Buffer.concat([Buffer.alloc(offset), Buffer.from(secret)]).toString('base64');
    // The first and the last group depend on what stands beside the secret.
    const inner = text.slice(offset === 0 ? 0 : 4, -4);
    return [inner, inner.replaceAll('+', '-').replaceAll('/', '_')].filter(
      (form) => form.length >= LEAST_LENGTH,
    );
  });
  return [...new Set([...forms, ...encoded])];
}

function placesOf(form: string, text: string): number[] {
  const places: number[] = [];
  for (let at = text.indexOf(form); at >= 0; at = text.indexOf(form, at + form.length)) places.push(at);
  return places;
}
