// The admin API on one screen: every endpoint, who may ask for it, what it takes and what it answers. The routes, the checks
// before each handler and the OpenAPI document are made of this table.
import type { z } from 'zod';
import * as schemas from './schemas.ts';

export interface Operation {
  readonly method: 'get' | 'post' | 'put' | 'patch' | 'delete';
  /** Below /berth/v1. Parameters stand in braces. */
  readonly path: string;
  readonly summary: string;
  /** `known`: whoever proved who they are, also by a token. */
  readonly who: 'anybody' | 'known' | 'administrator';
  /** What the body has to be; without it there is none. */
  readonly takes?: z.ZodType;
  /** Whether it is a list, which comes in pages. */
  readonly isPaged?: true;
  /** Status of the answer, and its body if there is one. */
  readonly gives: readonly [status: 200 | 201 | 204, body?: z.ZodType];
  /** Refusals besides those that every endpoint of its kind has. */
  readonly refuses?: readonly number[];
}

const MANY = { who: 'administrator', isPaged: true } as const;
const ADMINISTRATOR = { who: 'administrator' } as const;

export const operations = {
  describeApi: op('get', '/openapi.json', 'This document', { who: 'anybody', gives: [200] }),
  whoAmI: op('get', '/whoami', 'Who the credentials stand for', {
    who: 'known',
    gives: [200, schemas.whoami],
  }),
  changeOwnPassword: op('put', '/me/password', 'Changes the own password; ends all own refresh tokens', {
    who: 'known',
    takes: schemas.ownPassword,
    gives: [204],
    refuses: [403, 429],
  }),

  listUsers: op('get', '/users', 'Users, by name', { ...MANY, gives: [200, schemas.users] }),
  addUser: op('post', '/users', 'Makes a user', {
    ...ADMINISTRATOR,
    takes: schemas.newUser,
    gives: [201, schemas.user],
    refuses: [404, 409, 429],
  }),
  getUser: op('get', '/users/{name}', 'A user', { ...ADMINISTRATOR, gives: [200, schemas.user] }),
  changeUser: op('patch', '/users/{name}', 'Changes what is given; disabling ends all refresh tokens', {
    ...ADMINISTRATOR,
    takes: schemas.userChanges,
    gives: [200, schemas.user],
    refuses: [409],
  }),
  setPassword: op('put', '/users/{name}/password', 'Sets the password; ends all refresh tokens', {
    ...ADMINISTRATOR,
    takes: schemas.newPassword,
    gives: [204],
    refuses: [429],
  }),
  removeUser: op('delete', '/users/{name}', 'Removes a user', {
    ...ADMINISTRATOR,
    gives: [204],
    refuses: [409],
  }),

  listGroups: op('get', '/groups', 'Groups, by name', { ...MANY, gives: [200, schemas.groupList] }),
  addGroup: op('post', '/groups', 'Makes a group', {
    ...ADMINISTRATOR,
    takes: schemas.newGroup,
    gives: [201, schemas.group],
    refuses: [409],
  }),
  getGroup: op('get', '/groups/{name}', 'A group and who is in it', {
    ...ADMINISTRATOR,
    gives: [200, schemas.groupWithMembers],
  }),
  removeGroup: op('delete', '/groups/{name}', 'Removes a group; its members stay users', {
    ...ADMINISTRATOR,
    gives: [204],
  }),
  joinGroup: op('put', '/groups/{name}/members/{user}', 'Puts a user into a group', {
    ...ADMINISTRATOR,
    gives: [204],
  }),
  leaveGroup: op('delete', '/groups/{name}/members/{user}', 'Takes a user out of a group', {
    ...ADMINISTRATOR,
    gives: [204],
  }),

  listRobots: op('get', '/robots', 'Robots, by name', { ...MANY, gives: [200, schemas.robots] }),
  addRobot: op('post', '/robots', 'Makes a robot, and shows its secret', {
    ...ADMINISTRATOR,
    takes: schemas.newRobot,
    gives: [201, schemas.robotWithSecret],
    refuses: [409],
  }),
  getRobot: op('get', '/robots/{name}', 'A robot', { ...ADMINISTRATOR, gives: [200, schemas.robot] }),
  changeRobot: op('patch', '/robots/{name}', 'Changes what is given; disabling ends all refresh tokens', {
    ...ADMINISTRATOR,
    takes: schemas.robotChanges,
    gives: [200, schemas.robot],
  }),
  rotateRobot: op('post', '/robots/{name}/secret', 'Makes another secret, and shows it; the old one ends', {
    ...ADMINISTRATOR,
    takes: schemas.nothing,
    gives: [200, schemas.robotSecret],
  }),
  removeRobot: op('delete', '/robots/{name}', 'Removes a robot', { ...ADMINISTRATOR, gives: [204] }),

  revokeTokens: op('post', '/tokens/revoke', 'Ends one refresh token; administrators: all of an account', {
    who: 'known',
    takes: schemas.revocation,
    gives: [204],
    refuses: [403, 404],
  }),
} as const;

export type OperationId = keyof typeof operations;

/** The refusals that an operation may answer with, for the document. */
export function refusalsOf({ path, who, takes, isPaged, refuses = [] }: Operation): readonly number[] {
  const statuses = new Set(refuses);
  if (who !== 'anybody') statuses.add(401);
  if (who === 'administrator') statuses.add(403);
  if (takes !== undefined) for (const status of [400, 413, 415]) statuses.add(status);
  if (isPaged) statuses.add(400);
  if (path.includes('{')) statuses.add(404);
  return [...statuses].sort((left, right) => left - right);
}

function op<Details extends Omit<Operation, 'method' | 'path' | 'summary'>>(
  method: Operation['method'],
  path: string,
  summary: string,
  details: Details,
) {
  return { method, path, summary, ...details };
}
