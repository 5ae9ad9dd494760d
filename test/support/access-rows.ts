// Every endpoint of the registry as a request to be tried with credentials of each kind: what it needs to be there, and how
// it is answered where it is allowed. The first column of the table in docs/access.md.

import { PASSWORD, type RegistryWithAccounts } from './access.ts';
import type { Http } from './app.ts';
import { beginUpload, blobOf, manifestOf, pushBlob, pushImage, withQuery } from './content.ts';
import { digestOf } from './sample-image.ts';

export interface Trial {
  readonly method: 'get' | 'post' | 'put' | 'patch' | 'delete';
  readonly path: string;
  readonly type?: string;
  /** Of an endpoint that takes its credentials in the body: the form of those in the header. */
  readonly body?: string | Buffer | ((authorization: string | undefined) => string);
}

/** What rows find in the registry. */
export interface Stage {
  /** Sends everything as somebody who may do all of it. */
  readonly http: Http;
  /** Where accounts are kept. */
  readonly accounts?: RegistryWithAccounts['accounts'];
  /** Another text each time. */
  readonly fresh: () => string;
}

export interface Row {
  /** The method and path of the table of routes. */
  readonly route: string;
  /** What is done, where a route does several things. */
  readonly what?: string;
  /** The status where it is allowed. */
  readonly success: number;
  /** Makes what one success uses up. */
  readonly prepare: (stage: Stage) => Trial | Promise<Trial>;
}

export const REPOSITORY = 'team/app';
const JSON_TYPE = 'application/json';
const PULL_ONLY = [{ repositories: 'team/**', actions: ['pull' as const] }];
const ADMIN = '/berth/v1';
const FORM_TYPE = 'application/x-www-form-urlencoded';

const path = (rest: string) => `/v2/${REPOSITORY}/${rest}`;
const newManifest = (text: string) => manifestOf({ layers: [], fields: { annotations: { text } } });

async function tagged({ http, fresh }: Stage): Promise<{ readonly tag: string; readonly digest: string }> {
  const tag = `t${fresh()}`;
  const { digest } = await pushImage(http, REPOSITORY, tag, { fields: { annotations: { tag } } });
  return { tag, digest };
}

const uploadPath = async ({ http }: Stage) => {
  const { pathname, search } = new URL(await beginUpload(http, REPOSITORY), 'http://registry');
  return pathname + search;
};

