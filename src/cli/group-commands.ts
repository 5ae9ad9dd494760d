// `berth group ...`
import type { AccountCommand } from './account-command.ts';
import { listAll } from './account-lists.ts';

export const groupCommands: { readonly [verb: string]: AccountCommand } = {
  add: {
    usage: '<group>',
    names: 1,
    async run({ accounts, tell }, [group = '']) {
      await accounts.groups.add(group);
      tell(`group ${group} is there`);
    },
  },

  list: {
    usage: '',
    names: 0,
    async run({ accounts, print }) {
      for await (const { name } of listAll(accounts.groups.page)) {
        const { members } = await accounts.groups.get(name);
        print(`${name}\t${members.join(' ')}`.trimEnd());
      }
    },
  },

  remove: {
    usage: '<group>',
    names: 1,
    async run({ accounts, tell }, [group = '']) {
      await accounts.groups.remove(group);
      tell(`group ${group} is gone; its members stay users`);
    },
  },

  join: {
    usage: '<group> <user>',
    names: 2,
    async run({ accounts, tell }, [group = '', user = '']) {
      await accounts.groups.join(group, user);
      tell(`${user} is in ${group}`);
    },
  },

  leave: {
    usage: '<group> <user>',
    names: 2,
    async run({ accounts, tell }, [group = '', user = '']) {
      await accounts.groups.leave(group, user);
      tell(`${user} is not in ${group}`);
    },
  },
};
