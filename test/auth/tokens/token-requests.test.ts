import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { parseTokenForm, parseTokenQuery } from '../../../src/auth/tokens/token-requests.ts';
import { RegistryError } from '../../../src/registry/errors.ts';

const form = (fields: Record<string, string>) => new URLSearchParams(fields).toString();
const exchange = {
  grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
  subject_token: 'a.b.c',
  subject_token_type: 'urn:ietf:params:oauth:token-type:id_token',
};

function assertInvalid(work: () => unknown, secret = 'hunter2') {
  assert.throws(work, (error) => {
    assert.ok(error instanceof RegistryError);
    assert.equal(error.status, 400);
    assert.ok(!`${error.message} ${error.detail}`.includes(secret), 'no secret in the refusal');
    return true;
  });
}

describe('a request by GET', () => {
  test('names service, scopes, account and client, as docker does', () => {
    const query =
      'account=alice&client_id=docker&offline_token=true&scope=repository%3Aa%2Fb%3Apull%2Cpush&scope=repository:c:pull&service=registry.test';
    assert.deepEqual(parseTokenQuery(query), {
      service: 'registry.test',
      scopes: [
        { type: 'repository', name: 'a/b', actions: ['pull', 'push'] },
        { type: 'repository', name: 'c', actions: ['pull'] },
      ],
      clientId: 'docker',
      account: 'alice',
      offline: true,
    });
  });

  test('may name nothing at all, which is a login', () => {
    assert.deepEqual(parseTokenQuery(''), {
      service: '',
      scopes: [],
      clientId: '',
      account: '',
      offline: false,
    });
  });

  test('with a secret in it is refused (T16)', () => {
    for (const name of ['password', 'refresh_token', 'subject_token', 'client_secret', 'access_token']) {
      assertInvalid(() => parseTokenQuery(`service=s&${name}=hunter2`));
    }
  });

  test('is bounded', () => {
    assertInvalid(() => parseTokenQuery(`service=${'s'.repeat(256)}`));
    assertInvalid(() => parseTokenQuery(`x=${'s'.repeat(2 ** 20)}`));
    assertInvalid(() => parseTokenQuery('&'.repeat(1000)));
    assertInvalid(() => parseTokenQuery('service=a&service=b'));
  });
});

describe('a request by POST', () => {
  test('proves somebody by a password', () => {
    const fields = {
      grant_type: 'password',
      username: 'alice',
      password: 'hunter2',
      service: 's',
      client_id: 'containerd-client',
      scope: 'repository:a:pull repository:b:pull',
      access_type: 'offline',
    };
    assert.deepEqual(parseTokenForm(form(fields)), {
      grant: 'password',
      name: 'alice',
      password: 'hunter2',
      service: 's',
      clientId: 'containerd-client',
      offline: true,
      scopes: [
        { type: 'repository', name: 'a', actions: ['pull'] },
        { type: 'repository', name: 'b', actions: ['pull'] },
      ],
    });
  });

  test('proves somebody by a refresh token', () => {
    const fields = { grant_type: 'refresh_token', refresh_token: 'berth_rt_x', service: 's' };
    assert.deepEqual(parseTokenForm(form(fields)), {
      grant: 'refreshToken',
      refreshToken: 'berth_rt_x',
      service: 's',
      clientId: '',
      offline: false,
      scopes: [],
    });
  });

  test('exchanges the token of another issuer (RFC 8693)', () => {
    const { service, ...request } = parseTokenForm(
      form({ ...exchange, audience: 'registry.test', scope: 'repository:a:push' }),
    );
    assert.equal(service, 'registry.test');
    assert.deepEqual(request, {
      grant: 'tokenExchange',
      subjectToken: 'a.b.c',
      clientId: '',
      offline: false,
      scopes: [{ type: 'repository', name: 'a', actions: ['push'] }],
    });
  });

  test('with a password in its address is refused (T16)', () => {
    const body = form({ grant_type: 'password', username: 'alice', password: 'hunter2' });
    assertInvalid(() => parseTokenForm(body, 'password=hunter2'));
    assertInvalid(() =>
      parseTokenForm('grant_type=password&username=alice', 'username=alice&password=hunter2'),
    );
    assert.equal(parseTokenForm(body, 'unrelated=1').grant, 'password');
  });

  test('is refused when it lacks something, has it twice, or asks for what is not offered', () => {
    for (const body of [
      '',
      'grant_type=authorization_code',
      'grant_type=password&username=alice',
      'grant_type=password&password=hunter2',
      'grant_type=password&username=alice&password=hunter2&password=other',
      'grant_type=password&grant_type=refresh_token&username=alice&password=hunter2',
      'grant_type=refresh_token',
      `grant_type=refresh_token&refresh_token=${'hunter2'.repeat(100)}`,
      form({ ...exchange, subject_token: '' }),
      form({ ...exchange, subject_token_type: 'urn:ietf:params:oauth:token-type:saml2' }),
      form({ ...exchange, requested_token_type: 'urn:ietf:params:oauth:token-type:refresh_token' }),
      form({ ...exchange, actor_token: 'hunter2' }),
      form({ ...exchange, subject_token: 'hunter2'.repeat(10_000) }),
      '{"grant_type":"password"}',
    ]) {
      assertInvalid(() => parseTokenForm(body));
    }
  });
});
