// Runs wrk, which asks for the same thing over and over on many connections, and checks what it was answered.
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { z } from 'zod';
import { openConnection, WrongAnswer } from './load/connection.ts';

export interface Rate {
  readonly requests: number;
  readonly perSecond: number;
  readonly p99Ms: number;
}

export interface Question {
  readonly url: string;
  /** With the leading slash. */
  readonly path: string;
  readonly accept: string;
  /** Sent as the header of this name, if there is one. */
  readonly authorization?: string | undefined;
  /** Length of the right answer's body; undefined if it is not known beforehand. */
  readonly bodyBytes: number | undefined;
  readonly connections: number;
  readonly seconds: number;
}

const resultSchema = z.object({
  requests: z.int(),
  bytes: z.int(),
  microseconds: z.int(),
  p99: z.int(),
  failed: z.int(),
  refused: z.int(),
});

/**
 * Throws `WrongAnswer` if a request failed, was refused, or got an answer of another length. wrk looks at statuses and adds up
 * bytes; since all answers are equally long, the sum tells, apart from the answers that were under way at the end.
 */
export async function runWrk(question: Question): Promise<Rate> {
  const { url, path, connections, seconds } = question;
  const answerBytes = await readAnswerLength(question);
  const script = join(import.meta.dirname, 'wrk-result.lua');
  const { stdout } = await promisify(execFile)(
    'wrk',
    [
      ...['--threads', '1', '--connections', String(connections), '--duration', `${seconds}s`],
      ...['--timeout', '10s', '--script', script],
      ...Object.entries(headersOf(question)).flatMap(([name, value]) => ['--header', `${name}: ${value}`]),
      `${url}${path}`,
    ],
    { timeout: seconds * 1000 + 30_000 },
  );
  const result = parseResult(stdout);
  const expected = result.requests * answerBytes;
  if (result.failed > 0 || result.refused > 0) {
    throw new WrongAnswer(
      `GET ${path} failed ${result.failed} times and was refused ${result.refused} times`,
    );
  }
  if (Math.abs(result.bytes - expected) > connections * answerBytes) {
    throw new WrongAnswer(`GET ${path} was answered with ${result.bytes} bytes in all, not ${expected}`);
  }
  return {
    requests: result.requests,
    perSecond: result.requests / (result.microseconds / 1e6),
    p99Ms: result.p99 / 1000,
  };
}

function headersOf({ accept, authorization }: Question): Readonly<Record<string, string>> {
  return { Accept: accept, ...(authorization !== undefined && { Authorization: authorization }) };
}

async function readAnswerLength(question: Question): Promise<number> {
  const { url, path, bodyBytes } = question;
  const connection = await openConnection(url);
  try {
    const answer = await connection.exchange({
      method: 'GET',
      target: path,
      headers: headersOf(question),
      status: 200,
    });
    if (bodyBytes !== undefined && answer.bodyBytes !== bodyBytes) {
      throw new WrongAnswer(`GET ${path} has ${answer.bodyBytes} bytes, not ${bodyBytes}`);
    }
    return answer.headBytes + answer.bodyBytes;
  } finally {
    connection.close();
  }
}

function parseResult(output: string): z.infer<typeof resultSchema> {
  const line = /^result: (.+)$/m.exec(output)?.[1];
  if (line === undefined) throw new Error(`wrk printed no result:\n${output}`);
  return resultSchema.parse(JSON.parse(line));
}