/** The rows that there are in every mode. */
export const registryRows = {
  door: { route: 'GET /v2', success: 200, prepare: () => ({ method: 'get', path: '/v2/' }) },
  pullBlob: {
    route: 'GET /v2/*name/blobs/:digest',
    success: 200,
    prepare: async ({ http }) => {
      const digest = await pushBlob(http, REPOSITORY, 'a blob');
      return { method: 'get', path: path(`blobs/${digest}`) };
    },
  },
  deleteBlob: {
    route: 'DELETE /v2/*name/blobs/:digest',
    success: 202,
    prepare: async ({ http, fresh }) => {
      const digest = await pushBlob(http, REPOSITORY, `to be deleted ${fresh()}`);
      return { method: 'delete', path: path(`blobs/${digest}`) };
    },
  },
  pullByTag: {
    route: 'GET /v2/*name/manifests/:reference',
    what: 'by tag',
    success: 200,
    prepare: async (stage) => ({ method: 'get', path: path(`manifests/${(await tagged(stage)).tag}`) }),
  },
  pullByDigest: {
    route: 'GET /v2/*name/manifests/:reference',
    what: 'by digest',
    success: 200,
    prepare: async (stage) => ({ method: 'get', path: path(`manifests/${(await tagged(stage)).digest}`) }),
  },
  pushNewTag: {
    route: 'PUT /v2/*name/manifests/:reference',
    what: 'a new tag',
    success: 201,
    prepare: async ({ http, fresh }) => {
      const { tag } = await tagged({ http, fresh });
      return { method: 'put', path: path(`manifests/new-${tag}`), body: newManifest(tag) };
    },
  },
  pushByDigest: {
    route: 'PUT /v2/*name/manifests/:reference',
    what: 'by digest, with new tags',
    success: 201,
    prepare: async (stage) => {
      const { tag } = await tagged(stage);
      const body = newManifest(tag);
      return { method: 'put', path: path(`manifests/${digestOf(body)}?tag=a-${tag}&tag=b-${tag}`), body };
    },
  },
  moveTag: {
    route: 'PUT /v2/*name/manifests/:reference',
    what: 'a tag that is there',
    success: 201,
    prepare: async (stage) => {
      const { tag } = await tagged(stage);
      return { method: 'put', path: path(`manifests/${tag}`), body: newManifest(`moved ${tag}`) };
    },
  },
  moveTagByDigest: {
    route: 'PUT /v2/*name/manifests/:reference',
    what: 'by digest, with a tag that is there',
    success: 201,
    prepare: async (stage) => {
      const { tag } = await tagged(stage);
      const body = newManifest(`moved ${tag}`);
      return { method: 'put', path: path(`manifests/${digestOf(body)}?tag=c-${tag}&tag=${tag}`), body };
    },
  },
  deleteTag: {
    route: 'DELETE /v2/*name/manifests/:reference',
    what: 'a tag',
    success: 202,
    prepare: async (stage) => ({ method: 'delete', path: path(`manifests/${(await tagged(stage)).tag}`) }),
  },
  deleteManifest: {
    route: 'DELETE /v2/*name/manifests/:reference',
    what: 'by digest',
    success: 202,
    prepare: async (stage) => ({ method: 'delete', path: path(`manifests/${(await tagged(stage)).digest}`) }),
  },
  beginUpload: {
    route: 'POST /v2/*name/blobs/uploads',
    what: 'an upload',
    success: 202,
    prepare: () => ({ method: 'post', path: path('blobs/uploads/') }),
  },
  uploadAtOnce: {
    route: 'POST /v2/*name/blobs/uploads',
    what: 'a whole blob',
    success: 201,
    prepare: ({ fresh }) => {
      const { bytes, digest } = blobOf(`pushed at once ${fresh()}`);
      return { method: 'post', path: path(`blobs/uploads/?digest=${digest}`), body: bytes };
    },
  },
  uploadStatus: {
    route: 'GET /v2/*name/blobs/uploads/:session',
    success: 204,
    prepare: async (stage) => ({ method: 'get', path: await uploadPath(stage) }),
  },
  appendUpload: {
    route: 'PATCH /v2/*name/blobs/uploads/:session',
    success: 202,
    prepare: async (stage) => ({ method: 'patch', path: await uploadPath(stage), body: 'a chunk' }),
  },
  finishUpload: {
    route: 'PUT /v2/*name/blobs/uploads/:session',
    success: 201,
    prepare: async (stage) => {
      const { bytes, digest } = blobOf(`finished ${stage.fresh()}`);
      const at = withQuery(await uploadPath(stage), `digest=${digest}`);
      return { method: 'put', path: at, body: bytes };
    },
  },
  cancelUpload: {
    route: 'DELETE /v2/*name/blobs/uploads/:session',
    success: 204,
    prepare: async (stage) => ({ method: 'delete', path: await uploadPath(stage) }),
  },
  tags: {
    route: 'GET /v2/*name/tags/list',
    success: 200,
    prepare: () => ({ method: 'get', path: path('tags/list') }),
  },
  referrers: {
    route: 'GET /v2/*name/referrers/:digest',
    success: 200,
    prepare: () => ({ method: 'get', path: path(`referrers/${blobOf('a blob').digest}`) }),
  },
  catalog: {
    route: 'GET /v2/_catalog',
    success: 200,
    prepare: () => ({ method: 'get', path: '/v2/_catalog' }),
  },
  extensions: {
    route: 'GET /v2/_oci/ext/discover',
    success: 200,
    prepare: () => ({ method: 'get', path: '/v2/_oci/ext/discover' }),
  },
  repositoryExtensions: {
    route: 'GET /v2/*name/_oci/ext/discover',
    success: 200,
    prepare: () => ({ method: 'get', path: path('_oci/ext/discover') }),
  },
  searchPing: {
    route: 'GET /v1/_ping',
    success: 200,
    prepare: () => ({ method: 'get', path: '/v1/_ping' }),
  },
  search: {
    route: 'GET /v1/search',
    success: 200,
    prepare: () => ({ method: 'get', path: '/v1/search?q=app' }),
  },
  root: { route: 'GET /', success: 200, prepare: () => ({ method: 'get', path: '/' }) },
} as const satisfies Record<string, Row>;

/** Where tokens are made. */
export const tokenRows = {
  token: {
    route: 'GET /auth/token',
    success: 200,
    prepare: () => ({ method: 'get', path: `/auth/token?scope=repository:${REPOSITORY}:pull` }),
  },
  tokenByForm: {
    route: 'POST /auth/token',
    success: 200,
    prepare: () => ({ method: 'post', path: '/auth/token', type: FORM_TYPE, body: formOf }),
  },
  keys: { route: 'GET /auth/jwks', success: 200, prepare: () => ({ method: 'get', path: '/auth/jwks' }) },
} as const satisfies Record<string, Row>;

