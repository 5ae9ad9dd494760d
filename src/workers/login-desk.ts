// Attempts to log in are counted in the primary: whoever guesses gets no more tries where more processes answer.
import { z } from 'zod';
import type { LoginAttempts, Postponed } from '../auth/login-attempts.ts';
import type { Channel } from './channel.ts';

const attemptSchema = z.object({ name: z.string(), address: z.string(), guess: z.string() });
const endSchema = attemptSchema.extend({ wasRight: z.boolean().optional() });
const postponedSchema = z.object({
  postponed: z.object({ because: z.enum(['failures', 'guesses']), seconds: z.number() }).optional(),
});

/** Lets a process take part. To be told when it is gone. */
export function serveAttempts(channel: Channel, attempts: LoginAttempts): { gone(): void } {
  const running = new Map<string, z.infer<typeof attemptSchema>[]>();

  /** Also where the same guess is checked more than once. */
  function take(attempt: z.infer<typeof attemptSchema>): boolean {
    const key = JSON.stringify([attempt.name, attempt.address, attempt.guess]);
    const same = running.get(key);
    same?.pop();
    if (same?.length === 0) running.delete(key);
    return same !== undefined;
  }

  channel.on('begin login', async (content) => {
    const attempt = attemptSchema.parse(content);
    const { name, address, guess } = attempt;
    const postponed = await attempts.begin(name, address, guess);
    if (postponed !== undefined) return { postponed };
    const key = JSON.stringify([name, address, guess]);
    running.set(key, [...(running.get(key) ?? []), attempt]);
    return {};
  });

  channel.on('end login', async (content) => {
    const { wasRight, ...attempt } = endSchema.parse(content);
    const { name, address, guess } = attempt;
    if (take(attempt)) await attempts.end(name, address, guess, wasRight);
  });

  return {
    gone() {
      for (const { name, address, guess } of [...running.values()].flat())
        void attempts.end(name, address, guess, undefined);
      running.clear();
    },
  };
}

export function createSharedAttempts(channel: Channel): LoginAttempts {
  return {
    async begin(name, address, guess): Promise<Postponed | undefined> {
      return postponedSchema.parse(await channel.ask('begin login', { name, address, guess })).postponed;
    },

    async end(name, address, guess, wasRight) {
      const content = { name, address, guess, wasRight };
      // A failure has to count before the client hears of it, or its next guess may come first, by another process.
      if (wasRight === false) await channel.ask('end login', content);
      else channel.tell('end login', content);
    },
  };
}
