// How the text of a single setting is read: yes and no, whole numbers, durations, texts. The spellings are those of the
// `registry` image: YAML 1.1 for booleans and integers, Go's for durations.
import { z } from 'zod';

/** The longest that one of Node's timers waits, in milliseconds; a longer one would fire at once. */
const LONGEST_TIMER = 2 ** 31 - 1;

const MILLISECONDS = new Map([
  ['ns', 1e-6],
  ['us', 1e-3],
  ['µs', 1e-3],
  ['μs', 1e-3],
  ['ms', 1],
  ['s', 1000],
  ['m', 60_000],
  ['h', 3_600_000],
]);

/** A setting read from text by `parse`, which returns undefined for what it does not accept. `allowed` completes "must be". */
export function parsed<T>(parse: (text: string) => T | undefined, allowed: string) {
  return z
    .string({
      error: (issue) =>
        issue.input === undefined ? `is missing; it must be ${allowed}` : `must be ${allowed}`,
    })
    .transform((text, context): T => {
      const value = text.includes('\0') ? undefined : parse(text);
      if (value !== undefined) return value;
      context.addIssue({ code: 'custom', message: `must be ${allowed}` });
      return z.NEVER;
    });
}

/** `true` or `false`, in any of YAML 1.1's spellings. */
export function flag() {
  return parsed(parseFlag, 'true or false (also yes, no, on, off)');
}

/** A whole number of at least `least`. */
export function integer(least: number) {
  return parsed((text) => {
    const value = parseInteger(text);
    return value !== undefined && value >= least ? value : undefined;
  }, `a whole number of at least ${least}`);
}

/** A number of bytes, written without a unit. */
export function bytes(least: number, most: number) {
  return parsed((text) => {
    const value = parseInteger(text);
    return value !== undefined && value >= least && value <= most ? value : undefined;
  }, `a number of bytes from ${least} to ${most}`);
}

/** A whole number where everything below 1 stands for the default, as in the `registry` image. */
export function countOrDefault(fallback: number) {
  return parsed(parseInteger, 'a whole number')
    .transform((value) => (value > 0 ? value : fallback))
    .default(fallback);
}

/** A length of time in milliseconds, 0 included. */
export function duration() {
  return parsed(parseDuration, allowedDuration(''));
}

/** As long as a timer is to wait, in milliseconds, 0 included. What no timer can wait for becomes the longest it can (24 days). */
export function timer() {
  return duration().transform(toTimer);
}

/** As long as a timer is to wait, in milliseconds, more than 0. */
export function positiveTimer() {
  return parsed((text) => parseDuration(text) || undefined, allowedDuration(', and more than 0')).transform(
    toTimer,
  );
}

/** As long as a timer is to wait, in milliseconds, where 0 stands for the default, as in the `registry` image. */
export function timerOrDefault(fallback: number) {
  return timer()
    .transform((value) => value || fallback)
    .default(fallback);
}

/** Free text. Neither empty (that counts as not given) nor with a NUL in it. */
export function text(allowed = 'a text') {
  return parsed((value) => value, allowed);
}

/** One of some words, in whatever case. */
export function oneOf<const Words extends readonly string[]>(...words: Words) {
  const find = (value: string): Words[number] | undefined =>
    words.find((word) => word.toLowerCase() === value.toLowerCase());
  return parsed(find, `one of ${words.join(', ')}`);
}

/** Reads YAML 1.1's booleans. */
export function parseFlag(value: string): boolean | undefined {
  const word = value.trim().toLowerCase();
  if (['true', 'yes', 'on', 'y'].includes(word)) return true;
  return ['false', 'no', 'off', 'n'].includes(word) ? false : undefined;
}

/** Reads YAML 1.1's integers: decimal, `0x`, `0b`, octal with a leading 0; `_` may separate digits. */
export function parseInteger(value: string): number | undefined {
  const [, sign, digits] = /^([-+]?)([0-9][0-9a-z_]*)$/.exec(value.trim().toLowerCase().slice(0, 64)) ?? [];
  if (digits === undefined) return undefined;
  const plain = digits.replaceAll('_', '');
  const number = Number(
    /^0[0-9]/.test(plain) ? `0o${plain.slice(1)}` : /^\d+$|^0[xbo]/.test(plain) ? plain : Number.NaN,
  );
  if (!Number.isSafeInteger(number)) return undefined;
  return sign === '-' && number !== 0 ? -number : number;
}

/**
 * Reads Go's durations (`1h30m`, `10s`, `100ms`) into milliseconds. A bare whole number is nanoseconds, as in the
 * `registry` image; since nobody means that, one that is less than a millisecond is refused unless it is 0. No negative ones.
 */
export function parseDuration(value: string): number | undefined {
  const written = value.trim();
  if (written.length > 64) return undefined;
  const nanoseconds = /^[0-9_]+$/.test(written) ? parseInteger(written) : undefined;
  const milliseconds = nanoseconds === undefined ? sumOfParts(written) : nanoseconds / 1e6;
  if (milliseconds === undefined || milliseconds === 0) return milliseconds;
  const rounded = Math.round(milliseconds);
  return milliseconds >= 1 && Number.isSafeInteger(rounded) ? rounded : undefined;
}

function toTimer(milliseconds: number): number {
  return Math.min(milliseconds, LONGEST_TIMER);
}

function sumOfParts(written: string): number | undefined {
  const part = /(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|μs|ms|s|m|h)/y;
  let sum = 0;
  const body = written.replace(/^\+/, '');
  while (part.lastIndex < body.length) {
    const [, amount, unit] = part.exec(body) ?? [];
    if (amount === undefined || unit === undefined) return undefined;
    sum += Number(amount) * (MILLISECONDS.get(unit) ?? Number.NaN);
  }
  return body === '' ? undefined : sum;
}

function allowedDuration(limit: string): string {
  return `a length of time such as 10s, 15m or 24h${limit} (a bare number is nanoseconds)`;
}
