/** Who may do what: the matrix of listener, token, host, origin and proxy. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type ApiFixture, createApiFixture } from '../api-fixture.js';
import { TOKEN } from '../api-settings.js';
import { insertAlerts } from '../sample-data.js';

const READS = ['/api/packets', '/api/alerts', '/api/alerts/a', '/api/stats', '/api/nodes', '/api/health'];
const WRITES = ['/api/alerts/a/resolve', '/api/alerts/a/reopen'];
const BEARER = { authorization: `Bearer ${TOKEN}` };

let now = Date.parse('2026-03-01T12:00:00Z');
let local: ApiFixture;
let remote: ApiFixture;
let tokenless: ApiFixture;
/** As `local`, with reads that need no token. */
let open: ApiFixture;
beforeAll(async () => {
  [local, open, remote, tokenless] = await Promise.all([
    createApiFixture({ now: () => now, apiAllowedHosts: ['nta.example.org'], apiOpenReads: false }),
    createApiFixture({ now: () => now, apiAllowedHosts: ['nta.example.org'] }),
    createApiFixture({ now: () => now, apiHost: '0.0.0.0' }),
    createApiFixture({ now: () => now, token: '' }),
  ]);
  for (const api of [local, open, remote, tokenless]) {
    await insertAlerts(api.pool, [{ id: 'a', firstSeen: '2026-03-01T11:00:00Z', lastSeen: '2026-03-01T11:10:00Z' }]);
  }
});
afterAll(() => Promise.all([local?.remove(), open?.remove(), remote?.remove(), tokenless?.remove()]));

const status = async (
  api: ApiFixture,
  path: string,
  headers: Record<string, string> = {},
  method = 'GET',
): Promise<number> => (await api.request(path, { method, headers })).status;

describe('reads', () => {
  test.each(READS)('%s', async (path) => {
    // Once there is a token it is asked for: a plain nginx in front names nobody, so what it passes on looks local.
    expect(await status(local, path)).toBe(401);
    expect(await status(local, path, BEARER)).toBe(200);
    expect(await status(open, path)).toBe(200);
    expect(await status(open, path, BEARER)).toBe(200);
    expect(await status(tokenless, path)).toBe(200);
    expect(await status(remote, path)).toBe(401);
    expect(await status(remote, path, BEARER)).toBe(200);
    expect(await status(remote, path, { authorization: 'Bearer nearly' })).toBe(401);
    now += 3_600_000;
  });

  test('a search is a read', async () => {
    const search = (api: ApiFixture, headers = {}) =>
      api.request('/api/packets/search', {
        method: 'POST',
        body: '{}',
        headers: { 'content-type': 'application/json', ...headers },
      });
    expect((await search(local)).status).toBe(401);
    expect((await search(open)).status).toBe(200);
    expect((await search(remote)).status).toBe(401);
    expect((await search(remote, BEARER)).status).toBe(200);
  });

  test('a wrong token is refused even where none is needed', async () => {
    expect(await status(open, '/api/alerts', { authorization: 'Bearer wrong' })).toBe(401);
    now += 3_600_000;
  });

  test('what came through a proxy is not local', async () => {
    for (const header of ['x-forwarded-for', 'forwarded', 'via', 'x-real-ip']) {
      expect(await status(open, '/api/alerts', { [header]: '203.0.113.5' })).toBe(401);
      expect(await status(open, '/api/alerts', { [header]: '203.0.113.5', ...BEARER })).toBe(200);
    }
    expect(await status(open, '/api/alerts', { host: 'nta.example.org' })).toBe(401);
    expect(await status(open, '/api/alerts', { host: 'nta.example.org', ...BEARER })).toBe(200);
  });
});

test('what describes the API is for anybody who reaches it', async () => {
  for (const api of [local, remote]) expect(await status(api, '/api/openapi.json')).toBe(200);
});

describe('writes always need the token', () => {
  test.each(WRITES)('%s', async (path) => {
    for (const api of [local, remote]) {
      expect(await status(api, path, {}, 'POST')).toBe(401);
      expect(await status(api, path, { authorization: 'Bearer wrong-wrong-wrong' }, 'POST')).toBe(401);
      expect(await status(api, path, { authorization: `Basic ${TOKEN}` }, 'POST')).toBe(401);
      expect(await status(api, path, { authorization: `bearer ${TOKEN}` }, 'POST')).toBe(200);
      now += 3_600_000;
    }
  });

  test('a server without a token takes none, whatever is sent', async () => {
    const response = await tokenless.request('/api/alerts/a/resolve', { method: 'POST' });
    expect(response.status).toBe(403);
    expect(await response.json()).toMatchObject({
      code: 'NO_TOKEN_SET',
      detail: expect.stringContaining('NTA_API_TOKEN'),
    });
    for (const token of ['', ' ', 'undefined', 'null']) {
      expect(await status(tokenless, '/api/alerts/a/resolve', { authorization: `Bearer ${token}` }, 'POST')).not.toBe(
        200,
      );
    }
    expect((await tokenless.get<{ resolved: boolean }>('/api/alerts/a')).resolved).toBe(false);
  });

  test('the refusal says how to authenticate and never says the token', async () => {
    const response = await local.request('/api/alerts/a/resolve', {
      method: 'POST',
      headers: { authorization: 'Bearer wrong' },
    });
    expect(response.headers.get('www-authenticate')).toBe('Bearer realm="nta"');
    expect(await response.text()).not.toContain(TOKEN);
    now += 3_600_000;
  });
});

