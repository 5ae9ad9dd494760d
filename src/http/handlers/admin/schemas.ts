// What the admin API takes and gives, as JSON. The OpenAPI document is made of the same schemas that check what comes in.
import { z } from 'zod';
import { ACCOUNT_NAME } from '../../../auth/accounts/account-name.ts';
import { ACTIONS } from '../../../auth/caller.ts';

const name = z.string().regex(ACCOUNT_NAME).describe('1 to 63 lower-case letters, digits, ".", "_" and "-".');
/** Names that are looked up may be anything: there is no such account then. */
const reference = z.string().max(255);
const password = z.string().describe('8 characters to 256 bytes, without control characters.');
const time = z.iso.datetime().describe('In UTC.');
const groups = z.array(reference).max(256);
const limits = z
  .array(
    z.strictObject({
      repositories: z.string().max(256).describe('A pattern as in rules: acme/app, acme/*, acme/**.'),
      actions: z.array(z.enum(ACTIONS)).min(1).max(ACTIONS.length),
    }),
  )
  .min(1)
  .max(64)
  .describe('The most that the robot may do, whatever the rules allow.');

export const newUser = z.strictObject({
  name,
  password,
  isAdministrator: z.boolean().optional(),
  groups: groups.optional(),
});
export const userChanges = z.strictObject({
  disabled: z.boolean().optional(),
  isAdministrator: z.boolean().optional(),
  groups: groups.optional(),
});
export const newPassword = z.strictObject({ password });
export const ownPassword = z.strictObject({ currentPassword: z.string(), newPassword: password });
export const newGroup = z.strictObject({ name });
export const newRobot = z.strictObject({ name, limits, expires: time.optional() });
export const robotChanges = z.strictObject({
  disabled: z.boolean().optional(),
  limits: limits.optional(),
  expires: time.nullable().optional().describe('null: never.'),
});
export const nothing = z.strictObject({});
export const revocation = z.union([
  z.strictObject({ token: z.string().min(1).max(8192).describe('A refresh token, by whoever has it.') }),
  z.strictObject({ user: reference.describe('All refresh tokens of this user.') }),
  z.strictObject({ robot: reference.describe('All refresh tokens of this robot.') }),
]);

export const user = z.strictObject({
  name,
  created: time,
  disabled: z.boolean(),
  isAdministrator: z.boolean(),
  groups: z.array(name),
  passwordExpires: time.optional().describe('When the password that the registry made up stops to work.'),
});
export const users = z.strictObject({ users: z.array(user) });
export const group = z.strictObject({ name, created: time });
export const groupWithMembers = group.extend({ members: z.array(name) });
export const groupList = z.strictObject({ groups: z.array(group) });
export const robot = z.strictObject({
  name,
  login: z.string().describe('What the robot gives as its name when it logs in.'),
  created: time,
  disabled: z.boolean(),
  limits,
  expires: time.optional(),
  lastUsed: time.optional().describe('To the hour.'),
});
export const robots = z.strictObject({ robots: z.array(robot) });
const secret = z.string().describe('Shown this once.');
export const robotWithSecret = robot.extend({ secret });
export const robotSecret = z.strictObject({ name, login: z.string(), secret });
export const whoami = z.strictObject({
  kind: z.enum(['account', 'robot', 'federated', 'certificate', 'outsider']),
  name: z.string(),
  groups: z.array(z.string()),
  isAdministrator: z.boolean(),
});
export const problem = z.strictObject({
  errors: z.array(z.strictObject({ code: z.string(), message: z.string(), detail: z.unknown().optional() })),
});
