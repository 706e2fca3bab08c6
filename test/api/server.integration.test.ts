/** The service that listens, what it says when it cannot, the OpenAPI document, health and capture nodes. */
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Validator } from '@seriousme/openapi-schema-validator';
import pino from 'pino';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { type ApiSettings, createApi } from '../../api/server.js';
import { createRegistry } from '../../runtime/process/metrics.js';
import { testLog } from '../support/local-stack.js';
import { type ApiFixture, createApiFixture } from './api-fixture.js';
import { apiSettings, TOKEN } from './api-settings.js';
import { insertCaptureNode } from './sample-data.js';

let api: ApiFixture;
let folder: string;
beforeAll(async () => {
  api = await createApiFixture();
  folder = mkdtempSync(join(tmpdir(), 'nta-api-'));
});
afterAll(async () => {
  await api?.remove();
  rmSync(folder, { recursive: true, force: true });
});

describe('the service', () => {
  test('listens, serves the dashboard and the API, counts requests, and stops with requests answered', async () => {
    const registry = createRegistry();
    const service = createApi({ ...api.database.settings, ...apiSettings() }, testLog(), registry);
    await service.start();
    try {
      expect(service.url).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);
      expect(await (await fetch(`${service.url}/`)).text()).toContain('<title>nta</title>');
      // Its pages have paths of their own; what is no page is refused as ever.
      const page = await fetch(`${service.url}/hosts/10.0.0.5`, { headers: { accept: 'text/html' } });
      expect([page.status, await page.text()]).toEqual([200, expect.stringContaining('<title>nta</title>')]);
      for (const path of ['/api/hosts', '/assets/none.js'])
        expect((await fetch(service.url + path, { headers: { accept: 'text/html' } })).status).toBe(404);
      expect((await fetch(`${service.url}/hosts/10.0.0.5`)).status).toBe(404);
      expect((await fetch(`${service.url}/api/alerts`)).status).toBe(200);
      expect((await fetch(`${service.url}/api/alerts/x/resolve`, { method: 'POST' })).status).toBe(401);
      const metrics = await registry.metrics();
      expect(metrics).toMatch(
        /nta_api_request_duration_seconds_count\{method="GET",route="\/api\/alerts",status="200"\} 1/,
      );
      expect(metrics).toMatch(/nta_api_refused_requests_total\{reason="token"\} 1/);
    } finally {
      await service.stop();
    }
    await expect(fetch(`${service.url}/`)).rejects.toThrow();
  });

  test('a taken port, a missing token, an unreadable token, a wrong password: one line with the remedy', async () => {
    const start = async (changes: Partial<ApiSettings>, database = api.database.settings): Promise<string> => {
      const service = createApi({ ...database, ...apiSettings(changes) }, testLog(), createRegistry());
      try {
        await service.start();
        return 'started';
      } catch (error) {
        return (error as Error).message;
      } finally {
        await service.stop();
      }
    };
    const taken = createServer();
    await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve));
    const { port } = taken.address() as AddressInfo;
    expect(await start({ apiPort: port })).toBe(
      `cannot listen on 127.0.0.1:${port}: the port is taken by another process; choose another with --api-port`,
    );
    await new Promise((resolve) => taken.close(resolve));

    expect(await start({ apiHost: '0.0.0.0', apiToken: '' })).toContain(
      'serves other machines, which needs a token: set NTA_API_TOKEN',
    );
    expect(await start({ apiToken: '', apiTokenFile: join(folder, 'missing') })).toMatch(
      /--api-token-file: cannot read .*missing/,
    );
    const weak = join(folder, 'weak');
    writeFileSync(weak, 'short\n', { mode: 0o600 });
    const refusal = await start({ apiToken: '', apiTokenFile: weak });
    expect(refusal).toContain('must be 16 to 512 printable characters');
    expect(refusal).not.toContain('short');
    expect(await start({}, { ...api.database.settings, dbPassword: 'wrong' })).toMatch(
      /refuses user .* check --db-user and DB_PASSWORD/,
    );
    expect(await start({}, { ...api.database.settings, dbPort: port })).toContain('Postgres does not answer at');
  });

  test('the token may come from a file; one that others can read is warned of; no secret is logged', async () => {
    const file = join(folder, 'token');
    writeFileSync(file, `${TOKEN}\n`);
    chmodSync(file, 0o644);
    const lines: string[] = [];
    const log = pino({ level: 'trace' }, { write: (line: string) => lines.push(line) });
    const service = createApi(
      { ...api.database.settings, ...apiSettings({ apiToken: '', apiTokenFile: file }) },
      log,
      createRegistry(),
    );
    await service.start();
    const response = await fetch(`${service.url}/api/alerts/x/resolve`, {
      method: 'POST',
      headers: { authorization: `Bearer ${TOKEN}` },
    });
    expect(response.status).toBe(404);
    await fetch(`${service.url}/api/alerts`, { headers: { authorization: 'Bearer some-guess' } });
    await service.stop();
    const logged = lines.join('');
    expect(logged).toContain('chmod 600');
    expect(logged).toContain('"path":"/api/alerts"');
    for (const secret of [TOKEN, 'some-guess', inject('postgres').password]) expect(logged).not.toContain(secret);
  });
});

