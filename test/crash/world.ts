// What the writers and the auditor of a crash test share: the ledger, what they pushed, and the line to the server.
import assert from 'node:assert/strict';
import { createRegistryClient, type SendOptions } from '../support/registry-client.ts';
import type { Change, Ledger } from './ledger.ts';

/** A manifest that was pushed, or may have been. */
export interface PushedManifest {
  readonly repository: string;
  readonly digest: string;
  readonly mediaType: string;
  readonly bytes: Uint8Array;
  readonly blobs: readonly string[];
  readonly subject?: string;
}

/** An upload that was opened and that nobody closed, as far as is known. */
export interface OpenUpload {
  readonly repository: string;
  readonly location: string;
  readonly digest: string;
  readonly content: Uint8Array;
  /** That there is such an upload. It is promised with its first bytes. */
  readonly begun: Change;
  /** Bytes that the registry acknowledged. */
  acknowledged: number;
  /** Bytes that were sent to it. */
  sent: number;
}

export interface World {
  readonly ledger: Ledger;
  /** By `<repository> <digest>`. */
  readonly manifests: Map<string, PushedManifest>;
  /** By location. */
  readonly uploads: Map<string, OpenUpload>;
  readonly repositories: readonly string[];
}

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Uint8Array;
}

/** Sends one request. Throws ServerGone if no whole answer came, and WrongAnswer for an answer of 5xx. */
export type Line = (method: string, path: string, init?: SendOptions) => Promise<Answer>;

/** The server was killed before it answered: what was asked for may have happened or not. */
export class ServerGone extends Error {
  override readonly name = 'ServerGone';
}

export function openLine(url: string): Line {
  const client = createRegistryClient(url);
  return async (method, path, init) => {
    const answer = await attempt(async () => {
      const response = await client.send(method, path, init);
      return { status: response.status, headers: response.headers, body: await response.bytes() };
    });
    if (answer.status >= 500) throw new WrongAnswer(`${method} ${path}`, answer);
    return answer;
  };
}

async function attempt(exchange: () => Promise<Answer>): Promise<Answer> {
  try {
    return await exchange();
  } catch (error) {
    throw new ServerGone('no answer', { cause: error });
  }
}

/** An answer of another status than the one that has to come. */
export class WrongAnswer extends Error {
  override readonly name = 'WrongAnswer';
  readonly status: number;

  constructor(what: string, { status, body }: Answer) {
    super(`${what}: ${status} ${Buffer.from(body)}`);
    this.status = status;
  }
}

/** Throws WrongAnswer. */
export function assertStatus(answer: Answer, status: number, what: string): void {
  if (answer.status !== status) throw new WrongAnswer(what, answer);
}

export function isRefusal(error: unknown, status: number): boolean {
  return error instanceof WrongAnswer && error.status === status;
}

/** The path of the Location of an answer. */
export function locationIn(answer: Answer): string {
  const location = answer.headers.get('location');
  assert.ok(location, 'an answer without Location');
  const { pathname, search } = new URL(location, 'http://localhost');
  return pathname + search;
}

export function withDigest(location: string, digest: string): string {
  return `${location}${location.includes('?') ? '&' : '?'}digest=${digest}`;
}
