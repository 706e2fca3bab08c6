/** People without a token: by a provider of OpenID Connect, by a proxy in front; what they may do, and how often. */
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { OidcLogin } from '../../api/http/oidc-login.js';
import { ProxyIdentity } from '../../api/http/proxy-identity.js';
import { CLIENT_ID, CLIENT_SECRET, logInAt, startProvider, type TestProvider } from '../support/oidc-provider.js';
import { type ApiFixture, createApiFixture } from './api-fixture.js';
import { apiSettings, TOKEN } from './api-settings.js';
import { insertAlerts } from './sample-data.js';

const PUBLIC_URL = 'http://127.0.0.1:5000';
const ROLES = ['soc=analyst', 'boss=admin', 'staff=reader'];
let now = Date.now();
let folder: string;
let provider: TestProvider;
let api: ApiFixture;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'nta-login-'));
  const secret = join(folder, 'secret');
  await writeFile(secret, `${CLIENT_SECRET}\n`);
  await chmod(secret, 0o600);
  provider = await startProvider(`${PUBLIC_URL}/api/login/callback`, {
    ada: { preferred_username: 'ada', groups: ['staff', 'soc'] },
    bob: { preferred_username: 'bob', groups: ['staff'] },
    eve: { preferred_username: 'eve', groups: ['elsewhere'] },
    mallory: { preferred_username: 'mal\nlory', groups: ['boss'] },
  });
  api = await createApiFixture({
    now: () => now,
    apiOpenReads: false,
    settings: {
      apiPublicUrl: PUBLIC_URL,
      oidcIssuer: provider.issuer,
      oidcClientId: CLIENT_ID,
      oidcClientSecretFile: secret,
      identityRoles: ROLES,
    },
  });
  await insertAlerts(api.pool, [{ id: 'a', firstSeen: '2026-03-01T11:00:00Z', lastSeen: '2026-03-01T11:10:00Z' }]);
});
afterAll(async () => {
  await api?.remove();
  await provider?.close();
  await rm(folder, { recursive: true, force: true });
});

const cookieOf = (response: Response, name: string): string =>
  response.headers.getSetCookie().find((cookie) => cookie.startsWith(`${name}=`)) ?? '';
const pair = (cookie: string): string => cookie.split(';')[0]!;

/** As the browser is when it comes back: the login's cookie, and where the provider sends it. */
async function comeBack(name: string): Promise<{ cookie: string; path: string }> {
  const begun = await api.request('/api/login');
  expect(begun.status).toBe(302);
  const cookie = cookieOf(begun, 'nta_login');
  expect(cookie).toMatch(/; Path=\/api\/login; Max-Age=600; HttpOnly; SameSite=Lax$/);
  const answer = await logInAt(provider, begun.headers.get('location')!, name);
  return { cookie: pair(cookie), path: answer.slice(PUBLIC_URL.length) };
}

const finish = ({ cookie, path }: { cookie: string; path: string }): Promise<Response> =>
  api.request(path, { headers: { cookie, 'sec-fetch-site': 'cross-site' } });

async function sessionOf(name: string): Promise<string> {
  const response = await finish(await comeBack(name));
  expect(response.status).toBe(302);
  expect(response.headers.get('location')).toBe('/');
  const session = cookieOf(response, 'nta_session');
  expect(session).toMatch(/; Path=\/api; Max-Age=43200; HttpOnly; SameSite=Strict$/);
  expect(cookieOf(response, 'nta_login')).toContain('Max-Age=0');
  return pair(session);
}

