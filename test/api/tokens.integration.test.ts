/** Named tokens: made, used by their role, expired and revoked; what was done with them is in the audit log. */
import pg from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Role } from '../../api/http/identity.js';
import { REFRESH_MS } from '../../api/tokens/token-directory.js';
import { createToken, listTokens, revokeToken } from '../../api/tokens/token-store.js';
import { type ApiFixture, createApiFixture } from './api-fixture.js';
import { TOKEN } from './api-settings.js';
import { insertAlerts } from './sample-data.js';

const HOUR = 3_600_000;
let now = Date.now();
let api: ApiFixture;
let tokenless: ApiFixture;
let owner: pg.Client;

beforeAll(async () => {
  api = await createApiFixture({ now: () => now, apiOpenReads: false });
  tokenless = await createApiFixture({ now: () => now, token: '', apiOpenReads: false });
  const { host, port, user, password, database } = api.database.connection;
  owner = new pg.Client({ host, port, user, password, database });
  await owner.connect();
});
afterAll(async () => {
  await owner?.end();
  await api?.remove();
  await tokenless?.remove();
});
beforeEach(async () => {
  await insertAlerts(api.pool, [{ id: 'a', firstSeen: '2026-03-01T11:00:00Z', lastSeen: '2026-03-01T11:10:00Z' }]);
  now += REFRESH_MS;
});
afterEach(async () => {
  await owner.query('TRUNCATE api_tokens, audit_log, alerts, alert_events');
});

const make = (name: string, role: Role, expiresInMs: number | null = null) =>
  createToken(owner, name, role, expiresInMs, 'cli:test');
const ask = (token: string, path: string, init: RequestInit = {}) =>
  api.request(path, {
    ...init,
    headers: { authorization: `Bearer ${token}`, ...(init.body ? { 'content-type': 'application/json' } : {}) },
  });
const resolve = (token: string, body: object = {}) =>
  ask(token, '/api/alerts/a/resolve', { method: 'POST', body: JSON.stringify(body) });

interface Audit {
  entries: { actor: string; role: string; method: string; path: string; status: number; request_id: string }[];
  next: string | null;
}

describe('roles', () => {
  const MATRIX: readonly (readonly [string, string, Record<Role, number>])[] = [
    ['GET', '/api/alerts', { reader: 200, analyst: 200, admin: 200 }],
    ['POST', '/api/packets/search', { reader: 200, analyst: 200, admin: 200 }],
    ['POST', '/api/alerts/a/resolve', { reader: 403, analyst: 200, admin: 200 }],
    ['POST', '/api/alerts/a/reopen', { reader: 403, analyst: 200, admin: 200 }],
    ['POST', '/api/alerts/a/triage', { reader: 403, analyst: 200, admin: 200 }],
    ['POST', '/api/alerts/triage', { reader: 403, analyst: 200, admin: 200 }],
    ['POST', '/api/alerts/a/undo', { reader: 403, analyst: 200, admin: 200 }],
    ['GET', '/api/audit', { reader: 403, analyst: 403, admin: 200 }],
  ];
  test.each(['reader', 'analyst', 'admin'] as const)('%s', async (role) => {
    const token = await make(`a ${role}`, role);
    for (const [method, path, expected] of MATRIX) {
      const body =
        method === 'GET'
          ? null
          : path === '/api/alerts/triage'
            ? '{"ids":["a"],"note":"x"}'
            : path.endsWith('/triage')
              ? '{"status":"acknowledged"}'
              : '{}';
      const response = await ask(token, path, { method, ...(body === null ? {} : { body }) });
      expect(response.status, `${role} ${method} ${path}`).toBe(expected[role]);
      if (response.status === 403) expect(await response.json()).toMatchObject({ code: 'ROLE_REQUIRED' });
    }
  });

  test('the server’s own token is admin', async () => {
    expect((await ask(TOKEN, '/api/audit')).status).toBe(200);
  });

  test('a request without a token is no admin, also where reads are open', async () => {
    const open = await createApiFixture();
    try {
      expect((await open.request('/api/alerts')).status).toBe(200);
      expect((await open.request('/api/audit')).status).toBe(403);
    } finally {
      await open.remove();
    }
  });
});

