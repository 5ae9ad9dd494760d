// Starts the load process and hands it jobs.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { WrongAnswer } from './connection.ts';
import { type Done, type Job, parseResult } from './job.ts';

export interface Load {
  /** One job at a time. Throws `WrongAnswer`; any other error means that the load process itself failed. */
  run(job: Job): Promise<Done>;
  stop(): Promise<void>;
}

const JOB_LIMIT_MS = 120_000;

export function startLoad(): Load {
  const child = fork(join(import.meta.dirname, 'worker.ts'), { execArgv: [] });
  const exited = once(child, 'exit');
  return {
    run: async (job) => {
      const signal = AbortSignal.timeout(JOB_LIMIT_MS);
      const answered = once(child, 'message', { signal });
      child.send(job);
      const ended = exited.then(() => {
        throw new Error('the load process ended in the middle of a job');
      });
      const [message] = await Promise.race([answered, ended]);
      const result = parseResult(message);
      if ('problem' in result) throw new WrongAnswer(result.problem);
      return result;
    },
    stop: async () => {
      if (child.exitCode !== null || child.signalCode !== null) return;
      child.kill();
      await exited;
    },
  };
}