describe('GET /api/openapi.json', () => {
  interface Document {
    openapi: string;
    paths: Record<
      string,
      Record<
        string,
        {
          security?: unknown;
          operationId: string;
          responses: Record<string, unknown>;
          parameters?: { name: string; description?: string; schema?: unknown }[];
        }
      >
    >;
    components: { schemas: Record<string, unknown>; securitySchemes: Record<string, unknown> };
  }

  test('is valid OpenAPI 3.1', async () => {
    const document = await api.get<Document>('/api/openapi.json');
    expect(document.openapi).toBe('3.1.0');
    const result = await new Validator().validate(structuredClone(document) as unknown as Record<string, unknown>);
    expect(result.errors ?? []).toEqual([]);
    expect(result.valid).toBe(true);
  });

  /** Where it is not 200. */
  const SUCCESS: Readonly<Record<string, string>> = {
    'DELETE /api/session': '204',
    'GET /api/login': '302',
    'GET /api/login/callback': '302',
    'POST /api/exceptions': '201',
  };

  test('names every route with its errors and security, every parameter with words', async () => {
    const { paths, components } = await api.get<Document>('/api/openapi.json');
    const operations = Object.entries(paths).flatMap(([path, methods]) =>
      Object.entries(methods).map(([method, operation]) => ({ name: `${method.toUpperCase()} ${path}`, ...operation })),
    );
    expect(operations.map(({ name }) => name).sort()).toEqual([
      'DELETE /api/exceptions/{id}',
      'DELETE /api/session',
      'GET /api/alerts',
      'GET /api/alerts.csv',
      'GET /api/alerts.json',
      'GET /api/alerts/histogram',
      'GET /api/alerts/stream',
      'GET /api/alerts/{id}',
      'GET /api/audit',
      'GET /api/conversations',
      'GET /api/conversations.csv',
      'GET /api/conversations.json',
      'GET /api/conversations.zeek',
      'GET /api/conversations/{id}',
      'GET /api/exceptions',
      'GET /api/fields',
      'GET /api/health',
      'GET /api/hosts/{ip}',
      'GET /api/incidents',
      'GET /api/incidents/{id}',
      'GET /api/login',
      'GET /api/login/callback',
      'GET /api/login/methods',
      'GET /api/nodes',
      'GET /api/packets',
      'GET /api/packets.csv',
      'GET /api/packets.json',
      'GET /api/packets.pcap',
      'GET /api/rules',
      'GET /api/session',
      'GET /api/stats',
      'POST /api/alerts/triage',
      'POST /api/alerts/{id}/except',
      'POST /api/alerts/{id}/reopen',
      'POST /api/alerts/{id}/resolve',
      'POST /api/alerts/{id}/triage',
      'POST /api/alerts/{id}/undo',
      'POST /api/conversations/search',
      'POST /api/exceptions',
      'POST /api/packets/search',
      'POST /api/session',
    ]);
    for (const { name, security, responses, parameters = [] } of operations) {
      expect(security, name).toEqual(
        /^(POST|DELETE) \/api\/session|\/api\/login/.test(name)
          ? []
          : /^POST \/api\/alerts|^(POST|DELETE) \/api\/exceptions/.test(name)
            ? [{ bearer: ['analyst'] }]
            : /audit/.test(name)
              ? [{ bearer: ['admin'] }]
              : [{ bearer: ['reader'] }, {}],
      );
      for (const code of [SUCCESS[name] ?? '200', '400', '401', '403', '421', '429', '500', '503'])
        expect(responses, `${name} ${code}`).toHaveProperty(code);
      for (const parameter of parameters) expect(parameter.description, `${name} ${parameter.name}`).toBeTruthy();
    }
    expect(components.securitySchemes).toHaveProperty('bearer');
    expect(Object.keys(components.schemas)).toEqual(
      expect.arrayContaining(['Problem', 'Packet', 'PacketExpression', 'PacketSearch', 'Alert', 'Stats', 'Health']),
    );
    const names = paths['/api/packets']!['get']!.parameters!.map(({ name }) => name);
    expect(names).toEqual(expect.arrayContaining(['from', 'to', 'hours', 'source', 'tcp_flags', 'limit', 'next']));
  });
});

