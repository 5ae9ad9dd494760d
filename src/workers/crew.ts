// The worker processes of a server: started together, replaced when they die, ended together.
import type { ChildProcess } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import { z } from 'zod';
import { type Channel, createChannel } from './channel.ts';
import { wireToChild } from './process-wire.ts';

export interface Crew {
  /** Process numbers of those that are not gone. */
  pids(): readonly number[];
  /** Channels to those that have begun. */
  atWork(): readonly Channel[];
  /** Lets all of them listen and answer. Throws WorkersRefusedError. */
  listen(): Promise<Listening>;
  /** From now on requests are answered. */
  open(): void;
  /** Lets requests finish within so many milliseconds, then ends everybody. Resolves to the number of requests cut off. */
  close(drainMs: number): Promise<number>;
}

export type Listening = z.infer<typeof listeningSchema>;

export interface CrewDependencies {
  readonly size: number;
  /** Starts a process that takes its orders over its channel. */
  readonly fork: () => ChildProcess;
  /** Answers what a worker asks; called before it is told anything. */
  readonly serve: (channel: Channel) => { gone(): void };
  /** What a worker has to know; the first one is number 1. */
  readonly orders: (number: number) => unknown;
  /** There is another process, which does nothing before this resolves. */
  readonly onBirth: () => Promise<void>;
  /** A worker has begun, and said what people should know; from now on it is told what changes. */
  readonly onReady: (channel: Channel, said: unknown) => Promise<void>;
  readonly log: Logger;
  /** Waits before a worker is started again. */
  readonly pause?: (ms: number, signal: AbortSignal) => Promise<void>;
}

/** A worker cannot do its work, for a reason that is told to people in one line. */
export class WorkersRefusedError extends Error {
  override readonly name = 'WorkersRefusedError';
}

interface Member {
  readonly child: ChildProcess;
  readonly channel: Channel;
  readonly number: number;
  readonly closed: Promise<void>;
}

const refusalSchema = z.object({ refused: z.string() });
const listeningSchema = z.object({ address: z.string(), port: z.number().optional() });
const drainedSchema = z.object({ cut: z.number() });

const SHORTEST_PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 30_000;
/** Who has worked for so long is started again at once. */
const PROVEN_AFTER_MS = 10_000;
/** What ending takes beyond the requests: whoever is not gone by then is killed. */
const ENDING_MS = 10_000;

