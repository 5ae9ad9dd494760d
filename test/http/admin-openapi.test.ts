// The OpenAPI document of the admin API tells the truth: every answer that it names is met, and is as it says.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type request from 'supertest';
import { z } from 'zod';
import { type OperationId, operations } from '../../src/http/handlers/admin/operations.ts';
import { RegistryError } from '../../src/registry/errors.ts';
import { PASSWORD } from '../auth/accounts/open-accounts.ts';
import { type AdminApp, ALICE, openAdminApp, ROOT } from '../support/admin-app.ts';

/** As much of OpenAPI 3.1 as the document has. */
const content = z.strictObject({
  'application/json': z.strictObject({ schema: z.record(z.string(), z.unknown()) }),
});
const documentSchema = z.strictObject({
  openapi: z.literal('3.1.1'),
  info: z.strictObject({ title: z.string(), version: z.string(), description: z.string() }),
  servers: z.array(z.strictObject({ url: z.string() })),
  security: z.array(z.record(z.string(), z.array(z.string()))),
  paths: z.record(
    z.string().startsWith('/'),
    z.record(
      z.string().regex(/^(get|post|put|patch|delete)$/),
      z.strictObject({
        operationId: z.string(),
        summary: z.string().min(1),
        security: z.array(z.record(z.string(), z.array(z.string()))).optional(),
        parameters: z.array(z.looseObject({ name: z.string(), in: z.enum(['path', 'query']) })),
        requestBody: z.strictObject({ required: z.literal(true), content }).optional(),
        responses: z.record(
          z.string().regex(/^[245]\d\d$/),
          z.strictObject({
            description: z.string().min(1),
            headers: z.unknown().optional(),
            content: content.optional(),
          }),
        ),
      }),
    ),
  ),
  components: z.strictObject({
    securitySchemes: z.record(z.string(), z.strictObject({ type: z.literal('http'), scheme: z.string() })),
    schemas: z.strictObject({ Refusal: z.record(z.string(), z.unknown()) }),
  }),
});

const { send: sendForDocument } = await openAdminApp();
const published = await sendForDocument('', 'get', '/openapi.json');
const document = documentSchema.parse(published.body);

type JsonSchema = { readonly [key: string]: unknown };
type Described = z.output<typeof documentSchema>['paths'][string][string];

interface Sample {
  readonly as: string;
  readonly names?: readonly string[];
  readonly query?: string;
  readonly body?: unknown;
  readonly expect: number;
}

const LIMITS = [{ repositories: 'acme/**', actions: ['pull'] }];
const BIG = { name: 'x'.repeat(17_000) };
/** What is sent as plain text instead. */
const NOT_JSON = Symbol('not JSON');

const notForAll = (names: readonly string[], body?: unknown): readonly Sample[] => [
  { as: '', names, body, expect: 401 },
  { as: ALICE, names, body, expect: 403 },
];
const badBodies = (as: string, names: readonly string[] = []): readonly Sample[] => [
  { as, names, body: { unheard: 'of' }, expect: 400 },
  { as, names, body: BIG, expect: 413 },
  { as, names, body: NOT_JSON, expect: 415 },
];
const list: readonly Sample[] = [
  ...notForAll([]),
  { as: ROOT, expect: 200 },
  { as: ROOT, query: '?n=1', expect: 200 },
  { as: ROOT, query: '?q=1', expect: 400 },
];
const newUser = { name: 'bob', password: PASSWORD };
const ownPassword = { currentPassword: PASSWORD, newPassword: 'another one' };