describe('a provider of OpenID Connect', () => {
  test('lets people in by their groups, and what they do is theirs', async () => {
    expect(await (await api.request('/api/login/methods')).json()).toEqual({ token: true, oidc: true, proxy: false });
    const cookie = await sessionOf('ada');
    expect(await (await api.request('/api/session', { headers: { cookie } })).json()).toEqual({
      name: 'oidc:ada',
      role: 'analyst',
      named: true,
    });
    const resolved = await api.request('/api/alerts/a/resolve', {
      method: 'POST',
      headers: { cookie, origin: PUBLIC_URL },
    });
    expect(await resolved.json()).toMatchObject({ resolved_by: 'oidc:ada' });
    const byAnother = await api.request('/api/alerts/a/reopen', {
      method: 'POST',
      body: '{"by": "bob"}',
      headers: { cookie, origin: PUBLIC_URL, 'content-type': 'application/json' },
    });
    expect(byAnother.status).toBe(400);
    const audit = await api.request('/api/audit?actor=oidc:ada', { headers: { authorization: `Bearer ${TOKEN}` } });
    const { entries } = (await audit.json()) as { entries: { path: string; status: number }[] };
    expect(entries.map(({ path, status }) => [path, status])).toEqual([
      ['/api/alerts/a/reopen', 400],
      ['/api/alerts/a/resolve', 200],
      ['/api/login/callback', 302],
    ]);
  });

  test('gives no more than a role has, and nothing where another site asks', async () => {
    const cookie = await sessionOf('bob');
    const post = (headers: Record<string, string>) =>
      api.request('/api/alerts/a/reopen', { method: 'POST', headers: { cookie, ...headers } });
    expect((await post({ origin: PUBLIC_URL })).status).toBe(403);
    expect((await api.request('/api/audit', { headers: { cookie } })).status).toBe(403);
    expect((await api.request('/api/alerts', { headers: { cookie } })).status).toBe(200);
    const analyst = await sessionOf('ada');
    for (const headers of [{}, { origin: 'http://evil.example.org' }, { 'sec-fetch-site': 'cross-site' }]) {
      const response = await api.request('/api/alerts/a/reopen', {
        method: 'POST',
        headers: { cookie: analyst, ...headers } as Record<string, string>,
      });
      expect(response.status, JSON.stringify(headers)).toBe(403);
    }
  });

  test('refuses whoever has no role, or no name of one line', async () => {
    const eve = await finish(await comeBack('eve'));
    expect(eve.status).toBe(403);
    expect(await eve.json()).toMatchObject({ code: 'NO_ROLE' });
    expect(cookieOf(eve, 'nta_session')).toBe('');
    expect((await finish(await comeBack('mallory'))).status).toBe(403);
  });

  test('refuses an answer of another login, a changed one, one that comes twice, late, or from nowhere', async () => {
    const [mine, other] = [await comeBack('ada'), await comeBack('ada')];
    for (const [cookie, path, code] of [
      [other.cookie, mine.path, 'LOGIN_FAILED'],
      [mine.cookie, mine.path.replace(/state=[^&]+/, 'state=x'), 'LOGIN_FAILED'],
      [mine.cookie, mine.path.replace(/code=[^&]+/, 'code=x'), 'LOGIN_FAILED'],
      [mine.cookie, '/api/login/callback?error=access_denied', 'LOGIN_FAILED'],
      ['nta_login=planted.x', mine.path, 'LOGIN_OVER'],
      // A session is no begun login, and the other way round.
      [(await sessionOf('bob')).replace('nta_session', 'nta_login'), mine.path, 'LOGIN_OVER'],
      ['', mine.path, 'LOGIN_OVER'],
    ] as const) {
      const response = await finish({ cookie, path });
      expect(response.status, code).toBe(400);
      expect(await response.json()).toMatchObject({ code });
    }
    const stolen = mine.cookie.replace('nta_login', 'nta_session');
    expect((await api.request('/api/alerts', { headers: { cookie: stolen } })).status).toBe(401);
    expect((await finish(other)).status).toBe(302);
    expect((await finish(other)).status).toBe(400);
    const late = await comeBack('ada');
    now += 601_000;
    expect(await (await finish(late)).json()).toMatchObject({ code: 'LOGIN_OVER' });
  });

  test('ends after twelve hours', async () => {
    const cookie = await sessionOf('ada');
    now += 12 * 3_600_000 + 1000;
    expect((await api.request('/api/alerts', { headers: { cookie } })).status).toBe(401);
  });

  test('that does not answer is said, and asked again', async () => {
    const own = await createApiFixture({
      settings: {
        apiPublicUrl: PUBLIC_URL,
        oidcIssuer: 'http://127.0.0.1:9',
        oidcClientId: 'nta',
        identityRoles: ROLES,
      },
    });
    try {
      const response = await own.request('/api/login');
      expect(response.status).toBe(503);
      expect(await response.json()).toMatchObject({ code: 'PROVIDER_UNAVAILABLE' });
      // Reads are not open where people log in.
    } finally {
      await own.remove();
    }
  });

  test('needs what it is set up with', async () => {
    const on = {
      oidcIssuer: 'https://login.example',
      oidcClientId: 'nta',
      identityRoles: ROLES,
      apiPublicUrl: PUBLIC_URL,
    };
    for (const [changes, reason] of [
      [{ oidcIssuer: 'http://login.example' }, /--oidc-issuer: .*https/],
      [{ apiPublicUrl: '' }, /--api-public-url/],
      [{ oidcClientId: '' }, /--oidc-client-id/],
      [{ identityRoles: [] }, /--identity-roles, or nobody gets in/],
      [{ identityRoles: ['soc=king'] }, /"soc=king" names no role/],
      [{ oidcClientSecretFile: '/nowhere' }, /--oidc-client-secret-file/],
    ] as const) {
      const make = () => new OidcLogin(apiSettings({ ...on, ...changes }), TOKEN, Date.now, () => undefined);
      expect(make).toThrow(reason);
    }
    expect((await (await createAndAsk({}, '/api/login')).json()) as object).toMatchObject({ code: 'NO_PROVIDER' });
  });
});

