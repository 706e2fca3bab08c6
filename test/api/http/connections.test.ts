/** Real sockets against a real listener: slow, silent and greedy clients, and the others beside them. */
import { createServer, type Server } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { FEED_CLIENTS_MAX, HEARTBEAT_MS } from '../../../api/alert-feed.js';
import { BurstLog } from '../../../api/http/burst-log.js';
import { CONNECTION_LIMITS, type ConnectionLimits, Connections } from '../../../api/http/connections.js';
import { RequestMetrics } from '../../../api/http/request-metrics.js';
import { createLog } from '../../../runtime/process/log.js';
import { createRegistry } from '../../../runtime/process/metrics.js';

const MEBIBYTE = 1024 * 1024;
const log = createLog({ level: 'silent', file: '', part: 'test' });

let server: Server | undefined;
const sockets: Socket[] = [];
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  server?.closeAllConnections();
  await new Promise((resolve) => server?.close(resolve));
});

/** A listener whose answers have so many bytes; `/held` is answered when `release` is called. */
async function listen(limits: Partial<ConnectionLimits>, bytes = 10) {
  const metrics = new RequestMetrics(createRegistry());
  const connections = new Connections(metrics.closed, new BurstLog(log), { ...CONNECTION_LIMITS, ...limits });
  const body = Buffer.alloc(bytes, 'x');
  const asked: string[] = [];
  let release = (): void => undefined;
  server = createServer(
    connections.serially((request, response) => {
      asked.push(request.url ?? '');
      if (request.url === '/held') release = () => void response.end(body);
      else response.end(body);
    }),
  );
  connections.guard(server);
  await new Promise<void>((resolve) => server!.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    connections,
    asked,
    release: () => release(),
    url: `http://127.0.0.1:${port}`,
    closed: async (reason: string) =>
      (await metrics.closed.get()).values.find(({ labels }) => labels['reason'] === reason)?.value ?? 0,
    open: async (text = ''): Promise<Socket> => {
      const socket = connect(port, '127.0.0.1');
      socket.on('error', () => undefined);
      sockets.push(socket);
      await new Promise((resolve) => socket.once('connect', resolve));
      // What nobody reads stays where it is.
      socket.pause();
      if (text !== '') socket.write(text);
      return socket;
    },
  };
}

const get = (path: string): string => `GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`;
const isClosed = (socket: Socket) => () => {
  // A closed end is noticed by reading.
  socket.resume();
  return socket.closed || socket.destroyed || socket.readableEnded;
};

describe('pipelining', () => {
  test('the next request of a connection runs when the answer before it is on its way', async () => {
    const api = await listen({});
    await api.open(get('/held') + get('/second') + get('/third'));
    await expect.poll(() => api.asked).toEqual(['/held']);
    expect((await fetch(`${api.url}/other`)).status).toBe(200);
    expect(api.asked).toEqual(['/held', '/other']);
    api.release();
    await expect.poll(() => api.asked).toEqual(['/held', '/other', '/second', '/third']);
  });

  test('who asks on without end is let go', async () => {
    const api = await listen({ pipelined: 4 });
    const greedy = await api.open(get('/held') + get('/more').repeat(10));
    await expect.poll(isClosed(greedy)).toBe(true);
    expect(await api.closed('pipelining')).toBeGreaterThan(0);
    expect(api.asked).toEqual(['/held']);
  });
});

describe('answers that nobody reads', () => {
  test('are given up after a while', async () => {
    const api = await listen({ writeTimeoutMs: 200 }, 32 * MEBIBYTE);
    await api.open(get('/'));
    await expect.poll(() => api.closed('write_timeout')).toBe(1);
    expect(api.connections.unreadBytes()).toBe(0);
  });

  test('an answer that is still being made is not', async () => {
    const api = await listen({ writeTimeoutMs: 100 });
    const waiting = fetch(`${api.url}/held`);
    await expect.poll(() => api.asked).toEqual(['/held']);
    const other = await api.open();
    // A connection that asks nothing goes at the same age.
    await expect.poll(isClosed(other)).toBe(true);
    api.release();
    expect((await waiting).status).toBe(200);
  });

  test('make room for others', async () => {
    const api = await listen({ unreadBytes: 64 * MEBIBYTE }, 32 * MEBIBYTE);
    for (let client = 0; client < 4; client++) await api.open(get('/'));
    await expect.poll(() => api.connections.unreadBytes()).toBeGreaterThan(64 * MEBIBYTE);
    expect(api.connections.hasRoom()).toBe(true);
    expect(api.connections.unreadBytes()).toBeLessThanOrEqual(64 * MEBIBYTE);
    expect(await api.closed('unread')).toBeGreaterThan(0);
  });
});

describe('more connections than there may be', () => {
  test('the one that has been idle for longest goes, and whoever comes is served', async () => {
    const api = await listen({ connections: 5 });
    const silent: Socket[] = [];
    for (let client = 0; client < 5; client++) silent.push(await api.open('GET / HTTP/1.1\r\nX: '));
    expect(await (await fetch(api.url)).text()).toBe('x'.repeat(10));
    await expect.poll(isClosed(silent[0]!)).toBe(true);
    expect(await api.closed('crowded')).toBe(1);
  });

  test('one whose request runs is kept', async () => {
    const api = await listen({ connections: 2 });
    const waiting = fetch(`${api.url}/held`);
    await expect.poll(() => api.asked).toEqual(['/held']);
    for (let client = 0; client < 5; client++) await api.open();
    api.release();
    expect((await waiting).status).toBe(200);
  });
});

test('a silent stream says something before it is taken for one that nobody reads, and there is room beside all streams', () => {
  // On a busy machine a timer may be late by seconds.
  expect(HEARTBEAT_MS + 5_000).toBeLessThan(CONNECTION_LIMITS.writeTimeoutMs);
  expect(2 * FEED_CLIENTS_MAX).toBeLessThanOrEqual(CONNECTION_LIMITS.connections);
});
