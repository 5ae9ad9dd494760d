// The worker processes of a server: started together, replaced when they die, ended together.
import type { ChildProcess } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import { z } from 'zod';
import { type Channel, createChannel } from './channel.ts';
import { wireToChild } from './process-wire.ts';

export interface Crew {
  /** Gives everybody their orders, and resolves when all of them listen. Throws WorkersRefusedError. */
  begin(duties: CrewDuties): Promise<Listening>;
  /** Process numbers of those that are not gone. */
  pids(): readonly number[];
  /** Channels to those that have begun. */
  atWork(): readonly Channel[];
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
  /** Answers what a worker asks, until it is gone. */
  readonly serve: (channel: Channel) => { gone(): void };
  readonly log: Logger;
  /** Waits before a worker is started again. */
  readonly pause?: (ms: number, signal: AbortSignal) => Promise<void>;
}

/** What is done for each worker, from the first ones on. */
export interface CrewDuties {
  /** What a worker has to know; the first one is number 1. */
  readonly orders: (number: number) => unknown;
  /** There is another process, which does nothing before this resolves. */
  readonly onBirth: () => Promise<void>;
  /** A worker has begun, and said what people should know; from now on it is told what changes. */
  readonly onReady: (channel: Channel, said: unknown) => Promise<void>;
  /** One that had begun is gone. */
  readonly onGone: (channel: Channel) => void;
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
/** The longest that one of Node's timers waits. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** Starts all processes, which wait for their orders. They end by `close`, also after a failure. */
export function startCrew(dependencies: CrewDependencies): Crew {
  const { size, fork, serve, log, pause = pauseFor } = dependencies;
  const members = new Set<Member>();
  const atWork = new Set<Member>();
  const ending = new AbortController();
  const numbers = Array.from({ length: size }, (_, index) => index + 1);
  let isOpen = false;

  function bear(number: number): Member {
    const child = fork();
    const channel = createChannel(wireToChild(child), (error) =>
      log.error({ err: error }, 'what a worker says cannot be made use of'),
    );
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
    // What it has said is heard to the end before it is gone.
    const heard = new Promise((resolve) => void child.once('disconnect', resolve));
    child.once('exit', () => void heard.then(bury));
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
      const how = signalCode ?? `exit code ${exitCode}`;
      throw new WorkersRefusedError(`a worker ended at its start (${how})`, { cause: error });
    }
  }

  async function prepare(member: Member, duties: CrewDuties): Promise<Member> {
    const { orders, onBirth, onReady, onGone } = duties;
    await onBirth();
    const said = await ask(member, 'begin', orders(member.number));
    atWork.add(member);
    member.child.once('exit', () => onGone(member.channel));
    await onReady(member.channel, said);
    return member;
  }

  async function letListen(member: Member, duties: CrewDuties): Promise<Listening> {
    const listening = listeningSchema.parse(await ask(member, 'listen'));
    if (isOpen) member.channel.tell('open');
    member.child.once('exit', (code, signal) => {
      if (ending.signal.aborted) return;
      log.error({ pid: member.child.pid, code, signal }, 'a worker has died; another one takes its place');
      void replace(member.number, performance.now(), duties);
    });
    return listening;
  }

  async function replace(number: number, diedAt: number, duties: CrewDuties): Promise<void> {
    const hadProvenItself = diedAt - (startedAt.get(number) ?? 0) > PROVEN_AFTER_MS;
    let wait = hadProvenItself
      ? 0
      : Math.min((waits.get(number) ?? 0) * 2 || SHORTEST_PAUSE_MS, LONGEST_PAUSE_MS);
    while (!ending.signal.aborted) {
      waits.set(number, wait);
      await pause(wait, ending.signal);
      if (ending.signal.aborted) return;
      try {
        const member = await prepare(bear(number), duties);
        startedAt.set(number, performance.now());
        await letListen(member, duties);
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

  /** Whoever has lost the primary stops at once. What has not begun yet cannot notice, and has nothing to lose. */
  function end(number: number): void {
    for (const member of members) {
      if (member.number !== number) continue;
      if (!atWork.has(member)) member.child.kill('SIGKILL');
      else if (member.child.connected) member.child.disconnect();
    }
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

  const first = numbers.map(bear);

  return {
    async begin(duties) {
      await Promise.all(first.map((member) => prepare(member, duties)));
      const [leader, ...others] = first;
      if (leader === undefined) throw new WorkersRefusedError('there are no workers');
      // One first: whether the address can be had, and what is left of a socket there, is found out once.
      const listening = await letListen(leader, duties);
      await Promise.all(others.map((member) => letListen(member, duties)));
      for (const number of numbers) startedAt.set(number, performance.now());
      return listening;
    },

    pids: () => [...members].map(({ child }) => child.pid).filter((pid) => pid !== undefined),
    atWork: () => [...atWork].map(({ channel }) => channel),

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
      const limit = sleep(Math.min(drainMs + ENDING_MS, LONGEST_TIMER_MS), [], { ref: false });
      const cuts = await Promise.race([Promise.all(drained), limit]);
      await endAll();
      return cuts.reduce((sum, cut) => sum + cut, 0);
    },
  };
}

/** When the process is gone and its last lines were read. (It is not said by `close` where the channel was closed from here.) */
async function endOf({ stdout, stderr }: ChildProcess, exited: Promise<void>): Promise<void> {
  const read = [stdout, stderr].map(
    (output) => output !== null && new Promise((resolve) => void output.once('close', resolve)),
  );
  await exited;
  await Promise.all(read);
}

async function pauseFor(ms: number, signal: AbortSignal): Promise<void> {
  await sleep(ms, undefined, { signal }).catch(() => undefined);
}
