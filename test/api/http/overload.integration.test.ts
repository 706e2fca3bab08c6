/** The service under clients that mean it no good: whoever else asks is answered meanwhile. */
import { type AddressInfo, connect, type Socket } from 'node:net';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { type ApiService, createApi } from '../../../api/server.js';
import { createRegistry } from '../../../runtime/process/metrics.js';
import { testLog } from '../../support/local-stack.js';
import { type ApiFixture, createApiFixture } from '../api-fixture.js';
import { apiSettings } from '../api-settings.js';
import { insertAlerts, insertPackets, rebuildRollups } from '../sample-data.js';

const PACKETS = 2_000;
const CONNECTIONS_MAX = 2_000;

let api: ApiFixture;
let service: ApiService;
const registry = createRegistry();
const sockets: Socket[] = [];

beforeAll(async () => {
  api = await createApiFixture();
  const start = Date.parse('2026-03-01T12:00:00Z');
  await insertPackets(
    api.pool,
    Array.from({ length: PACKETS }, (_, index) => ({
      time: new Date(start + index * 10).toISOString(),
      source: `192.0.2.${index % 200}`,
      destination: '198.51.100.1',
      sourcePort: 40_000 + index,
      destinationPort: index % 1_000,
      tcpFlags: 2,
    })),
  );
  await rebuildRollups(api.pool);
  await insertAlerts(
    api.pool,
    Array.from({ length: 100 }, (_, index) => ({
      id: `a${index}`,
      firstSeen: '2026-03-01T11:00:00Z',
      lastSeen: '2026-03-01T11:10:00Z',
    })),
  );
  service = createApi(
    { ...api.database.settings, ...apiSettings() },
    testLog().child({}, { level: 'fatal' }),
    registry,
  );
  await service.start();
});
afterEach(() => {
  for (const socket of sockets.splice(0)) socket.destroy();
});
afterAll(async () => {
  await service?.stop();
  await api?.remove();
});

/** A connection that says something and reads nothing. */
async function open(text: string): Promise<Socket> {
  const { port } = new URL(service.url) as unknown as Pick<AddressInfo, 'port'>;
  const socket = connect(Number(port), '127.0.0.1');
  socket.on('error', () => undefined);
  sockets.push(socket);
  await new Promise<void>((resolve) => {
    socket.once('connect', () => resolve());
    socket.once('close', () => resolve());
  });
  socket.pause();
  socket.write(text);
  return socket;
}

const request = (path: string): string => `GET ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n`;

test('pages that nobody reads, asked for three at a time by forty: others are answered', async () => {
  for (let client = 0; client < 40; client++) await open(request('/api/packets?limit=1000').repeat(3));
  for (const path of ['/api/health', '/api/alerts?limit=10', '/api/packets?limit=10', '/api/stats', '/api/health']) {
    expect((await fetch(`${service.url}${path}`)).status, path).toBe(200);
  }
});

test('more silent connections than there may be: others are answered', async () => {
  for (let client = 0; client < CONNECTIONS_MAX + 200; client++) await open('GET /api/alerts HTTP/1.1\r\nX-Slow: ');
  for (const path of ['/api/health', '/api/alerts', '/api/packets?limit=10', '/']) {
    expect((await fetch(`${service.url}${path}`)).status, path).toBe(200);
  }
  expect(await registry.metrics()).toMatch(/nta_api_closed_connections_total\{reason="crowded"\} \d+/);
});

test('a hundred clients that ask for all kinds of things at once are all answered', async () => {
  const paths = [
    '/api/packets?limit=100',
    '/api/packets?q=port+22',
    '/api/alerts',
    '/api/stats',
    '/api/nodes',
    '/api/health',
  ];
  const statuses = await Promise.all(
    Array.from({ length: 100 }, async (_, client) => {
      const seen: number[] = [];
      for (let time = 0; time < 2; time++) {
        const response = await fetch(`${service.url}${paths[(client + time) % paths.length]}`);
        await response.arrayBuffer();
        seen.push(response.status);
      }
      return seen;
    }),
  );
  expect(statuses.flat().filter((status) => status !== 200)).toEqual([]);
});