async function createAndAsk(settings: Parameters<typeof createApiFixture>[0], path: string): Promise<Response> {
  const own = await createApiFixture(settings);
  try {
    return await own.request(path);
  } finally {
    await own.remove();
  }
}

describe('a proxy in front', () => {
  let behind: ApiFixture;
  const PROXY = '10.9.0.2';
  beforeAll(async () => {
    behind = await createApiFixture({
      apiOpenReads: false,
      settings: {
        trustedProxies: ['10.9.0.0/24', '2001:db8::9'],
        identityHeader: 'X-Forwarded-User',
        identityRoles: ROLES,
        apiRateLimit: 6,
      },
    });
    await insertAlerts(behind.pool, [{ id: 'a', firstSeen: '2026-03-01T11:00:00Z', lastSeen: '2026-03-01T11:10:00Z' }]);
  });
  afterAll(() => behind?.remove());

  const as = (user: string, groups: string): Record<string, string> => ({
    'x-forwarded-user': user,
    'x-forwarded-groups': groups,
  });

  test('names people, from its own address alone', async () => {
    const who = async (headers: Record<string, string>, address: string) => {
      const response = await behind.request('/api/session', { headers }, address);
      return response.status === 200 ? ((await response.json()) as { name: string }).name : response.status;
    };
    expect(await who(as('ada', 'staff, soc'), PROXY)).toBe('proxy:ada');
    expect(await who(as('ada', 'staff'), '::ffff:10.9.0.2')).toBe('proxy:ada');
    expect(await who(as('ada', 'staff'), '2001:db8::9')).toBe('proxy:ada');
    expect(await who(as('ada', 'soc'), '10.9.1.2')).toBe(401);
    expect(await who(as('ada', 'soc'), '127.0.0.1')).toBe(401);
    expect(await who(as('ada', 'elsewhere'), PROXY)).toBe(403);
    expect(await who({}, PROXY)).toBe(401);
    expect(await who({ authorization: `Bearer ${TOKEN}`, ...as('ada', 'staff') }, PROXY)).toBe('api');
  });

  test('changes something from our own pages alone, in the name of whoever does it', async () => {
    const resolve = (user: string, groups: string, headers: Record<string, string>) =>
      behind.request('/api/alerts/a/resolve', { method: 'POST', headers: { ...as(user, groups), ...headers } }, PROXY);
    expect((await resolve('cleo', 'soc', {})).status).toBe(403);
    expect((await resolve('cleo', 'soc', { origin: 'http://evil.example.org' })).status).toBe(403);
    expect((await resolve('bob', 'staff', { origin: PUBLIC_URL })).status).toBe(403);
    expect(await (await resolve('cleo', 'soc', { origin: PUBLIC_URL })).json()).toMatchObject({
      resolved_by: 'proxy:cleo',
    });
  });

  test('so many requests a minute of each, and no other is held up', async () => {
    const ask = async (user: string) => behind.request('/api/nodes', { headers: as(user, 'staff') }, PROXY);
    const statuses: number[] = [];
    for (let request = 0; request < 8; request++) statuses.push((await ask('dora')).status);
    expect(statuses).toEqual([200, 200, 200, 200, 200, 200, 429, 429]);
    const refused = await ask('dora');
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
    expect(await refused.json()).toMatchObject({ code: 'TOO_MANY_REQUESTS' });
    expect((await ask('emil')).status).toBe(200);
  });

  test('needs both the header and the addresses', () => {
    for (const [changes, reason] of [
      [{ trustedProxies: ['10.0.0.0/8'] }, /belong together/],
      [{ identityHeader: 'X-User' }, /belong together/],
      [{ identityHeader: 'X-User', trustedProxies: ['nowhere'] }, /--trusted-proxies: "nowhere" is no IP address/],
    ] as const) {
      expect(() => new ProxyIdentity(apiSettings(changes as never))).toThrow(reason);
    }
  });
});
