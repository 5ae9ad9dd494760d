// `berth robot ...`: the secret of a robot goes to standard output, alone, this once.
import { ACTIONS, type Action, type Limit } from '../auth/caller.ts';
import { type AccountCommand, UsageError } from './account-command.ts';
import { listAll, shownTime } from './account-lists.ts';

export const robotCommands: { readonly [verb: string]: AccountCommand } = {
  add: {
    usage: "<name> --allow '<repositories>:<action>,...'... [--expires <90d|12h|date>]",
    names: 1,
    options: { allow: { type: 'string', multiple: true }, expires: { type: 'string' } },
    async run({ accounts, print, tell }, [name = ''], { allow, expires }) {
      const limits = (Array.isArray(allow) ? allow.map(String) : []).map(parseLimit);
      if (limits.length === 0) throw new UsageError('nothing is allowed to the robot');
      const until = typeof expires === 'string' ? parseExpiry(expires) : undefined;
      const { robot, secret } = await accounts.robots.add({ name, limits, expires: until });
      tell(`robot ${name} logs in as ${robot.login}; its secret, shown this once:`);
      print(secret);
    },
  },

  list: {
    usage: '',
    names: 0,
    async run({ accounts, print }) {
      for await (const robot of listAll(accounts.robots.page)) {
        const { name, limits, disabled, expires, lastUsed } = robot;
        const marks = [
          limits.map(({ repositories, actions }) => `${repositories}:${actions.join(',')}`).join(' '),
          disabled && 'disabled',
          expires !== undefined && `until ${shownTime(expires)}`,
          lastUsed === undefined ? 'never used' : `last used ${shownTime(lastUsed)}`,
        ];
        print([name, ...marks.filter((mark) => mark !== false)].join('\t'));
      }
    },
  },

  remove: {
    usage: '<name>',
    names: 1,
    async run({ accounts, tell }, [name = '']) {
      await accounts.robots.remove(name);
      tell(`robot ${name} is gone`);
    },
  },

  rotate: {
    usage: '<name>',
    names: 1,
    async run({ accounts, print, tell }, [name = '']) {
      const secret = await accounts.robots.rotate(name);
      tell(`the old secret of ${name} is of no use any more; the new one, shown this once:`);
      print(secret);
    },
  },
};

function parseLimit(text: string): Limit {
  const [repositories = '', list = '', ...rest] = text.split(':');
  const actions = list.split(',');
  if (rest.length > 0 || !actions.every(isAction))
    throw new UsageError(`--allow is <repositories>:<actions>, with actions of ${ACTIONS.join(', ')}`);
  return { repositories, actions };
}

function isAction(text: string): text is Action {
  return ACTIONS.some((action) => action === text);
}

const HOUR_MS = 60 * 60 * 1000;

/** A length of time from now, or a date. */
function parseExpiry(text: string): string {
  const [, count, unit] = /^(\d{1,5})([dh])$/.exec(text) ?? [];
  const time =
    count === undefined
      ? Date.parse(text)
      : Date.now() + Number(count) * (unit === 'd' ? 24 * HOUR_MS : HOUR_MS);
  if (Number.isNaN(time)) throw new UsageError('--expires is a length of time such as 90d or 12h, or a date');
  return new Date(time).toISOString();
}
