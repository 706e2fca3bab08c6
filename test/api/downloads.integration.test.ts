/** Rows out as files over HTTP: what they hold, how many there may be, and what becomes of one that ends before its time. */
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { DOWNLOADS_MAX } from '../../api/http/download.js';
import { type ApiService, createApi } from '../../api/server.js';
import { createRegistry } from '../../runtime/process/metrics.js';
import { testLog } from '../support/local-stack.js';
import { type ApiFixture, createApiFixture } from './api-fixture.js';
import { apiSettings, TOKEN } from './api-settings.js';
import { insertAlerts, insertPackets } from './sample-data.js';

const PACKETS = 30;
const registry = createRegistry();
let api: ApiFixture;
let service: ApiService;

beforeAll(async () => {
  api = await createApiFixture();
  await insertPackets(
    api.pool,
    Array.from({ length: PACKETS }, (_, index) => ({
      time: `2026-03-01T12:00:${String(index).padStart(2, '0')}.000001Z`,
      source: index % 2 === 0 ? '192.0.2.7' : '192.0.2.8',
      destination: '198.51.100.1',
      sourcePort: 50_000,
      destinationPort: 443,
      length: 100 + index,
      captureNode: '=edge',
    })),
  );
  await insertAlerts(api.pool, [
    { id: 'a', firstSeen: '2026-03-01T11:00:00Z', lastSeen: '2026-03-01T11:10:00Z', message: '=1+1', severity: 4 },
    { id: 'b', firstSeen: '2026-03-01T11:00:00Z', lastSeen: '2026-03-01T11:20:00Z' },
  ]);
  service = createApi(
    { ...api.database.settings, ...apiSettings() },
    testLog().child({}, { level: 'fatal' }),
    registry,
  );
  await service.start();
});
afterAll(async () => {
  await service?.stop();
  await api?.remove();
});

const get = (path: string, signal?: AbortSignal) => fetch(`${service.url}${path}`, signal ? { signal } : {});
const lines = async (path: string): Promise<string[]> => {
  const response = await get(path);
  expect(response.status, path).toBe(200);
  return (await response.text()).split('\n').slice(0, -1);
};

test('packets as CSV, with what a spreadsheet would run made harmless', async () => {
  const [header, ...rows] = await lines('/api/packets.csv?source_ip=192.0.2.7');
  expect(header).toMatch(/^captured_at,id,capture_node,interface,frame_length,/);
  expect(rows).toHaveLength(PACKETS / 2);
  expect(rows[0]).toContain(",'=edge,eth0,100,");
});

test('packets as objects, oldest first, by search, time and number', async () => {
  const objects = (await lines('/api/packets.json?q=length%3E%3D110&to=2026-03-01T12:00:20Z&limit=5')).map(
    (line) => JSON.parse(line) as { frame_length: number },
  );
  expect(objects.map(({ frame_length: length }) => length)).toEqual([110, 111, 112, 113, 114]);
});

test('packets as a capture file', async () => {
  const response = await get('/api/packets.pcap?hours=87600');
  expect(response.headers.get('content-disposition')).toBe('attachment; filename="packets.pcap"');
  const file = Buffer.from(await response.arrayBuffer());
  expect(file.readUInt32LE(0)).toBe(0xa1b2c3d4);
  let packets = 0;
  for (let at = 24; at < file.length; at += 16 + file.readUInt32LE(at + 8)) packets++;
  expect(packets).toBe(PACKETS);
});

test('alerts as CSV and as objects', async () => {
  const [header, ...rows] = await lines('/api/alerts.csv');
  expect(header).toContain('triage,verdict,assignee');
  expect(rows).toHaveLength(2);
  expect(rows[0]).toContain("'=1+1");
  expect((await lines('/api/alerts.json?severity=high')).map((line) => JSON.parse(line).id)).toEqual(['a']);
});

test('refusals come before anything is sent', async () => {
  for (const [path, status] of [
    ['/api/packets.csv?limit=0', 400],
    ['/api/packets.csv?q=prot+1', 400],
    ['/api/packets.xlsx', 404],
    ['/api/alerts.pcap', 404],
  ] as const) {
    expect((await get(path)).status, path).toBe(status);
  }
});

test('who took what is counted, and in the audit log', async () => {
  await lines('/api/packets.csv?limit=7');
  expect(await registry.metrics()).toMatch(/nta_api_exported_rows_total\{what="packets",format="csv"\} \d+/);
  await lines('/api/conversations.zeek');
  const audit = await fetch(`${service.url}/api/audit?limit=2`, { headers: { authorization: `Bearer ${TOKEN}` } });
  expect(await audit.json()).toMatchObject({
    entries: [
      { path: '/api/conversations.zeek', status: 200, actor: 'local' },
      { path: '/api/packets.csv', status: 200, actor: 'local' },
    ],
  });
});

const running = async (): Promise<number> =>
  (
    await api.pool.query(
      `SELECT FROM pg_stat_activity WHERE application_name = 'nta-api-download' AND wait_event_type = 'Lock'`,
    )
  ).rowCount ?? 0;
const open: AbortController[] = [];
afterEach(() => {
  for (const controller of open.splice(0)) controller.abort();
});

/** Downloads that wait for a lock, which `work` has. */
async function heldUp(work: (downloads: Promise<Response>[]) => Promise<void>): Promise<void> {
  const holder = await api.pool.connect();
  try {
    await holder.query('BEGIN; LOCK TABLE packet_segments IN ACCESS EXCLUSIVE MODE');
    const downloads = Array.from({ length: DOWNLOADS_MAX }, () => {
      const controller = new AbortController();
      open.push(controller);
      const download = get('/api/packets.csv', controller.signal);
      download.catch(() => undefined);
      return download;
    });
    await expect.poll(running).toBe(DOWNLOADS_MAX);
    await work(downloads);
  } finally {
    await holder.query('ROLLBACK');
    holder.release();
  }
}

test('so many run at a time, and a client that goes makes room', async () => {
  await heldUp(async () => {
    const refused = await get('/api/packets.csv');
    expect(refused.status).toBe(503);
    expect(await refused.json()).toMatchObject({ code: 'TOO_MANY_DOWNLOADS' });
    // The others are not held up.
    expect((await get('/api/nodes')).status).toBe(200);
    for (const controller of open.splice(0)) controller.abort();
    await expect.poll(running, { timeout: 10_000 }).toBe(0);
  });
  await expect
    .poll(async () => (await get('/api/packets.csv?limit=1')).text(), { timeout: 10_000 })
    .toContain('captured_at,');
});

test('one that Postgres ends is cut off, not finished', async () => {
  await heldUp(async (downloads) => {
    const read = downloads.map(async (download) => (await download).text());
    const cut = expect(Promise.any(read)).rejects.toThrow();
    await api.pool.query(
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'nta-api-download'`,
    );
    await cut;
  });
});
