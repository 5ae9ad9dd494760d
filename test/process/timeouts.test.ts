// Requests of a registry take as long as they take: that they go on is looked at, not how long they last.
import assert from 'node:assert/strict';
import diagnostics from 'node:diagnostics_channel';
import type { Server } from 'node:http';
import { test } from 'node:test';
import { openRegistry } from '../support/app.ts';

test('no timeout of Node ends a whole request', async (context) => {
  const { http } = await openRegistry(context);
  const servers: Server[] = [];
  const see = (message: unknown) => void servers.push((message as { readonly server: Server }).server);
  diagnostics.subscribe('http.server.request.start', see);
  await http.get('/v2/').expect(200);
  diagnostics.unsubscribe('http.server.request.start', see);
  const [server] = servers;
  assert.ok(server !== undefined);
  assert.equal(server.requestTimeout, 0);
  assert.equal(server.timeout, 0);
  assert.ok(server.headersTimeout > 0 && server.keepAliveTimeout > 60_000);
});
