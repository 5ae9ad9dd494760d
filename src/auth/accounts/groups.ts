// Groups of users, for rules to name. Who is in one is kept with each user.
import { parseAccountName } from './account-name.ts';
import { type AccountPage, type AccountStores, readKnown, readPage, refuseTaken } from './account-stores.ts';
import type { GroupRecord, UserRecord } from './records.ts';

export interface Group {
  readonly name: string;
  readonly created: string;
}

export interface GroupWithMembers extends Group {
  readonly members: readonly string[];
}

/** All of them throw RegistryError: `accountUnknown`, `accountExists`, `accountInvalid`. */
export interface Groups {
  page(limit: number, after?: string): Promise<AccountPage<Group>>;
  /** Reads every user: for administrators, not for logins. */
  get(name: string): Promise<GroupWithMembers>;
  /** Every name that a rule may use. */
  names(): Promise<ReadonlySet<string>>;
  add(name: string): Promise<Group>;
  /** Takes its members out of it first: a group of the same name made later starts without them. */
  remove(name: string): Promise<void>;
  /** Resolves also when the user is in it already. */
  join(group: string, user: string): Promise<void>;
  /** Resolves also when the user is not in it. */
  leave(group: string, user: string): Promise<void>;
}

export function createGroups(stores: AccountStores, now: () => Date): Groups {
  const { groups, users } = stores;

  async function membersOf(name: UserRecord['name']): Promise<readonly UserRecord[]> {
    return (await users.readAll()).filter((user) => user.groups.includes(name));
  }

  /** Puts the user into exactly the groups that `change` makes of the present ones. */
  async function regroup(
    group: string,
    user: string,
    change: (now: readonly UserRecord['name'][], group: UserRecord['name']) => UserRecord['name'][],
  ): Promise<void> {
    await stores.exclusively(async (confirm) => {
      const { name } = await readKnown('group', groups, group);
      const member = await readKnown('user', users, user);
      await confirm();
      await users.write({ ...member, groups: change(member.groups, name) });
    });
  }

  return {
    async page(limit, after) {
      const { entries, more } = await readPage(groups, limit, after);
      return { entries: entries.map(shown), more };
    },

    async get(name) {
      const group = await readKnown('group', groups, name);
      const members = await membersOf(group.name);
      return { ...shown(group), members: members.map((member) => member.name) };
    },

    names: async () => new Set<string>(await groups.names()),

    async add(text) {
      const name = parseAccountName(text);
      return stores.exclusively(async (confirm) => {
        await refuseTaken('group', groups, name);
        const group: GroupRecord = { version: 1, name, created: now().toISOString() };
        await confirm();
        await groups.write(group);
        return shown(group);
      });
    },

    remove: (text) =>
      stores.exclusively(async (confirm) => {
        const { name } = await readKnown('group', groups, text);
        for (const member of await membersOf(name)) {
          await confirm();
          await users.write({ ...member, groups: member.groups.filter((other) => other !== name) });
        }
        await confirm();
        await groups.remove(name);
      }),

    join: (group, user) => regroup(group, user, (before, name) => [...new Set([...before, name])].sort()),
    leave: (group, user) => regroup(group, user, (before, name) => before.filter((other) => other !== name)),
  };
}

function shown({ name, created }: GroupRecord): Group {
  return { name, created };
}
