/**
 * What hostile clients and hostile traffic try, beside what has tests of its own: forged requests of other sites and rebound names
 * (http/access), guessed, planted and stolen sessions (session, login), formulas in CSV (downloads), streams taken from others (alert-stream),
 * nested and endless input (hostile-input, http/overload).
 */
import { request } from 'node:http';
import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type ApiService, createApi } from '../../api/server.js';
import { createToken } from '../../api/tokens/token-store.js';
import { createRegistry } from '../../runtime/process/metrics.js';
import { testLog } from '../support/local-stack.js';
import { type ApiFixture, createApiFixture } from './api-fixture.js';
import { apiSettings, TOKEN } from './api-settings.js';
import { insertAlerts, insertCaptureNode } from './sample-data.js';

const MARKUP = '<img src=x onerror="alert(1)">\u2028</script><script>alert(1)</script>';
let api: ApiFixture;
let service: ApiService;
const tokens = { reader: '', analyst: '' };

beforeAll(async () => {
  api = await createApiFixture();
  const { host, port, user, password, database } = api.database.connection;
  const owner = new pg.Client({ host, port, user, password, database });
  await owner.connect();
  for (const role of ['reader', 'analyst'] as const) {
    tokens[role] = await createToken(owner, role, role, null, 'cli:test');
  }
  await owner.end();
  await insertAlerts(api.pool, [
    {
      id: 'a',
      firstSeen: '2026-03-01T11:00:00Z',
      lastSeen: '2026-03-01T11:10:00Z',
      message: MARKUP,
      source: '192.0.2.1',
    },
  ]);
  await insertCaptureNode(api.pool, MARKUP);
  service = createApi(
    { ...api.database.settings, ...apiSettings() },
    testLog().child({}, { level: 'fatal' }),
    createRegistry(),
  );
  await service.start();
});
afterAll(async () => {
  await service?.stop();
  await api?.remove();
});

/** As it is written: `fetch` would tidy the path up. */
function raw(path: string): Promise<{ status: number; type: string; body: string }> {
  const { hostname, port } = new URL(service.url);
  return new Promise((resolve, reject) => {
    const asked = request({ hostname, port, path }, (response) => {
      let body = '';
      response.on('data', (chunk: Buffer) => {
        body += chunk.toString('latin1');
      });
      response.on('end', () =>
        resolve({ status: response.statusCode ?? 0, type: response.headers['content-type'] ?? '', body }),
      );
    });
    asked.on('error', reject);
    asked.end();
  });
}

test('no path leads to a file that is not served', async () => {
  const page = (await raw('/')).body;
  for (const path of [
    '/../package.json',
    '/../../../../../../etc/passwd',
    '/%2e%2e/%2e%2e/%2e%2e/%2e%2e/etc/passwd',
    '/..%2f..%2f..%2f..%2fetc%2fpasswd',
    '/assets/..%5c..%5c..%5cpackage.json',
    '/assets/../../../package.json',
    '/api/docs/../../package.json',
    '/api/docs/..%2f..%2fpackage.json',
    '/api/docs/%2e%2e%2f%2e%2e%2f.nta%2fapi-token',
    '/.nta/api-token',
    '/package.json%00.svg',
    '/dist/dashboard/index.html',
    '//etc/passwd',
    '/file:///etc/passwd',
  ]) {
    const { body, type } = await raw(path);
    expect(body, path).not.toMatch(/root:.*:0:0:|"devDependencies"/);
    // The page, which knows no such place, or a refusal.
    if (body !== page) expect(type, path).toBe('application/problem+json');
  }
});

test('markup in what others have written is never a page', async () => {
  const note = 'says <b onclick=alert(1)>"&';
  await api.post('/api/alerts/a/triage', { note, assignee: '<script>ada', by: MARKUP.replace('\u2028', '') });
  for (const path of [
    '/api/alerts',
    '/api/alerts/a',
    '/api/alerts.csv',
    '/api/alerts.json',
    '/api/nodes',
    '/api/health',
  ]) {
    const response = await fetch(`${service.url}${path}`, { headers: { authorization: `Bearer ${TOKEN}` } });
    const body = await response.text();
    if (path !== '/api/health') expect(body, path).toContain('onerror=');
    expect(response.headers.get('content-type'), path).toMatch(/^(application\/(json|x-ndjson)|text\/csv)/);
    expect(response.headers.get('x-content-type-options'), path).toBe('nosniff');
    expect(response.headers.get('content-security-policy'), path).toMatch(/default-src 'none'|default-src 'self'/);
    if (/csv|\.json/.test(path)) expect(response.headers.get('content-disposition'), path).toMatch(/^attachment; /);
  }
  // What a request says comes back in refusals, as JSON too.
  const refused = await raw(`/api/packets?q=${encodeURIComponent(MARKUP)}`);
  expect([refused.status, refused.type]).toEqual([400, 'application/problem+json']);
  const missing = await raw(`/api/${encodeURIComponent(MARKUP)}`);
  expect([missing.status, missing.type]).toEqual([404, 'application/problem+json']);
});

test('no token does more than its role, on any route', async () => {
  const document = (await (await api.request('/api/openapi.json')).json()) as {
    paths: Record<string, Record<string, { security?: { bearer?: string[] }[] }>>;
  };
  const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, { security = [] }]) => ({ path, method, role: security[0]?.bearer?.[0] })),
  );
  const needsMore = operations.filter(({ role }) => role === 'analyst' || role === 'admin');
  expect(needsMore.length).toBeGreaterThan(5);
  for (const { path, method, role } of needsMore) {
    for (const [held, token] of Object.entries(tokens)) {
      if (held === role) continue;
      const response = await api.request(path.replaceAll(/\{\w+\}/g, 'a'), {
        method: method.toUpperCase(),
        headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
        ...(method === 'get' ? {} : { body: '{"role": "admin", "note": "x"}' }),
      });
      expect(response.status, `${method} ${path} as ${held}`).toBe(
        role === 'analyst' && held === 'analyst' ? 200 : 403,
      );
    }
  }
  // Every change is held to a role.
  for (const { path, method, role } of operations) {
    if (method === 'get' || /\/search$|^\/api\/session$/.test(path)) continue;
    expect(role, `${method} ${path}`).toMatch(/^(analyst|admin)$/);
  }
});