/** Where accounts are kept. */
export const adminRows = {
  describeApi: adminRow('GET', '/openapi.json', 200, () => '/openapi.json'),
  whoAmI: adminRow('GET', '/whoami', 200, () => '/whoami'),
  changeOwnPassword: adminRow('PUT', '/me/password', 204, () => '/me/password', {
    currentPassword: PASSWORD,
    newPassword: PASSWORD,
  }),
  listUsers: adminRow('GET', '/users', 200, () => '/users'),
  addUser: adminRow(
    'POST',
    '/users',
    201,
    () => '/users',
    ({ fresh }) => ({ name: `u${fresh()}`, password: PASSWORD }),
  ),
  getUser: adminRow('GET', '/users/:name', 200, () => '/users/victim'),
  changeUser: adminRow('PATCH', '/users/:name', 200, () => '/users/victim', { isAdministrator: false }),
  setPassword: adminRow('PUT', '/users/:name/password', 204, () => '/users/victim/password', {
    password: PASSWORD,
  }),
  removeUser: adminRow('DELETE', '/users/:name', 204, async ({ accounts, fresh }) => {
    const user = await accounts?.users.add({ name: `u${fresh()}`, password: PASSWORD });
    return `/users/${user?.name}`;
  }),
  listGroups: adminRow('GET', '/groups', 200, () => '/groups'),
  addGroup: adminRow(
    'POST',
    '/groups',
    201,
    () => '/groups',
    ({ fresh }) => ({ name: `g${fresh()}` }),
  ),
  getGroup: adminRow('GET', '/groups/:name', 200, () => '/groups/crew'),
  removeGroup: adminRow('DELETE', '/groups/:name', 204, async ({ accounts, fresh }) => {
    const group = await accounts?.groups.add(`g${fresh()}`);
    return `/groups/${group?.name}`;
  }),
  joinGroup: adminRow('PUT', '/groups/:name/members/:user', 204, () => '/groups/crew/members/victim'),
  leaveGroup: adminRow('DELETE', '/groups/:name/members/:user', 204, async ({ accounts }) => {
    await accounts?.groups.join('crew', 'victim');
    return '/groups/crew/members/victim';
  }),
  listRobots: adminRow('GET', '/robots', 200, () => '/robots'),
  addRobot: adminRow(
    'POST',
    '/robots',
    201,
    () => '/robots',
    ({ fresh }) => ({ name: `r${fresh()}`, limits: PULL_ONLY }),
  ),
  getRobot: adminRow('GET', '/robots/:name', 200, () => '/robots/other'),
  changeRobot: adminRow('PATCH', '/robots/:name', 200, () => '/robots/other', { limits: PULL_ONLY }),
  rotateRobot: adminRow('POST', '/robots/:name/secret', 200, () => '/robots/other/secret', {}),
  removeRobot: adminRow('DELETE', '/robots/:name', 204, async ({ accounts, fresh }) => {
    const added = await accounts?.robots.add({ name: `r${fresh()}`, limits: PULL_ONLY });
    return `/robots/${added?.robot.name}`;
  }),
  endToken: adminRow('POST', '/tokens/revoke', 204, () => '/tokens/revoke', { token: 'whoever has it' }),
  endTokensOfUser: {
    ...adminRow('POST', '/tokens/revoke', 204, () => '/tokens/revoke', { user: 'victim' }),
    what: 'all of another user',
  },
} as const satisfies Record<string, Row>;

function adminRow(
  method: string,
  route: string,
  success: number,
  pathOf: (stage: Stage) => string | Promise<string>,
  body?: object | ((stage: Stage) => object),
): Row {
  const verb = method.toLowerCase() as Trial['method'];
  return {
    route: `${method} ${ADMIN}${route}`,
    success,
    prepare: async (stage) => ({
      method: verb,
      path: ADMIN + (await pathOf(stage)),
      ...(body !== undefined && {
        type: JSON_TYPE,
        body: JSON.stringify(typeof body === 'function' ? body(stage) : body),
      }),
    }),
  };
}

/** What is in the header, as a form has it: a password, or else what is there as a refresh token. */
function formOf(authorization: string | undefined): string {
  const [scheme, value = ''] = (authorization ?? '').split(' ');
  if (scheme !== 'Basic') {
    return String(new URLSearchParams({ grant_type: 'refresh_token', refresh_token: value.slice(0, 200) }));
  }
  const [username = '', ...rest] = Buffer.from(value, 'base64').toString().split(':');
  return String(new URLSearchParams({ grant_type: 'password', username, password: rest.join(':') }));
}