/** For each operation a request for every answer that it may give, but 429. */
const samples: { readonly [Id in OperationId]: readonly Sample[] } = {
  describeApi: [{ as: '', expect: 200 }],
  whoAmI: [
    { as: '', expect: 401 },
    { as: ALICE, expect: 200 },
  ],
  changeOwnPassword: [
    { as: '', body: ownPassword, expect: 401 },
    { as: ALICE, body: { ...ownPassword, currentPassword: 'wrong one' }, expect: 403 },
    ...badBodies(ALICE),
    { as: ALICE, body: ownPassword, expect: 204 },
  ],
  listUsers: list,
  addUser: [
    ...notForAll([], newUser),
    ...badBodies(ROOT),
    { as: ROOT, body: { ...newUser, password: 'short' }, expect: 400 },
    { as: ROOT, body: { ...newUser, groups: ['none'] }, expect: 404 },
    { as: ROOT, body: newUser, expect: 201 },
    { as: ROOT, body: newUser, expect: 409 },
  ],
  getUser: [
    ...notForAll(['alice']),
    { as: ROOT, names: ['alice'], expect: 200 },
    { as: ROOT, names: ['none'], expect: 404 },
  ],
  changeUser: [
    ...notForAll(['alice'], {}),
    ...badBodies(ROOT, ['alice']),
    { as: ROOT, names: ['none'], body: {}, expect: 404 },
    { as: ROOT, names: ['root'], body: { disabled: true }, expect: 409 },
    { as: ROOT, names: ['alice'], body: { groups: ['team'] }, expect: 200 },
  ],
  setPassword: [
    ...notForAll(['alice'], { password: PASSWORD }),
    ...badBodies(ROOT, ['alice']),
    { as: ROOT, names: ['none'], body: { password: PASSWORD }, expect: 404 },
    { as: ROOT, names: ['alice'], body: { password: PASSWORD }, expect: 204 },
  ],
  removeUser: [
    ...notForAll(['alice']),
    { as: ROOT, names: ['none'], expect: 404 },
    { as: ROOT, names: ['root'], expect: 409 },
    { as: ROOT, names: ['alice'], expect: 204 },
  ],
  listGroups: list,
  addGroup: [
    ...notForAll([], { name: 'new' }),
    ...badBodies(ROOT),
    { as: ROOT, body: { name: 'new' }, expect: 201 },
    { as: ROOT, body: { name: 'new' }, expect: 409 },
  ],
  getGroup: [
    ...notForAll(['team']),
    { as: ROOT, names: ['team'], expect: 200 },
    { as: ROOT, names: ['none'], expect: 404 },
  ],
  removeGroup: [
    ...notForAll(['team']),
    { as: ROOT, names: ['none'], expect: 404 },
    { as: ROOT, names: ['team'], expect: 204 },
  ],
  joinGroup: [
    ...notForAll(['team', 'alice']),
    { as: ROOT, names: ['team', 'none'], expect: 404 },
    { as: ROOT, names: ['team', 'alice'], expect: 204 },
  ],
  leaveGroup: [
    ...notForAll(['team', 'alice']),
    { as: ROOT, names: ['none', 'alice'], expect: 404 },
    { as: ROOT, names: ['team', 'alice'], expect: 204 },
  ],
  listRobots: list,
  addRobot: [
    ...notForAll([], { name: 'new', limits: LIMITS }),
    ...badBodies(ROOT),
    { as: ROOT, body: { name: 'new', limits: LIMITS, expires: '2027-01-01T00:00:00Z' }, expect: 201 },
    { as: ROOT, body: { name: 'new', limits: LIMITS }, expect: 409 },
  ],
  getRobot: [
    ...notForAll(['ci']),
    { as: ROOT, names: ['ci'], expect: 200 },
    { as: ROOT, names: ['none'], expect: 404 },
  ],
  changeRobot: [
    ...notForAll(['ci'], {}),
    ...badBodies(ROOT, ['ci']),
    { as: ROOT, names: ['none'], body: {}, expect: 404 },
    { as: ROOT, names: ['ci'], body: { expires: null, disabled: true, limits: LIMITS }, expect: 200 },
  ],
  rotateRobot: [
    ...notForAll(['ci'], {}),
    ...badBodies(ROOT, ['ci']),
    { as: ROOT, names: ['none'], body: {}, expect: 404 },
    { as: ROOT, names: ['ci'], body: {}, expect: 200 },
  ],
  removeRobot: [
    ...notForAll(['ci']),
    { as: ROOT, names: ['none'], expect: 404 },
    { as: ROOT, names: ['ci'], expect: 204 },
  ],
  revokeTokens: [
    { as: '', body: { token: 'token' }, expect: 401 },
    { as: ALICE, body: { user: 'root' }, expect: 403 },
    ...badBodies(ALICE),
    { as: ROOT, body: { robot: 'none' }, expect: 404 },
    { as: ROOT, body: { robot: 'ci' }, expect: 204 },
    { as: ALICE, body: { token: 'token' }, expect: 204 },
    { as: ALICE, body: { user: 'alice' }, expect: 204 },
  ],
};

