// Rules in a file of their own, read again when it changes. It is looked at by its name at fixed times, so that a file that
// was replaced, or reached by a link that moved (Kubernetes), is noticed everywhere.
import { type FileHandle, open, stat } from 'node:fs/promises';
import type { Logger } from 'pino';
import { fileVersion } from '../file-looks.ts';
import { type Policy, PolicyError, type PolicyOptions, parsePolicy } from './policy.ts';

export interface PolicyFile {
  /** The rules that hold now: those of the file when it was last whole and right. */
  current(): Policy;
  /** Looks at the file once, now. Never throws. */
  look(): Promise<void>;
  stop(): void;
}

export interface PolicyFileDependencies {
  readonly path: string;
  readonly log: Pick<Logger, 'info' | 'error'>;
  /** YAML to plain maps, lists and texts. What it throws has a message that quotes nothing of the text. */
  readonly parseText: (text: string) => unknown;
  /** Asked again for each new content. */
  readonly options?: () => PolicyOptions | Promise<PolicyOptions>;
  /**
   * Milliseconds from one look to the next.
   * @default 1000
   */
  readonly intervalMs?: number;
}

const INTERVAL_MS = 1000;
/** Longest file in bytes. */
const MAX_LENGTH = 1024 * 1024;

/** Reads the file and goes on watching it. Throws PolicyError if it cannot be used at the start. */
export async function watchPolicyFile(dependencies: PolicyFileDependencies): Promise<PolicyFile> {
  const { path, log, intervalMs = INTERVAL_MS } = dependencies;
  const first = await readText(path);
  let policy = await understand(first.text, dependencies);
  let loaded = first.state;
  let pending = loaded;
  let refused = '';
  let told = '';

  async function look(): Promise<void> {
    try {
      const state = await stateOf(path);
      if (state === loaded || state === refused) return;
      // Somebody may be writing: it is read when it looks the same twice.
      if (state === pending) await reload(state);
      else pending = state;
    } catch (error) {
      tell(error);
    }
  }

  async function reload(settled: string): Promise<void> {
    const { text, state } = await readText(path);
    pending = state;
    if (state !== settled) return;
    refused = state;
    policy = await understand(text, dependencies);
    loaded = state;
    told = '';
    log.info({ path }, 'the rules were read again');
  }

  /** Says it once, however often the same is seen. */
  function tell(error: unknown): void {
    const problem = error instanceof PolicyError ? error.message : `cannot be read (${codeOf(error)})`;
    if (problem === told) return;
    told = problem;
    log.error({ path, problem }, 'the file with the rules cannot be used; those of before still hold');
  }

  let isStopped = false;
  let timer: NodeJS.Timeout | undefined;
  function wait(): void {
    if (isStopped) return;
    timer = setTimeout(() => void look().then(wait), intervalMs);
    timer.unref();
  }
  wait();
  return {
    current: () => policy,
    look,
    stop() {
      isStopped = true;
      clearTimeout(timer);
    },
  };
}

async function understand(
  text: string,
  { path, parseText, options }: PolicyFileDependencies,
): Promise<Policy> {
  const policy = parsePolicy(parseOrRefuse(path, text, parseText), (await options?.()) ?? {});
  if (policy instanceof PolicyError) throw policy;
  return policy;
}

async function readText(path: string): Promise<{ readonly text: string; readonly state: string }> {
  try {
    await using file = await open(path, 'r');
    const state = await stateOf(file);
    const buffer = new Uint8Array(MAX_LENGTH + 1);
    let length = 0;
    for (let read = -1; read !== 0 && length < buffer.length; length += read) {
      read = (await file.read(buffer, length, buffer.length - length)).bytesRead;
    }
    if (length > MAX_LENGTH) throw refusal(path, `is larger than ${MAX_LENGTH} bytes`);
    if ((await stateOf(file)) !== state) throw refusal(path, 'is being written at the moment');
    const text = new TextDecoder('utf-8', { fatal: true }).decode(buffer.subarray(0, length));
    return { text, state };
  } catch (cause) {
    if (cause instanceof PolicyError) throw cause;
    throw refusal(path, `cannot be read (${codeOf(cause)})`, cause);
  }
}

function parseOrRefuse(path: string, text: string, parseText: (text: string) => unknown): unknown {
  try {
    return parseText(text);
  } catch (cause) {
    throw refusal(path, cause instanceof Error ? cause.message : 'cannot be understood', cause);
  }
}

/** What changes when the file does. */
async function stateOf(file: string | FileHandle): Promise<string> {
  return fileVersion(
    typeof file === 'string' ? await stat(file, { bigint: true }) : await file.stat({ bigint: true }),
  );
}

function refusal(path: string, text: string, cause?: unknown): PolicyError {
  return new PolicyError([{ path, text }], { cause });
}

function codeOf(error: unknown): string {
  if (error instanceof TypeError) return 'not UTF-8';
  return error instanceof Error && 'code' in error && typeof error.code === 'string'
    ? error.code
    : 'unknown reason';
}
