/** The examples of reverse proxies, run as they are but for ports and certificates: TLS, the dashboard, alerts that are pushed. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import getPort from 'get-port';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ApiService, createApi } from '../../api/server.js';
import { createRegistry } from '../../runtime/process/metrics.js';
import { projectRoot } from '../../runtime/process/project.js';
import { storeAlerts } from '../../sinks/alerts/alert-sink.js';
import { migrate } from '../../sinks/migrations/migration.js';
import { apiSettings, TOKEN } from '../api/api-settings.js';
import { alertEvent } from '../support/alert-events.js';
import { createTestDatabase, type TestDatabase, testLog } from '../support/local-stack.js';
import { findTool, requireTool } from '../support/requirement.js';

const NAME = 'nta.example.com';
let folder: string;
let database: TestDatabase;
let api: ApiService;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'nta-proxy-'));
  execFileSync(
    'openssl',
    [
      'req',
      '-x509',
      '-newkey',
      'rsa:2048',
      '-nodes',
      '-days',
      '2',
      '-subj',
      `/CN=${NAME}`,
      '-addext',
      `subjectAltName=DNS:${NAME}`,
      '-keyout',
      join(folder, 'nta.key'),
      '-out',
      join(folder, 'nta.crt'),
    ],
    { stdio: 'ignore' },
  );
  database = await createTestDatabase();
  await migrate(database.settings, testLog());
  api = createApi(
    { ...database.settings, ...apiSettings({ apiHost: '127.0.0.1', apiAllowedHosts: [NAME] }) },
    testLog().child({}, { level: 'fatal' }),
    createRegistry(),
  );
  await api.start();
});
afterAll(async () => {
  await api?.stop();
  await database?.remove();
  rmSync(folder, { recursive: true, force: true });
});

function example(name: string): string {
  return readFileSync(join(projectRoot, 'deploy', 'proxy', name), 'utf8').replaceAll(
    '127.0.0.1:5000',
    new URL(api.url).host,
  );
}

async function startNginx(port: number): Promise<ChildProcess> {
  const server = example('nginx.conf')
    .replace('listen 443 ssl', `listen 127.0.0.1:${port} ssl`)
    .replaceAll('/etc/nginx/nta.', join(folder, 'nta.'));
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
    .map((kind) => `${kind}_temp_path ${folder}/${kind};`)
    .join('\n');
  writeFileSync(
    join(folder, 'nginx.conf'),
    `daemon off;\nuser root;\npid ${folder}/nginx.pid;\nerror_log stderr;\nevents {}\nhttp {\naccess_log off;\n${temporary}\n${server}}\n`,
  );
  return spawn(findTool('nginx')!, ['-p', folder, '-e', 'stderr', '-c', join(folder, 'nginx.conf')], {
    stdio: 'ignore',
  });
}

async function startCaddy(port: number): Promise<ChildProcess> {
  const site = example('Caddyfile').replace(
    `${NAME} {`,
    `${NAME}:${port} {\n\tbind 127.0.0.1\n\ttls ${folder}/nta.crt ${folder}/nta.key`,
  );
  writeFileSync(join(folder, 'Caddyfile'), `{\n\tadmin off\n\tauto_https disable_redirects\n}\n${site}`);
  const home = join(folder, 'caddy');
  mkdirSync(home, { recursive: true });
  return spawn(findTool('caddy')!, ['run', '--config', join(folder, 'Caddyfile'), '--adapter', 'caddyfile'], {
    stdio: 'ignore',
    env: { PATH: process.env['PATH'], HOME: home, XDG_DATA_HOME: home, XDG_CONFIG_HOME: home },
  });
}

/** A GET over TLS that trusts the test's certificate alone; its body in parts as they arrive. */
function get(
  port: number,
  path: string,
  onPart: (text: string) => void = () => undefined,
): Promise<{ status: number; headers: Record<string, unknown>; body: string; close(): void }> {
  return new Promise((resolve, reject) => {
    const asked = request(
      {
        host: '127.0.0.1',
        port,
        path,
        servername: NAME,
        ca: readFileSync(join(folder, 'nta.crt')),
        headers: { host: NAME, authorization: `Bearer ${TOKEN}` },
      },
      (response) => {
        let body = '';
        response.setEncoding('utf8').on('data', (text: string) => {
          body += text;
          onPart(text);
        });
        const answer = {
          status: response.statusCode!,
          headers: response.headers,
          get body() {
            return body;
          },
          close: () => asked.destroy(),
        };
        if (path.endsWith('/stream')) resolve(answer);
        else response.on('end', () => resolve(answer));
      },
    );
    asked.on('error', reject);
    asked.end();
  });
}

async function whenUp<T>(ask: () => Promise<T>): Promise<T> {
  const deadline = performance.now() + 20_000;
  for (;;) {
    try {
      return await ask();
    } catch (error) {
      if (performance.now() > deadline) throw error;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}

describe.each([
  { tool: 'nginx', start: startNginx },
  { tool: 'caddy', start: startCaddy },
])('deploy/proxy with $tool', ({ tool, start }) => {
  it('serves dashboard and API over TLS, and passes a pushed alert on at once', async (context) => {
    requireTool(context, tool, 'openssl');
    const port = await getPort({ host: '127.0.0.1' });
    const proxy = await start(port);
    try {
      const page = await whenUp(() => get(port, '/'));
      expect(page.status).toBe(200);
      expect(page.body).toMatch(/<!doctype html>/i);
      expect(page.headers['strict-transport-security']).toMatch(/max-age/);
      expect((await get(port, '/api/alerts')).status).toBe(200);
      let pushed = '';
      const stream = await get(port, '/api/alerts/stream', (text) => {
        pushed += text;
      });
      expect(stream.headers['content-type']).toMatch(/text\/event-stream/);
      const client = new pg.Client({ ...database.connection });
      await client.connect();
      const event = alertEvent(1, { id: `behind-${tool}` });
      await storeAlerts(client, [{ value: Buffer.from(JSON.stringify(event)) } as never]);
      await client.end();
      await whenUp(async () => expect(pushed).toContain(`behind-${tool}`));
      stream.close();
    } finally {
      proxy.kill('SIGTERM');
    }
  });
});
