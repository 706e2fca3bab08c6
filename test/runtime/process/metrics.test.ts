import { request } from 'node:http';
import getPort from 'get-port';
import { afterEach, describe, expect, it } from 'vitest';
import { createRegistry, MetricsServer } from '../../../runtime/process/metrics.js';

const TOKEN = 'a-token-of-prometheus';
const REASON = 'Postgres at db.example refuses user "nta"';
const ALL_INTERFACES = '0.0.0.0';

let server: MetricsServer | undefined;
afterEach(() => server?.stop());

/** What a path answers, as "status body". */
async function serve(metricsHost: string, metricsToken: string) {
  const metricsPort = await getPort();
  server = new MetricsServer(createRegistry(), { metricsHost, metricsPort, metricsToken }, () => REASON);
  await server.start();
  return async (path: string, authorization?: string): Promise<string> => {
    const headers = authorization === undefined ? {} : { authorization };
    const response = await fetch(`http://127.0.0.1:${metricsPort}${path}`, { headers });
    return `${response.status} ${(await response.text()).trim()}`;
  };
}

const METRICS = /^200 [\s\S]*process_cpu_seconds_total/;

describe('metrics', () => {
  it('are for everyone on this machine', async () => {
    const get = await serve('127.0.0.1', '');
    expect(await get('/metrics')).toMatch(METRICS);
    expect(await get('/health')).toBe('200 ok');
    expect(await get('/ready')).toBe(`503 ${REASON}`);
  });

  it('are for no page that has its name resolved to this machine', async () => {
    const metricsPort = await getPort();
    server = new MetricsServer(
      createRegistry(),
      { metricsHost: '127.0.0.1', metricsPort, metricsToken: '' },
      () => REASON,
    );
    await server.start();
    const ask = (path: string, host: string): Promise<string> =>
      new Promise((resolve, reject) => {
        const asked = request({ port: metricsPort, path, headers: { host } }, (response) => {
          let text = '';
          response.setEncoding('utf8').on('data', (part: string) => {
            text += part;
          });
          response.on('end', () => resolve(`${response.statusCode} ${text.trim()}`));
        });
        asked.on('error', reject).end();
      });
    expect(await ask('/metrics', `evil.example.org:${metricsPort}`)).toMatch(/^421 Host: not a name of this machine/);
    expect(await ask('/ready', 'evil.example.org')).toBe('503 not ready');
    for (const host of [`localhost:${metricsPort}`, '127.0.0.1', '[::1]:1'])
      expect(await ask('/metrics', host)).toMatch(METRICS);
  });

  it('are for nobody else without a token; whether the part lives and is ready is', async () => {
    const get = await serve(ALL_INTERFACES, '');
    expect(await get('/metrics')).toMatch(/^401 .*NTA_METRICS_TOKEN/);
    expect(await get('/metrics', 'Bearer ')).toMatch(/^401/);
    expect(await get('/health')).toBe('200 ok');
    expect(await get('/ready')).toBe('503 not ready');
  });

  it.for(['127.0.0.1', ALL_INTERFACES])('are for who has the token, on %s', async (host) => {
    const get = await serve(host, TOKEN);
    for (const wrong of [undefined, 'Bearer wrong', `Basic ${TOKEN}`, `Bearer ${TOKEN}x`]) {
      expect(await get('/metrics', wrong)).toMatch(/^401 /);
      expect(await get('/ready', wrong)).toBe('503 not ready');
    }
    expect(await get('/metrics', `Bearer ${TOKEN}`)).toMatch(METRICS);
    expect(await get('/ready', `Bearer ${TOKEN}`)).toBe(`503 ${REASON}`);
    expect(await get('/health')).toBe('200 ok');
  });
});
