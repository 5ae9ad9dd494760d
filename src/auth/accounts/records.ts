// Accounts as they are kept in storage: one small JSON object each. What is not exactly in this form is not believed.
import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import { ACTIONS } from '../caller.ts';
import { type AccountName, isAccountName } from './account-name.ts';
import { passwordHashSchema } from './password-hash.ts';
import { secretHashSchema } from './robot-secret.ts';

const nameSchema = z.custom<AccountName>((value) => typeof value === 'string' && isAccountName(value));
const timeSchema = z.iso.datetime();

/** What every record has. The version changes when older servers would misread a newer record. */
const account = {
  version: z.literal(1),
  name: nameSchema,
  created: timeSchema,
};

export const userSchema = z.strictObject({
  ...account,
  disabled: z.boolean(),
  isAdministrator: z.boolean(),
  /** Kept with the user: a login reads one object, and leaving a group is one write. */
  groups: z.array(nameSchema),
  password: passwordHashSchema,
  /** Until when the password works: only one that the registry made up itself has an end. */
  passwordExpires: timeSchema.optional(),
  /** Random; a new one ends every refresh token of the account. */
  secretVersion: z.string(),
});
export type UserRecord = Readonly<z.output<typeof userSchema>>;

export const groupSchema = z.strictObject(account);
export type GroupRecord = Readonly<z.output<typeof groupSchema>>;

export const robotSchema = z.strictObject({
  ...account,
  disabled: z.boolean(),
  limits: z.array(z.strictObject({ repositories: z.string(), actions: z.array(z.enum(ACTIONS)) })),
  expires: timeSchema.optional(),
  secret: secretHashSchema,
  secretVersion: z.string(),
});
export type RobotRecord = Readonly<z.output<typeof robotSchema>>;

/** When a robot last came in. An object of its own, so that a login never touches what says who may come in. */
export const useSchema = z.strictObject({ version: z.literal(1), name: nameSchema, lastUsed: timeSchema });

/** Of a secret, or of a right to come in with it. */
export function newVersion(): string {
  return randomUUID();
}