test('the document names every operation, once', () => {
  assert.equal(published.headers['content-type'], 'application/json');
  assert.deepEqual(document.servers, [{ url: '/registry/berth/v1' }]);
  const described = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, { operationId }]) => `${operationId} ${method} ${path}`),
  );
  const offered = Object.entries(operations).map(([id, { method, path }]) => `${id} ${method} ${path}`);
  assert.deepEqual(described.sort(), offered.sort());
});

for (const [id, requests] of Object.entries(samples)) {
  test(`${id} answers as the document says, and all that it says`, async () => {
    const { method, path } = operations[id as OperationId];
    const described: Described | undefined = document.paths[path]?.[method];
    assert.ok(described !== undefined);
    const world = await openFilledApp();
    const met = new Set<string>();
    for (const sample of requests) {
      const answer = await ask(world, id as OperationId, sample);
      assert.equal(answer.status, sample.expect, `${JSON.stringify(sample)}: ${answer.text}`);
      met.add(String(answer.status));
      assertDescribed(described, answer);
      if (answer.status < 300) assertTaken(described, sample.body);
    }
    // Reached only by many at once: below.
    met.add('429');
    assert.deepEqual(
      Object.keys(described.responses).filter((status) => !met.has(status)),
      [],
    );
  });
}

test('where passwords are hashed, and nowhere else, a client may be told to come again', async () => {
  const tooMany = async () => Promise.reject(new RegistryError('tooManyRequests'));
  const { send } = await openAdminApp(({ users }) => ({
    users: { ...users, add: tooMany, setPassword: tooMany, changePassword: tooMany },
  }));
  const busy = {
    addUser: () => send(ROOT, 'post', '/users', newUser),
    setPassword: () => send(ROOT, 'put', '/users/alice/password', { password: PASSWORD }),
    changeOwnPassword: () => send(ALICE, 'put', '/me/password', ownPassword),
  };
  for (const request of Object.values(busy)) assert.equal((await request()).status, 429);
  const described = Object.values(document.paths)
    .flatMap((methods) => Object.values(methods))
    .filter(({ responses }) => responses['429'] !== undefined);
  assert.deepEqual(described.map(({ operationId }) => operationId).sort(), Object.keys(busy).sort());
});

function assertDescribed({ responses }: Described, answer: request.Response): void {
  const response = responses[String(answer.status)];
  assert.ok(response !== undefined, `${answer.status} is not in the document`);
  if (response.content === undefined) {
    assert.equal(answer.text, '');
    return;
  }
  assert.equal(answer.headers['content-type'], 'application/json');
  const schema = resolved(response.content['application/json'].schema);
  const { error } = z.fromJSONSchema(schema).safeParse(answer.body);
  assert.equal(error, undefined, `${answer.status} ${answer.text}`);
}

/** What was taken is what the document asks for. */
function assertTaken({ requestBody }: Described, body: unknown): void {
  const schema = requestBody?.content['application/json'].schema;
  if (schema === undefined) assert.equal(body, undefined);
  else assert.ok(z.fromJSONSchema(schema).safeParse(body).success);
}

/** Besides the users: a group and a robot. */
async function openFilledApp(): Promise<AdminApp> {
  const world = await openAdminApp();
  await world.accounts.groups.add('team');
  await world.accounts.groups.join('team', 'alice');
  const limits = [{ repositories: 'acme/**', actions: ['pull'] as const }];
  await world.accounts.robots.add({ name: 'ci', limits, expires: '2026-12-31T00:00:00Z' });
  return world;
}

async function ask({ send }: AdminApp, id: OperationId, { as, names = [], query = '', body }: Sample) {
  const { method, path } = operations[id];
  const left = [...names];
  const there = `${path.replaceAll(/\{\w+\}/g, () => left.shift() ?? 'x')}${query}`;
  return body === NOT_JSON ? send(as, method, there) : send(as, method, there, body);
}

function resolved(schema: JsonSchema) {
  if (schema['$ref'] === undefined) return schema;
  assert.equal(schema['$ref'], '#/components/schemas/Refusal');
  return document.components.schemas.Refusal;
}