/** Starts all workers, and resolves when they are ready to listen. Throws WorkersRefusedError; none is left then. */
export async function startCrew(dependencies: CrewDependencies): Promise<Crew> {
  const { size, fork, serve, orders, onBirth, onReady, log, pause = pauseFor } = dependencies;
  const members = new Set<Member>();
  const atWork = new Set<Member>();
  const ending = new AbortController();
  const numbers = Array.from({ length: size }, (_, index) => index + 1);
  let isOpen = false;

  function bear(number: number): Member {
    const child = fork();
    const channel = createChannel(wireToChild(child));
    const { gone } = serve(channel);
    const exited = Promise.withResolvers<void>();
    const member = { child, channel, number, closed: endOf(child, exited.promise) };
    members.add(member);
    const bury = () => {
      members.delete(member);
      atWork.delete(member);
      channel.cut();
      gone();
      exited.resolve();
    };
    child.once('exit', bury);
    child.on('error', (error) => {
      log.error({ err: error }, 'a worker process fails');
      if (child.pid !== undefined) return;
      // It never was there, and so will not end.
      bury();
    });
    return member;
  }

  async function ask(member: Member, subject: string, content?: unknown): Promise<unknown> {
    try {
      const answer = await member.channel.ask(subject, content);
      const { data } = refusalSchema.safeParse(answer);
      if (data !== undefined) throw new WorkersRefusedError(data.refused);
      return answer;
    } catch (error) {
      if (error instanceof WorkersRefusedError || !member.channel.isCut()) throw error;
      const { exitCode, signalCode } = member.child;
      throw new WorkersRefusedError(
        `a worker ended at its start (${signalCode ?? `exit code ${exitCode}`})`,
        {
          cause: error,
        },
      );
    }
  }

  async function prepare(number: number): Promise<Member> {
    const member = bear(number);
    await onBirth();
    const said = await ask(member, 'begin', orders(number));
    atWork.add(member);
    await onReady(member.channel, said);
    return member;
  }

  async function letListen(member: Member): Promise<Listening> {
    const listening = listeningSchema.parse(await ask(member, 'listen'));
    if (isOpen) member.channel.tell('open');
    member.child.once('exit', (code, signal) => {
      if (ending.signal.aborted) return;
      log.error({ pid: member.child.pid, code, signal }, 'a worker has died; another one takes its place');
      void replace(member.number, performance.now());
    });
    return listening;
  }

  async function replace(number: number, diedAt: number): Promise<void> {
    const hadProvenItself = diedAt - (startedAt.get(number) ?? 0) > PROVEN_AFTER_MS;
    let wait = hadProvenItself
      ? 0
      : Math.min((waits.get(number) ?? 0) * 2 || SHORTEST_PAUSE_MS, LONGEST_PAUSE_MS);
    while (!ending.signal.aborted) {
      waits.set(number, wait);
      await pause(wait, ending.signal);
      if (ending.signal.aborted) return;
      try {
        const member = await prepare(number);
        startedAt.set(number, performance.now());
        await letListen(member);
        return;
      } catch (error) {
        if (ending.signal.aborted) return;
        log.error({ err: error }, 'a worker could not be started; it is tried again');
        end(number);
        wait = Math.min(wait * 2 || SHORTEST_PAUSE_MS, LONGEST_PAUSE_MS);
      }
    }
  }

  const startedAt = new Map<number, number>();
  const waits = new Map<number, number>();

  /** Whoever has lost the primary stops at once. */
  function end(number: number): void {
    for (const { child, number: found } of members)
      if (found === number && child.connected) child.disconnect();
  }

  async function endAll(): Promise<void> {
    const left = [...members];
    for (const number of numbers) end(number);
    const killed = setTimeout(() => {
      for (const { child } of left) child.kill('SIGKILL');
    }, ENDING_MS);
    await Promise.all(left.map(({ closed }) => closed));
    clearTimeout(killed);
  }

  const first = await Promise.allSettled(numbers.map(prepare));
  const failed = first.find((result) => result.status === 'rejected');
  if (failed !== undefined) {
    ending.abort();
    await endAll();
    throw failed.reason;
  }

  return {
    pids: () => [...members].map(({ child }) => child.pid).filter((pid) => pid !== undefined),
    atWork: () => [...atWork].map(({ channel }) => channel),

    async listen() {
      try {
        const [member, ...others] = members;
        if (member === undefined) throw new WorkersRefusedError('the workers ended at their start');
        // One first: whether the address can be had, and what is left of a socket there, is found out once.
        const listening = await letListen(member);
        await Promise.all(others.map(letListen));
        for (const number of numbers) startedAt.set(number, performance.now());
        return listening;
      } catch (error) {
        ending.abort();
        await endAll();
        throw error;
      }
    },

    open() {
      isOpen = true;
      for (const { channel } of atWork) channel.tell('open');
    },

    async close(drainMs) {
      ending.abort();
      const drained = [...atWork].map(async ({ channel }) => {
        const answer = await channel.ask('drain', { drainMs }).catch(() => ({ cut: 0 }));
        return drainedSchema.parse(answer).cut;
      });
      const limit = sleep(drainMs + ENDING_MS, [], { ref: false });
      const cuts = await Promise.race([Promise.all(drained), limit]);
      await endAll();
      return cuts.reduce((sum, cut) => sum + cut, 0);
    },
  };
}

/** When the process is gone and its last lines were read. (It is not said by `close` where the channel was closed from here.) */
async function endOf({ stdout }: ChildProcess, exited: Promise<void>): Promise<void> {
  const read = stdout === null ? undefined : new Promise((resolve) => void stdout.once('close', resolve));
  await exited;
  await read;
}

async function pauseFor(ms: number, signal: AbortSignal): Promise<void> {
  await sleep(ms, undefined, { signal }).catch(() => undefined);
}
