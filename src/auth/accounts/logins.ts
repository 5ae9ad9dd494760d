// Who comes in: names and secrets against what is kept of them. Each login reads the account anew, so what was taken away is
// gone at once.
import type { Caller } from '../caller.ts';
import { isAccountName, robotOfLogin } from './account-name.ts';
import type { AccountStores } from './account-stores.ts';
import { isActive } from './administrators.ts';
import type { PasswordHashes } from './password-hash.ts';
import type { RobotRecord, UserRecord } from './records.ts';
import type { RememberedLogins } from './remembered-logins.ts';
import { isRobotSecret } from './robot-secret.ts';
import type { Robots } from './robots.ts';

export interface Login {
  readonly caller: Caller;
  /** Opaque; another one as soon as the secret is changed, or the account disabled or made anew. */
  readonly secretVersion: string;
}

export interface Logins {
  /**
   * Who it is that knows this secret; a robot's name is `robot+<name>`. `undefined` if nobody is, or not any more: at the
   * same cost for every name. Throws `tooManyRequests`, AccountRecordError, and what the store throws.
   */
  verify(name: string, secret: string): Promise<Login | undefined>;
  /** The account as it is now, for one that was proved before. `undefined` if it may not come in any more. */
  describe(kind: 'account' | 'robot', name: string): Promise<Login | undefined>;
}

export interface LoginsDependencies {
  readonly stores: AccountStores;
  readonly passwords: PasswordHashes;
  readonly remembered: RememberedLogins;
  readonly robots: Pick<Robots, 'noteUse'>;
  readonly now: () => Date;
}

export function createLogins(dependencies: LoginsDependencies): Logins {
  const { stores, passwords, remembered, robots, now } = dependencies;

  async function verifyUser(name: string, secret: string): Promise<Login | undefined> {
    const user = await readUser(name);
    const version = user?.secretVersion ?? '';
    const result = await remembered.check(name, version, secret, () =>
      passwords.matches(secret, user?.password),
    );
    if (user === undefined || result === 'wrong') return undefined;
    if (result === 'remembered') return loginOfUser(user, now());
    // Hashing takes its time, and the account may have been taken away in it.
    const login = await describe('account', name);
    return login?.secretVersion === version ? login : undefined;
  }

  async function verifyRobot(name: string, secret: string): Promise<Login | undefined> {
    const robot = await readRobot(name);
    if (robot === undefined || !isRobotSecret(secret, robot.secret)) return undefined;
    const login = loginOfRobot(robot, now());
    if (login !== undefined) await robots.noteUse(robot);
    return login;
  }

  const readUser = async (name: string) => (isAccountName(name) ? stores.users.read(name) : undefined);
  const readRobot = async (name: string) => (isAccountName(name) ? stores.robots.read(name) : undefined);

  async function describe(kind: 'account' | 'robot', name: string): Promise<Login | undefined> {
    if (kind === 'account') {
      const user = await readUser(name);
      return user && loginOfUser(user, now());
    }
    const robot = await readRobot(name);
    return robot && loginOfRobot(robot, now());
  }

  return {
    async verify(name, secret) {
      const robot = robotOfLogin(name);
      return robot === undefined ? verifyUser(name, secret) : verifyRobot(robot, secret);
    },
    describe,
  };
}

function loginOfUser(user: UserRecord, now: Date): Login | undefined {
  if (!isActive(user, now)) return undefined;
  const { name, groups, isAdministrator, secretVersion } = user;
  const caller: Caller = { kind: 'account', name, groups, ...(isAdministrator && { isAdministrator }) };
  return { caller, secretVersion };
}

function loginOfRobot(robot: RobotRecord, now: Date): Login | undefined {
  const { name, limits, expires, disabled, secretVersion } = robot;
  if (disabled || (expires !== undefined && new Date(expires) <= now)) return undefined;
  return { caller: { kind: 'robot', name, groups: [], limits }, secretVersion };
}
