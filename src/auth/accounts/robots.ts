// Robots: accounts of programs. What a robot may do is bounded by its limits, and its secret is shown once.
import { LRUCache } from 'lru-cache';
import { atMost } from '../../registry/at-most.ts';
import { RegistryError } from '../../registry/errors.ts';
import type { Limit } from '../caller.ts';
import { parseRepositoryPattern } from '../policy/patterns.ts';
import { parseAccountName, robotLogin } from './account-name.ts';
import { type AccountPage, type AccountStores, readKnown, readPage, refuseTaken } from './account-stores.ts';
import { newVersion, type RobotRecord } from './records.ts';
import { makeRobotSecret } from './robot-secret.ts';

/** What may be known of a robot. Times are ISO 8601, in UTC. */
export interface Robot {
  readonly name: string;
  /** What it gives as its name when it logs in. */
  readonly login: string;
  readonly created: string;
  readonly disabled: boolean;
  readonly limits: readonly Limit[];
  /** Never, if not given. */
  readonly expires?: string;
  /** To the hour; not known of a robot that never came in. */
  readonly lastUsed?: string;
}

export interface NewRobot {
  readonly name: string;
  /** At least one. Patterns as in rules, but not for each user another one. */
  readonly limits: readonly Limit[];
  readonly expires?: string | undefined;
}

export interface RobotChanges {
  readonly disabled?: boolean | undefined;
  readonly limits?: readonly Limit[] | undefined;
  /** `null`: never. */
  readonly expires?: string | null | undefined;
}

/** All of them throw RegistryError: `accountUnknown`, `accountExists`, `accountInvalid`. */
export interface Robots {
  page(limit: number, after?: string): Promise<AccountPage<Robot>>;
  get(name: string): Promise<Robot>;
  add(robot: NewRobot): Promise<{ readonly robot: Robot; readonly secret: string }>;
  /** Disabling a robot also ends its refresh tokens. */
  change(name: string, changes: RobotChanges): Promise<Robot>;
  /** Resolves to a new secret. The old one, and refresh tokens got with it, are of no use any more. */
  rotate(name: string): Promise<string>;
  /** Ends every refresh token of the robot. */
  endSessions(name: string): Promise<void>;
  remove(name: string): Promise<void>;
  /** Notes that a robot came in, about once an hour. Never fails: a login does not depend on it. */
  noteUse(robot: RobotRecord): Promise<void>;
}

const USE_INTERVAL_MS = 60 * 60 * 1000;
const MOST_NOTED = 10_000;
const MOST_LIMITS = 64;

/** @param notesUse whether the store may be written to by a login */
export function createRobots(stores: AccountStores, now: () => Date, notesUse: boolean): Robots {
  const { robots, robotUse } = stores;
  const notedAt = new LRUCache<string, number>(atMost(MOST_NOTED));

  async function update(name: string, change: (robot: RobotRecord) => RobotRecord): Promise<Robot> {
    return stores.exclusively(async (confirm) => {
      const changed = change(await readKnown('robot', robots, name));
      await confirm();
      await robots.write(changed);
      return shown(changed);
    });
  }

  async function shown(record: RobotRecord): Promise<Robot> {
    const { name, created, disabled, limits, expires } = record;
    // Nothing hangs on it, so one that is damaged is none.
    const use = await robotUse.read(name).catch(() => undefined);
    return {
      name,
      login: robotLogin(name),
      created,
      disabled,
      limits,
      ...(expires !== undefined && { expires }),
      ...(use !== undefined && { lastUsed: use.lastUsed }),
    };
  }

  return {
    async page(limit, after) {
      const { entries, more } = await readPage(robots, limit, after);
      return { entries: await Promise.all(entries.map(shown)), more };
    },

    get: async (name) => shown(await readKnown('robot', robots, name)),

    async add({ name: text, limits, expires }) {
      const name = parseAccountName(text);
      const { secret, kept } = makeRobotSecret();
      const record: RobotRecord = {
        version: 1,
        name,
        created: now().toISOString(),
        disabled: false,
        limits: checkedLimits(limits),
        ...(expires !== undefined && { expires: checkedExpiry(expires, now()) }),
        secret: kept,
        secretVersion: newVersion(),
      };
      return stores.exclusively(async (confirm) => {
        await refuseTaken('robot', robots, name);
        await confirm();
        // What is left of a robot that had the name before is not this one's.
        await robotUse.remove(name);
        await robots.write(record);
        return { robot: await shown(record), secret };
      });
    },

    change: (name, { disabled, limits, expires }) =>
      update(name, ({ expires: before, ...robot }) => {
        const until = expires === undefined ? before : expires === null ? undefined : expires;
        const isEnding = disabled === true && !robot.disabled;
        return {
          ...robot,
          ...(disabled !== undefined && { disabled }),
          ...(limits !== undefined && { limits: checkedLimits(limits) }),
          ...(until !== undefined && { expires: expires ? checkedExpiry(until, now()) : until }),
          ...(isEnding && { secretVersion: newVersion() }),
        };
      }),

    async rotate(name) {
      const { secret, kept } = makeRobotSecret();
      await update(name, (robot) => ({ ...robot, secret: kept, secretVersion: newVersion() }));
      return secret;
    },

    async endSessions(name) {
      await update(name, (robot) => ({ ...robot, secretVersion: newVersion() }));
    },

    remove: (text) =>
      stores.exclusively(async (confirm) => {
        const { name } = await readKnown('robot', robots, text);
        await confirm();
        await robots.remove(name);
        await robotUse.remove(name);
      }),

    async noteUse({ name }) {
      const time = now();
      const noted = notedAt.get(name);
      if (!notesUse || (noted !== undefined && time.getTime() - noted < USE_INTERVAL_MS)) return;
      notedAt.set(name, time.getTime());
      const use = { version: 1, name, lastUsed: time.toISOString() } as const;
      await robotUse.write(use, false).catch(() => undefined);
    },
  };
}

function checkedLimits(limits: readonly Limit[]): RobotRecord['limits'] {
  if (limits.length === 0 || limits.length > MOST_LIMITS)
    throw new RegistryError('accountInvalid', { detail: `a robot has 1 to ${MOST_LIMITS} limits` });
  return limits.map(({ repositories, actions }, index) => {
    const problem = actions.length === 0 ? 'allows nothing' : patternProblem(repositories);
    if (problem !== undefined)
      throw new RegistryError('accountInvalid', { detail: `limits[${index}] ${problem}` });
    return { repositories, actions: [...new Set(actions)] };
  });
}

function patternProblem(text: string): string | undefined {
  const pattern = parseRepositoryPattern(text);
  if (!pattern.ok) return pattern.problem;
  return pattern.value.isPersonal ? 'names a user, which a robot is not' : undefined;
}

function checkedExpiry(text: string, now: Date): string {
  const time = new Date(text);
  if (!(time > now)) throw new RegistryError('accountInvalid', { detail: 'expires is not in the future' });
  return time.toISOString();
}
