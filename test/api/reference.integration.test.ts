/** The reference of the API: served by this server alone, and what it costs to send again. */
import { gunzipSync } from 'node:zlib';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type ApiFixture, createApiFixture } from './api-fixture.js';
import { TOKEN } from './api-settings.js';
import { insertAlerts } from './sample-data.js';

let api: ApiFixture;
beforeAll(async () => {
  api = await createApiFixture({ apiOpenReads: false });
});
afterAll(() => api?.remove());

test('everything that the page names is here, and nothing elsewhere', async () => {
  const page = await api.request('/api/docs');
  expect(page.status).toBe(200);
  const html = await page.text();
  const named = [...html.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, path]) => path!);
  expect(named).toContain('/api/docs/swagger-ui-bundle.js');
  for (const path of named) {
    expect(path.startsWith('/')).toBe(true);
    expect((await api.request(path)).status, path).toBe(200);
  }
  const policy = page.headers.get('content-security-policy');
  expect(policy).toContain("default-src 'none'; script-src 'self'; style-src 'self'");
  expect(policy).not.toMatch(/unsafe|http/);
});

test('what a client has already is not sent again', async () => {
  for (const path of ['/api/openapi.json', '/api/docs', '/api/docs/swagger-ui.css', '/']) {
    const etag = (await api.request(path)).headers.get('etag')!;
    expect(etag, path).toMatch(/^"/);
    const again = await api.request(path, { headers: { 'if-none-match': etag } });
    expect(again.status, path).toBe(304);
    expect(await again.text()).toBe('');
  }
});

test('long answers are compressed for who takes that, and say so', async () => {
  await insertAlerts(
    api.pool,
    Array.from({ length: 50 }, (_, index) => ({
      id: `a${index}`,
      firstSeen: '2026-03-01T11:00:00Z',
      lastSeen: '2026-03-01T11:10:00Z',
    })),
  );
  const ask = (path: string, encoding?: string) =>
    api.request(path, {
      headers: {
        authorization: `Bearer ${TOKEN}`,
        ...(encoding ? { 'accept-encoding': encoding } : {}),
      },
    });
  const plain = await ask('/api/alerts');
  const text = await plain.text();
  expect(plain.headers.get('vary')).toContain('accept-encoding');
  for (const encoding of ['gzip', 'br, gzip;q=0.5', '*']) {
    const packed = await ask('/api/alerts', encoding);
    expect(packed.headers.get('content-encoding'), encoding).toBe('gzip');
    const bytes = Buffer.from(await packed.arrayBuffer());
    expect(bytes.length).toBeLessThan(text.length / 4);
    expect(JSON.parse(gunzipSync(bytes).toString())).toEqual(JSON.parse(text));
  }
  for (const encoding of ['br', 'identity', 'gzip;q=0']) {
    expect((await ask('/api/alerts', encoding)).headers.get('content-encoding'), encoding).toBeNull();
  }
  // What is short stays as it is, refusals too.
  expect((await ask('/api/alerts/nope', 'gzip')).headers.get('content-encoding')).toBeNull();
  const etag = (await ask('/api/openapi.json', 'gzip')).headers.get('etag')!;
  expect(etag).toMatch(/^W\//);
  expect((await api.request('/api/openapi.json', { headers: { 'if-none-match': etag } })).status).toBe(304);
});

test('the patterns of the description are met by what they are for', async () => {
  const text = await (await api.request('/api/openapi.json')).text();
  const patterns = new Set(
    [...text.matchAll(/"pattern":("(?:[^"\\]|\\.)*")/g)].map(([, json]) => JSON.parse(json!) as string),
  );
  const meant = ['a note of ada', '192.0.2.7', '02:00:00:00:00:01', '22:00', '3fa85f64'];
  const met = [...patterns].filter((pattern) => meant.some((value) => new RegExp(pattern, 'u').test(value)));
  expect(met.length).toBeGreaterThan(1);
  expect([...patterns].filter((pattern) => /\/[a-z]+$/.test(pattern))).toEqual([]);
});
