/** Sessions of browsers: opened with a token, seen by no script and sent by no other site, ended with the token. */
import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Sessions } from '../../api/http/session.js';
import { REFRESH_MS } from '../../api/tokens/token-directory.js';
import { createToken, revokeToken } from '../../api/tokens/token-store.js';
import { type ApiFixture, createApiFixture } from './api-fixture.js';
import { TOKEN } from './api-settings.js';
import { insertAlerts } from './sample-data.js';

const HOURS_12 = 12 * 3_600_000;
const ORIGIN = 'http://127.0.0.1:5000';
let now = Date.now();
let api: ApiFixture;
let owner: pg.Client;

beforeAll(async () => {
  api = await createApiFixture({ now: () => now, apiOpenReads: false });
  const { host, port, user, password, database } = api.database.connection;
  owner = new pg.Client({ host, port, user, password, database });
  await owner.connect();
  await insertAlerts(api.pool, [{ id: 'a', firstSeen: '2026-03-01T11:00:00Z', lastSeen: '2026-03-01T11:10:00Z' }]);
});
afterAll(async () => {
  await owner?.end();
  await api?.remove();
});

const send = (method: string, path: string, headers: Record<string, string> = {}, body?: object) =>
  api.request(path, {
    method,
    headers: { ...headers, ...(body ? { 'content-type': 'application/json' } : {}) },
    ...(body ? { body: JSON.stringify(body) } : {}),
  });

/** The cookie as a browser would send it. */
async function open(token: string): Promise<string> {
  const response = await send('POST', '/api/session', { origin: ORIGIN }, { token });
  expect(response.status).toBe(200);
  const cookie = response.headers.get('set-cookie')!;
  expect(cookie).toMatch(/^nta_session=[\w.-]+; Path=\/api; Max-Age=43200; HttpOnly; SameSite=Strict$/);
  expect(cookie).not.toContain(token);
  return cookie.split(';')[0]!;
}

test('opens with a token, reads, decides from our own page, and is closed', async () => {
  const token = await createToken(owner, 'ada', 'analyst', null, 'cli:test');
  now += REFRESH_MS;
  const cookie = await open(token);
  expect(await (await send('GET', '/api/session', { cookie })).json()).toEqual({
    name: 'ada',
    role: 'analyst',
    named: true,
  });
  expect((await send('GET', '/api/alerts', { cookie })).status).toBe(200);
  const resolved = await send('POST', '/api/alerts/a/resolve', { cookie, origin: ORIGIN });
  expect(await resolved.json()).toMatchObject({ resolved_by: 'ada' });
  const closed = await send('DELETE', '/api/session', { cookie });
  expect(closed.status).toBe(204);
  expect(closed.headers.get('set-cookie')).toContain('nta_session=; Path=/api; Max-Age=0');

  await revokeToken(owner, 'ada', 'cli:test');
  now += REFRESH_MS;
  expect((await send('GET', '/api/alerts', { cookie })).status).toBe(401);
});

test('changes nothing for a request that does not say where it comes from, or says another site', async () => {
  const cookie = await open(TOKEN);
  for (const headers of [
    {},
    { origin: 'http://evil.example.org' },
    { origin: 'null' },
    { 'sec-fetch-site': 'cross-site' },
    { 'sec-fetch-site': 'same-site', origin: ORIGIN },
  ] as Record<string, string>[]) {
    const response = await send('POST', '/api/alerts/a/reopen', { cookie, ...headers });
    expect(response.status, JSON.stringify(headers)).toBe(403);
  }
  expect((await send('POST', '/api/alerts/a/reopen', { cookie, 'sec-fetch-site': 'same-origin' })).status).toBe(200);
});

test('is over after twelve hours, and one that was changed, made up or fixed beforehand is none', async () => {
  const cookie = await open(TOKEN);
  now += HOURS_12 - 1000;
  expect((await send('GET', '/api/alerts', { cookie })).status).toBe(200);
  now += 2000;
  expect((await send('GET', '/api/alerts', { cookie })).status).toBe(401);

  const value = (await open(TOKEN)).slice('nta_session='.length);
  const [text = '', code = ''] = value.split('.');
  const later = Buffer.from(JSON.stringify([null, now + 10 * HOURS_12])).toString('base64url');
  const foreign = new Sessions('another-token-of-the-tests').open({ tokenId: null, expiresAt: now + HOURS_12 });
  for (const wrong of [
    '',
    '.',
    'a.b',
    `${later}.${code}`,
    `${text}.${code.slice(1)}`,
    `${text}.${code}.x`,
    foreign,
    TOKEN,
  ]) {
    expect((await send('GET', '/api/alerts', { cookie: `nta_session=${wrong}` })).status, wrong).toBe(401);
  }
  // What was planted before is replaced, not kept.
  const opened = await send(
    'POST',
    '/api/session',
    { cookie: 'nta_session=planted', origin: ORIGIN },
    { token: TOKEN },
  );
  expect(opened.headers.get('set-cookie')).not.toContain('planted');
});

test('is opened by no other site and by no wrong token, and guessing is slow', async () => {
  expect((await send('POST', '/api/session', { origin: 'http://evil.example.org' }, { token: TOKEN })).status).toBe(
    403,
  );
  const statuses: number[] = [];
  for (let guess = 0; guess < 12; guess++) {
    statuses.push((await send('POST', '/api/session', { origin: ORIGIN }, { token: `guess-${guess}` })).status);
  }
  expect(statuses).toEqual([...Array(10).fill(401), 429, 429]);
  await open(TOKEN);
});

test('of the server’s own token survives a restart, as the token does', () => {
  const value = new Sessions(TOKEN).open({ tokenId: null, expiresAt: now + 1000 });
  expect(new Sessions(TOKEN).read(value, now)).toEqual({ tokenId: null, expiresAt: now + 1000 });
  expect(new Sessions('').read(new Sessions('').open({ tokenId: null, expiresAt: now + 1000 }), now)).toBeNull();
});
