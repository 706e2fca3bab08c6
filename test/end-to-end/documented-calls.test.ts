/** Every call that api/README.md shows, as it stands there, against a running pipeline that has replayed an older capture. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import getPort from 'get-port';
import { afterAll, beforeAll, describe, expect, inject, it, vi } from 'vitest';
import { DEMONSTRATION } from '../../deploy/nta/capture-plan.js';
import { projectRoot } from '../../runtime/process/project.js';
import { TOKEN } from '../api/api-settings.js';
import {
  createTestDatabase,
  createTestTopics,
  kafkaLoginEnvironment,
  type TestDatabase,
  type TestTopics,
} from '../support/local-stack.js';
import { type RunningCommand, startNta } from '../support/nta-command.js';
import { StoredRows } from '../support/sink-rows.js';

const README = readFileSync(join(projectRoot, 'api', 'README.md'), 'utf8');

/** The lines between the marks that call the API. */
function documentedCalls(): string[] {
  const [, section = ''] = /<!-- calls -->([\s\S]*?)<!-- \/calls -->/.exec(README) ?? [];
  return section.split('\n').filter((line) => line.startsWith('curl '));
}

const CALLS = documentedCalls();

interface Packets {
  readonly packets: { readonly time: string; readonly source: string; readonly protocol: string }[];
}
interface Alerts {
  readonly alerts: {
    readonly id: string;
    readonly incident_id: string;
    readonly source: string;
    readonly resolved: boolean;
  }[];
}

describe('the calls of api/README.md', { timeout: 120_000 }, () => {
  let topics: TestTopics;
  let database: TestDatabase;
  let running: RunningCommand | undefined;
  let environment: NodeJS.ProcessEnv;
  let folder = '';

  beforeAll(async () => {
    topics = createTestTopics();
    database = await createTestDatabase();
    const { dbHost, dbPort, dbName, dbUser, dbPassword } = database.settings;
    const port = await getPort();
    running = startNta(
      [
        ...[
          'run',
          '--read',
          DEMONSTRATION,
          '--kafka-brokers',
          inject('kafkaBrokers').join(','),
          '--topic-prefix',
          topics.prefix,
        ],
        ...['--db-host', dbHost, '--db-port', String(dbPort), '--db-name', dbName, '--db-user', dbUser],
        ...['--api-port', String(port), '--finish-timeline'],
      ],
      { env: { DB_PASSWORD: dbPassword, NTA_API_TOKEN: TOKEN, ...kafkaLoginEnvironment() } },
    );
    await running.printed(/the replay is over/, 100_000);
    folder = mkdtempSync(join(tmpdir(), 'nta-calls-'));
    environment = {
      OUT: join(folder, 'out'),
      PATH: process.env['PATH'],
      NTA: `http://127.0.0.1:${port}`,
      AUTH: `Authorization: Bearer ${TOKEN}`,
    };
    const first = await vi.waitFor(
      () => {
        if (answer<Packets>('/api/packets').packets.length < 10) throw new Error('too few packets are stored');
        const [alert] = answer<Alerts>('/api/alerts').alerts;
        if (alert === undefined) throw new Error('no alert is stored');
        return alert;
      },
      { timeout: 30_000, interval: 200 },
    );
    environment['ALERT'] = first.id;
    environment['INCIDENT'] = first.incident_id;
  }, 120_000);

  afterAll(async () => {
    await running?.interrupt();
    if (folder !== '') rmSync(folder, { recursive: true });
    await database?.remove();
    await topics?.remove();
  });

  /** Runs a line as a shell does; a stream is cut after a moment. */
  function run(line: string): { code: number | null; body: string; error: string } {
    const call = line.replace(/^curl /, 'curl --silent --show-error --fail-with-body --max-time "$MOST" ');
    const most = line.includes('/stream') ? '2' : '15';
    const { status, stdout, stderr } = spawnSync('sh', ['-c', call], {
      env: { ...environment, MOST: most },
      encoding: 'utf8',
    });
    return { code: status, body: stdout, error: stderr };
  }

  function answer<T>(path: string): T {
    const { code, body, error } = run(`curl -H "$AUTH" "$NTA${path}"`);
    if (code !== 0) throw new Error(`${path}: ${error}${body}`);
    return JSON.parse(body) as T;
  }

  /** The answer to the documented line that has this in it. */
  function documented<T>(part: string): T {
    const line = CALLS.find((call) => call.includes(part));
    if (line === undefined) throw new Error(`api/README.md shows no call with ${part}`);
    const { code, body, error } = run(line);
    if (code !== 0) throw new Error(`${line}: ${error}${body}`);
    return JSON.parse(body) as T;
  }

  it.each(CALLS)('%s', (line) => {
    const { code, body, error } = run(line);
    if (line.includes('/stream')) {
      const TIMED_OUT = 28;
      expect(code, error + body).toBe(TIMED_OUT);
      expect(body).toContain('event: reset');
    } else {
      expect(code, error + body).toBe(0);
      if (line.includes('$OUT')) expect(statSync(join(folder, 'out')).size).toBeGreaterThan(10);
      else JSON.parse(body);
    }
  });

  it('are all that users were promised', async () => {
    const newest = await new StoredRows(database.connection).query<{ at: string }>(
      `SELECT to_char(captured_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS at FROM packets ORDER BY captured_at DESC LIMIT 10`,
    );
    const { packets } = documented<Packets>('/api/packets?limit=10');
    expect(newest).toHaveLength(10);
    expect(packets.map(({ time }) => time)).toEqual(newest.map(({ at }) => at));
    const { alerts } = documented<Alerts>('/api/alerts?resolved=false');
    expect(alerts.length).toBeGreaterThan(0);
    documented('/api/stats?hours=6');
    documented('/api/nodes');
    documented('/api/health');
    expect(documented<{ resolved: boolean }>('/resolve').resolved).toBe(true);
    expect(documented<{ resolved: boolean }>('/reopen').resolved).toBe(false);
  });

  it('select what they say', () => {
    const { source } = answer<Alerts>('/api/alerts?rule=port-scan').alerts[0]!;
    expect(answer<Alerts>(`/api/alerts?source_ip=${source}`).alerts.map((alert) => alert.source)).toContain(source);
    expect(answer<Alerts>('/api/alerts?source_ip=203.0.113.254').alerts).toEqual([]);
    const search = run(
      `curl -H "$AUTH" "$NTA/api/packets/search" --json '{"ip_range": "${source}/32", "protocols": ["TCP", "UDP"], "limit": 5}'`,
    );
    const { packets } = JSON.parse(search.body) as Packets;
    expect(packets).toHaveLength(5);
    for (const { protocol } of packets) expect(['tcp', 'udp']).toContain(protocol.toLowerCase());
  });

  it('need the token, which the banner says', () => {
    const { code } = run('curl "$NTA/api/packets"');
    const HTTP_ERROR = 22;
    expect(code).toBe(HTTP_ERROR);
    expect(running!.output().stdout).toContain('reads and writes need the token; --api-open-reads');
  });
});