describe('GET /api/health', () => {
  interface Health {
    status: string;
    checks: Record<string, { status: string; reason: string | null }>;
  }

  test('names what does not move as a warning, and a missing table or server as a failure', async () => {
    const own = await createApiFixture();
    try {
      const fresh = await own.get<Health>('/api/health');
      expect(fresh.status).toBe('warning');
      expect(fresh.checks['database']).toEqual({ status: 'ok', reason: null });
      expect(fresh.checks['storage']!.reason).toContain('nta sink');
      await own.pool.query(
        `INSERT INTO sink_offsets (topic, partition, topic_id, next_offset) VALUES ('packets', 0, 'x', 1)`,
      );
      await insertCaptureNode(own.pool, 'edge-1');
      expect((await own.get<Health>('/api/health')).status).toBe('ok');
      await insertCaptureNode(own.pool, 'edge-1', { ageSeconds: 60 });
      expect((await own.get<Health>('/api/health')).checks['capture']!.reason).toBe(
        'silent capture nodes: edge-1 (60 s)',
      );

      await own.pool.query('DROP TABLE traffic_ports CASCADE');
      const broken = await own.request('/api/health');
      expect(broken.status).toBe(503);
      expect(((await broken.json()) as Health).checks['schema']!.reason).toMatch(/traffic_ports.*run `nta setup`/);
      const stats = await own.request('/api/stats?hours=1');
      expect(stats.status).toBe(503);
      expect(await stats.json()).toMatchObject({ code: 'SCHEMA_OUTDATED' });

      await own.database.remove();
      const away = await own.request('/api/health');
      expect(away.status).toBe(503);
      expect(((await away.json()) as Health).checks['database']!.status).toBe('failing');
      const packets = await own.request('/api/packets');
      expect(packets.status).toBe(503);
      expect(await packets.json()).toMatchObject({ code: 'DATABASE_UNAVAILABLE' });
    } finally {
      await own.remove();
    }
  });
});

test('GET /api/nodes tells online, stale, offline and stopped apart', async () => {
  await insertCaptureNode(api.pool, 'online');
  await insertCaptureNode(api.pool, 'stale', { ageSeconds: 5 });
  await insertCaptureNode(api.pool, 'offline', { ageSeconds: 15 });
  await insertCaptureNode(api.pool, 'stopped', { ageSeconds: 15, stopped: true });
  const { nodes } = await api.get<{ nodes: { capture_node: string; state: string; status: { seen: number } }[] }>(
    '/api/nodes',
  );
  expect(nodes.map(({ capture_node: name, state }) => [name, state])).toEqual([
    ['offline', 'offline'],
    ['online', 'online'],
    ['stale', 'stale'],
    ['stopped', 'stopped'],
  ]);
  expect(nodes[0]!.status.seen).toBe(120_000);
});

test('a query that takes too long is cancelled and says so', async () => {
  const { pool } = api;
  const client = await pool.connect();
  try {
    await client.query('BEGIN');
    await client.query('LOCK TABLE alerts IN ACCESS EXCLUSIVE MODE');
    const service = createApi(
      { ...api.database.settings, ...apiSettings({ apiStatementTimeout: 200 }) },
      testLog().child({}, { level: 'fatal' }),
      createRegistry(),
    );
    await service.start();
    const response = await fetch(`${service.url}/api/alerts`);
    expect(response.status).toBe(503);
    expect(await response.json()).toMatchObject({
      code: 'QUERY_TIMEOUT',
      detail: expect.stringContaining('--api-statement-timeout'),
    });
    await service.stop();
  } finally {
    await client.query('ROLLBACK');
    client.release();
  }
});