describe('pages of other sites', () => {
  test('DNS rebinding: a foreign name is refused everywhere, also on the dashboard', async () => {
    for (const api of [local, remote]) {
      for (const path of ['/', '/main.js', '/api/alerts']) {
        expect(await status(api, path, { host: 'evil.example.org:5000', ...BEARER })).toBe(421);
      }
    }
    for (const host of ['localhost:5000', '127.0.0.1', '[::1]:5000'])
      expect(await status(open, '/api/alerts', { host })).toBe(200);
    expect(await status(remote, '/api/alerts', { host: '192.0.2.10:5000', ...BEARER })).toBe(200);
  });

  test('a foreign origin or a cross-site fetch is refused', async () => {
    for (const headers of [
      { origin: 'https://evil.example.org' },
      { origin: 'http://127.0.0.1:8080' },
      { origin: 'null' },
      { 'sec-fetch-site': 'cross-site' },
      { 'sec-fetch-site': 'same-site' },
    ] as Record<string, string>[]) {
      const host = { host: '127.0.0.1:5000' };
      expect(await status(local, '/api/alerts/a/resolve', { ...host, ...headers, ...BEARER }, 'POST')).toBe(403);
      expect(await status(open, '/api/alerts', { ...host, ...headers })).toBe(403);
    }
    const own = { host: '127.0.0.1:5000', origin: 'http://127.0.0.1:5000', 'sec-fetch-site': 'same-origin' };
    expect(await status(local, '/api/alerts/a/resolve', { ...own, ...BEARER }, 'POST')).toBe(200);
    expect(await status(local, '/', { 'sec-fetch-site': 'cross-site' })).toBe(200);
  });

  test('no answer may be framed, sniffed, cached or read by another origin', async () => {
    for (const path of ['/api/alerts', '/api/nope', '/', '/nope']) {
      const { headers } = await local.request(path);
      expect(headers.get('content-security-policy')).toContain(
        "default-src 'none'; script-src 'self'; style-src 'self'",
      );
      expect(headers.get('content-security-policy')).not.toContain('unsafe');
      expect(headers.get('x-content-type-options')).toBe('nosniff');
      expect(headers.get('x-frame-options')).toBe('DENY');
      expect(headers.get('cross-origin-resource-policy')).toBe('same-origin');
      expect(headers.get('referrer-policy')).toBe('no-referrer');
      expect(headers.get('access-control-allow-origin')).toBeNull();
      expect(headers.get('cache-control')).toMatch(/no-store|no-cache/);
    }
  });
});

describe('wrong tokens', () => {
  const guess = (address: string, token = 'wrong') =>
    remote.request('/api/alerts', { headers: { authorization: `Bearer ${token}` } }, address);

  test('ten a minute from an address, then they wait; the right one never does', async () => {
    for (let attempt = 0; attempt < 10; attempt++) {
      expect((await guess('203.0.113.1', `guess-${attempt}`)).status).toBe(401);
    }
    const limited = await guess('203.0.113.1', 'guess-10');
    expect(limited.status).toBe(429);
    expect(Number(limited.headers.get('retry-after'))).toBeGreaterThan(0);
    // Behind a proxy all have one address.
    expect((await guess('203.0.113.1', TOKEN)).status).toBe(200);
    expect((await guess('203.0.113.2', 'guess-10')).status).toBe(401);
    now += 61_000;
    expect((await guess('203.0.113.1', 'guess-10')).status).toBe(401);
  });

  test('the same wrong token again and again locks nobody out', async () => {
    for (let attempt = 0; attempt < 30; attempt++) expect((await guess('203.0.113.3')).status).toBe(401);
    expect((await guess('203.0.113.3', TOKEN)).status).toBe(200);
  });

  test('an IPv6 /64 is one address', async () => {
    for (let attempt = 0; attempt < 10; attempt++) await guess(`2001:db8::${attempt}:6:7:8`, `guess-${attempt}`);
    expect((await guess('2001:db8::ffff:0:0:1', 'another')).status).toBe(429);
    expect((await guess('2001:db8:0:1::1', 'another')).status).toBe(401);
  });
});

test('unknown paths and methods', async () => {
  for (const [method, path, expected, allow] of [
    ['GET', '/api/packet', 404, null],
    ['GET', '/../../etc/passwd', 404, null],
    ['GET', '/%2e%2e/package.json', 404, null],
    ['DELETE', '/api/alerts/a', 405, 'GET'],
    ['POST', '/api/packets', 405, 'GET'],
    ['GET', '/api/packets/search', 405, 'POST'],
    ['GET', '/api/alerts/a/resolve', 405, 'POST'],
  ] as const) {
    const response = await local.request(path, { method, headers: BEARER });
    expect(response.status, `${method} ${path}`).toBe(expected);
    expect(response.headers.get('allow')).toBe(allow);
    expect(response.headers.get('content-type')).toBe('application/problem+json');
  }
});
