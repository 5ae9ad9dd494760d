// Lines for requests as Apache's Combined Log Format has them, which is what the `registry` image writes for each request.

type Line = Readonly<Record<string, unknown>>;

const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

/** The line for a request, in the time of UTC; none for what is not about a request. Also says whether the request failed. */
export function formatAsCombined(json: string): { readonly line?: string; readonly isFailure: boolean } {
  const fields: Line = JSON.parse(json);
  const method = fields['http.request.method'];
  if (typeof method !== 'string') return { isFailure: false };
  const at = timeOf(new Date(String(fields['time'] ?? fields['@timestamp'])));
  const request = [method, fields['http.request.uri'], fields['http.request.proto']].map(String).join(' ');
  const line = [
    field(fields['http.request.remoteaddr']),
    '-',
    field(fields['auth.user.name']),
    `[${at}]`,
    `"${escapeQuoted(request)}"`,
    String(fields['http.response.status']),
    String(fields['http.response.written']),
    `"${escapeQuoted(String(fields['http.request.referer'] ?? ''))}"`,
    `"${escapeQuoted(String(fields['http.request.useragent'] ?? ''))}"`,
  ].join(' ');
  return { line: `${line}\n`, isFailure: Number(fields['http.response.status']) >= 500 };
}

/** `20/Nov/2026:16:20:31 +0000` */
function timeOf(date: Date): string {
  const [day, time] = date.toISOString().split(/[T.]/);
  const [year, month, dayOfMonth] = (day ?? '').split('-');
  return `${dayOfMonth}/${MONTHS[Number(month) - 1]}/${year}:${time} +0000`;
}

/** Outside of quotes a space would be the end of it. */
function field(value: unknown): string {
  return value === undefined || value === '' ? '-' : escapeQuoted(String(value)).replaceAll(' ', '\\x20');
}

/** Whatever a client sends, it does not end the quotes or the line. */
function escapeQuoted(text: string): string {
  return text.replace(/["\\]|[^\x20-\x7e]/gu, (character) =>
    character === '"' || character === '\\'
      ? `\\${character}`
      : [...Buffer.from(character)].map((byte) => `\\x${byte.toString(16).padStart(2, '0')}`).join(''),
  );
}
