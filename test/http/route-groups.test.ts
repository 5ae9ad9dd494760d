// Rows of a URL table are found in their groups as they would be in one list.
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { type TestContext, test } from 'node:test';
import Koa from 'koa';
import supertest from 'supertest';
import type { RequestContext, RequestState } from '../../src/http/context.ts';
import { createRouteGroups } from '../../src/http/route-groups.ts';

for (const prefix of ['', '/registry']) {
  test(`a row is found by the end of its path, whatever the repository is called, below '${prefix}'`, async (t) => {
    const get = openTable(t, prefix);
    const expected = {
      '/v2/app/blobs/x': 'blob app x',
      '/v2/app/blobs/x/': 'blob app x',
      '/v2/blobs/manifests/blobs/x': 'blob blobs/manifests x',
      '/v2/app/blobs/uploads': 'blob app uploads',
      '/v2/app/blobs/uploads/x': 'upload app x',
      '/v2/a/blobs/uploads/x/blobs/uploads/y/': 'upload a/blobs/uploads/x y',
      '/v2/tags/list/tags/list': 'tags tags/list ',
      '/v2/_catalog': 'catalog  ',
      '/other/blobs/x': 'other  x',
      '/other/uploads/x': 'none',
      '/v2/app/elsewhere/x': 'none',
      '/v2/app/Blobs/x': 'none',
      '/v2/app/blobs//': 'none',
      '/v2//blobs/x': 'none',
      '//': 'none',
    };
    for (const [path, row] of Object.entries(expected)) {
      assert.equal((await get(`${prefix}${path}`)).text, row, path);
    }
    if (prefix !== '') assert.equal((await get('/v2/app/blobs/x')).text, 'none');
  });
}

test('where only another method would do, the rows that have it are told', async (t) => {
  const get = openTable(t, '');
  assert.equal((await get('/v2/app/blobs/uploads', 'post')).text, 'begin app ');
  assert.equal((await get('/v2/app/blobs/uploads', 'put')).text, 'none HEAD GET POST');
  assert.equal((await get('/other/blobs/x', 'post')).text, 'none HEAD GET');
});

/** A server that says which row it found, and what in it. */
function openTable(t: TestContext, prefix: string) {
  const groups = createRouteGroups(prefix);
  const rows = [
    ['get', 'blob', '/v2/*name/blobs/:last'],
    ['post', 'begin', '/v2/*name/blobs/uploads'],
    ['get', 'upload', '/v2/*name/blobs/uploads/:last'],
    ['get', 'tags', '/v2/*name/tags/list'],
    ['get', 'catalog', '/v2/_catalog'],
  ] as const;
  for (const [method, row, path] of rows) groups[method](row, path, (ctx) => tell(ctx, row));
  groups.others.get('other', '/other/blobs/:last', (ctx) => tell(ctx, 'other'));
  const app = new Koa<RequestState>();
  app.use(groups.routes());
  app.use((ctx) => {
    const methods = ((ctx as RequestContext).matched ?? []).flatMap((layer) => layer.methods);
    ctx.body = ['none', ...new Set(methods)].join(' ');
  });
  const server = createServer(app.callback()).listen(0, '127.0.0.1');
  t.after(() => server.close());
  return (path: string, method: 'get' | 'put' | 'post' = 'get') => supertest(server)[method](path);
}

function tell(ctx: RequestContext, row: string): void {
  const { name = '', last = '' } = ctx.params;
  ctx.body = `${row} ${name} ${last}`;
}
