// `berth user ...`
import type { AccountCommand } from './account-command.ts';
import { listAll, shownTime } from './account-lists.ts';

export const userCommands: { readonly [verb: string]: AccountCommand } = {
  add: {
    usage: '<name> [--administrator] [--group <group>]...',
    names: 1,
    options: { administrator: { type: 'boolean' }, group: { type: 'string', multiple: true } },
    async run({ accounts, readSecret, tell }, [name = ''], { administrator, group }) {
      const password = await readSecret(`Password of ${name}`);
      const groups = Array.isArray(group) ? group.map(String) : [];
      await accounts.users.add({ name, password, isAdministrator: administrator === true, groups });
      tell(`user ${name} is there`);
    },
  },

  list: {
    usage: '',
    names: 0,
    async run({ accounts, print }) {
      for await (const user of listAll(accounts.users.page)) {
        const { name, groups, disabled, isAdministrator, passwordExpires } = user;
        const marks = [
          isAdministrator && 'administrator',
          disabled && 'disabled',
          passwordExpires !== undefined && `password until ${shownTime(passwordExpires)}`,
          groups.length > 0 && `in ${groups.join(' ')}`,
        ];
        print([name, marks.filter((mark) => mark !== false).join(', ')].join('\t').trimEnd());
      }
    },
  },

  remove: {
    usage: '<name>',
    names: 1,
    async run({ accounts, tell }, [name = '']) {
      await accounts.users.remove(name);
      tell(`user ${name} is gone`);
    },
  },

  passwd: {
    usage: '<name>',
    names: 1,
    async run({ accounts, readSecret, tell }, [name = '']) {
      // Nobody types a password twice for a user that is not there.
      await accounts.users.get(name);
      await accounts.users.setPassword(name, await readSecret(`New password of ${name}`));
      tell(`the password of ${name} is changed`);
    },
  },

  disable: {
    usage: '<name>',
    names: 1,
    async run({ accounts, tell }, [name = '']) {
      await accounts.users.change(name, { disabled: true });
      tell(`user ${name} is disabled; tokens that are out work until they expire`);
    },
  },

  enable: {
    usage: '<name>',
    names: 1,
    async run({ accounts, tell }, [name = '']) {
      await accounts.users.change(name, { disabled: false });
      tell(`user ${name} is enabled`);
    },
  },
};
