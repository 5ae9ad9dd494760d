// Log lines for people: short and coloured on a terminal, key=value in a file.
import { styleText } from 'node:util';

type Line = Readonly<Record<string, unknown>>;

const COLOURS = {
  error: 'red',
  fatal: 'red',
  warn: 'yellow',
  info: 'green',
  debug: 'gray',
  trace: 'gray',
} as const;

/** What the `registry` image's logger leaves without quotes; a time has colons in it. */
const BARE_IN_LOGRUS = /^[\w./@^+-]+$/;

/** `16:20:31 GET 200 /v2/demo/app/manifests/1  1.2 kB  3 ms`, and for other lines the message with its fields. */
export function formatForTerminal(json: string): string {
  const { level, time, msg, ...fields } = parse(json);
  const clock = new Date(String(time)).toTimeString().slice(0, 8);
  const isRequest = typeof fields['http.request.method'] === 'string';
  const text = isRequest ? describeRequest(fields) : `${String(msg)}${describeFields(fields)}`;
  return `${styleText('gray', clock)} ${isRequest ? '' : `${describeLevel(String(level))} `}${text}\n`;
}

/** The `text` formatter of the `registry` image: `time="…" level=info msg="…" key=value`. */
export function formatAsText(json: string): string {
  const { level, time, msg, ...fields } = parse(json);
  const pairs = Object.entries({ time, level, msg, ...fields });
  return `${pairs.map(([key, value]) => `${key}=${quote(value, BARE_IN_LOGRUS)}`).join(' ')}\n`;
}

function parse(json: string): Line {
  return JSON.parse(json);
}

function describeLevel(level: string): string {
  const colour = Object.entries(COLOURS).find(([name]) => name === level)?.[1] ?? 'white';
  return styleText(colour, level.padEnd(5));
}

function describeRequest(line: Line): string {
  const status = Number(line['http.response.status']);
  const colour = status >= 500 ? 'red' : status >= 400 ? 'yellow' : 'green';
  const parts = [
    String(line['http.request.method']).padEnd(6),
    styleText(colour, String(status)),
    // Whatever a client puts into a path, it does not get to steer the terminal.
    encodeControls(String(line['http.request.uri'])),
    styleText('gray', `${describeBytes(line)}${describeDuration(Number(line['http.response.duration']))}`),
  ];
  if (line['err.code'] !== undefined)
    parts.push(`${String(line['err.code'])}: ${String(line['err.message'])}`);
  const err = describeError(line['err']);
  return `${parts.join(' ')}${err === '' ? '' : `\n${err}`}`;
}

function describeBytes(line: Line): string {
  const sent = Number(line['http.response.written'] ?? 0);
  const received = Number(line['http.request.contentlength'] ?? 0);
  const bytes = Math.max(sent, Number.isFinite(received) ? received : 0);
  return bytes === 0 ? '' : `${describeSize(bytes)} `;
}

function describeSize(bytes: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  const power = Math.min(units.length - 1, Math.floor(Math.log10(bytes) / 3));
  const value = bytes / 1000 ** power;
  return `${value < 10 && power > 0 ? value.toFixed(1) : Math.round(value)} ${units[power]}`;
}

function describeDuration(ms: number): string {
  return ms < 1000 ? `${ms < 10 ? ms.toFixed(1) : Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`;
}

function describeFields(fields: Line): string {
  const { err, ...others } = fields;
  const pairs = Object.entries(others).map(
    ([key, value]) => ` ${styleText('gray', `${key}=`)}${quote(value)}`,
  );
  const error = describeError(err);
  return `${pairs.join('')}${error === '' ? '' : `\n${error}`}`;
}

/** An error with its causes, innermost last, as pino has serialized them. */
function describeError(err: unknown): string {
  if (typeof err !== 'object' || err === null) return '';
  const stack = 'stack' in err ? String(err.stack) : JSON.stringify(err);
  return stack.replace(/^/gm, '    ');
}

function quote(value: unknown, bare = /^[\w./:@+-]+$/): string {
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  return bare.test(text) ? text : JSON.stringify(text);
}

function encodeControls(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  return text.replace(/[\u0000-\u001f\u007f-\u009f]/g, (character) => encodeURIComponent(character));
}