test('who decided is whose token it is, whatever the request says', async () => {
  const token = await make('ada', 'analyst');
  const lie = await resolve(token, { by: 'bob' });
  expect(lie.status).toBe(400);
  expect(((await lie.json()) as { detail: string }).detail).toBe('body.by: the token is that of ada; leave it out');
  expect(await (await resolve(token)).json()).toMatchObject({ resolved_by: 'ada' });
});

test('a token is refused once it is revoked or has expired, and works until then', async () => {
  const short = await make('short', 'analyst', HOUR);
  const long = await make('long', 'analyst');
  for (const token of [short, long]) expect((await ask(token, '/api/alerts')).status).toBe(200);
  now += HOUR + 1000;
  expect((await ask(short, '/api/alerts')).status).toBe(401);
  expect((await ask(long, '/api/alerts')).status).toBe(200);
  await revokeToken(owner, 'long', 'cli:test');
  now += REFRESH_MS;
  expect((await ask(long, '/api/alerts')).status).toBe(401);
  await expect(revokeToken(owner, 'long', 'cli:test')).rejects.toMatchObject({ code: 'TOKEN_NAME' });
  now -= HOUR;
});

test('nothing that opens the door is stored', async () => {
  const token = await make('ada', 'admin');
  expect(token).toMatch(/^nta_[\w-]{43}$/);
  const { rows } = await owner.query('SELECT api_tokens::text AS row FROM api_tokens');
  expect(JSON.stringify(rows)).not.toContain(token.slice(4));
  expect(JSON.stringify(await listTokens(owner))).not.toContain('digest');
});

test('a name is given once', async () => {
  await make('ada', 'reader');
  await revokeToken(owner, 'ada', 'cli:test');
  for (const name of ['ada', 'api', 'local', '', ' x', 'x'.repeat(65), 'a\nb', '=1']) {
    await expect(make(name, 'admin'), name).rejects.toMatchObject({ code: 'TOKEN_NAME' });
  }
});

test('when it was last used is known', async () => {
  const token = await make('ada', 'reader');
  expect((await listTokens(owner))[0]!.last_used_at).toBeNull();
  await ask(token, '/api/alerts');
  await expect.poll(async () => (await listTokens(owner))[0]!.last_used_at).not.toBeNull();
});

test('once a token is made reads on loopback need one', async () => {
  expect((await tokenless.request('/api/alerts')).status).toBe(200);
  const { host, port, user, password, database } = tokenless.database.connection;
  const client = new pg.Client({ host, port, user, password, database });
  await client.connect();
  await createToken(client, 'first', 'reader', null, 'cli:test');
  await client.end();
  now += REFRESH_MS;
  expect((await tokenless.request('/api/alerts')).status).toBe(401);
});

describe('the audit log', () => {
  test('has what was changed, tried and made, and no reads', async () => {
    const ada = await make('ada', 'analyst');
    const rea = await make('rea', 'reader');
    await ask(ada, '/api/alerts');
    await resolve(ada);
    await resolve(rea);
    await resolve('wrong-wrong-wrong-wrong');
    await revokeToken(owner, 'rea', 'cli:test');
    const { entries } = (await (await ask(TOKEN, '/api/audit')).json()) as Audit;
    expect(entries.map(({ actor, method, path, status }) => [actor, method, path, status])).toEqual([
      ['cli:test', 'CLI', 'token revoke rea', 0],
      ['rea', 'POST', '/api/alerts/a/resolve', 403],
      ['ada', 'POST', '/api/alerts/a/resolve', 200],
      ['cli:test', 'CLI', 'token create rea reader', 0],
      ['cli:test', 'CLI', 'token create ada analyst', 0],
    ]);
  });

  test('by page, by actor, and by the id that the answer had', async () => {
    const ada = await make('ada', 'analyst');
    const ids: (string | null)[] = [];
    for (let time = 0; time < 5; time++) ids.unshift((await resolve(ada)).headers.get('x-request-id'));
    const seen: string[] = [];
    let next: string | null = '';
    while (next !== null) {
      const query = `limit=2&actor=ada${next === '' ? '' : `&next=${next}`}`;
      const page = (await (await ask(TOKEN, `/api/audit?${query}`)).json()) as Audit;
      seen.push(...page.entries.map(({ request_id: id }) => id));
      next = page.next;
    }
    expect(seen).toEqual(ids);
    expect((await ask(TOKEN, `/api/audit?next=${Buffer.from('["1"]').toString('base64url')}`)).status).toBe(400);
  });
});
