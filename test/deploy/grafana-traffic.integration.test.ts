/** The panels of deploy/grafana/nta-traffic.json ask a real database, as a user with the role of readers, and their sums are those of the packets. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { projectRoot } from '../../runtime/process/project.js';
import { ConversationRows } from '../../sinks/conversations/conversation-rows.js';
import { migrate } from '../../sinks/migrations/migration.js';
import { insertAlerts, insertPackets, rebuildRollups } from '../api/sample-data.js';
import { conversationBlock } from '../support/conversation-blocks.js';
import { createOrigin, storeRows } from '../support/conversation-rows.js';
import { createTestDatabase, type TestDatabase, testLog } from '../support/local-stack.js';

interface Panel {
  readonly title: string;
  readonly type: string;
  readonly description: string;
  readonly targets: readonly { readonly rawSql: string; readonly format: string }[];
}

const dashboard = JSON.parse(readFileSync(join(projectRoot, 'deploy', 'grafana', 'nta-traffic.json'), 'utf8')) as {
  readonly panels: readonly Panel[];
  readonly templating: { readonly list: readonly { readonly name: string; readonly query: string }[] };
};

const FROM = '2026-03-01T09:00:00Z';
const TO = '2026-03-01T11:00:00Z';

/** What Grafana's data source makes of its macros. */
function expanded(sql: string): string {
  return sql
    .replaceAll(/\$__timeGroupAlias\(([\w]+), '(\d+)m'\)/g, (_, column: string, minutes: string) => {
      const seconds = 60 * Number(minutes);
      return `floor(extract(epoch from ${column})/${seconds})*${seconds} AS "time"`;
    })
    .replaceAll(/\$__timeFilter\((\w+)\)/g, `$1 BETWEEN '${FROM}' AND '${TO}'`)
    .replaceAll('$capture_node', `'edge-1','edge-2'`);
}

let database: TestDatabase;
let pool: pg.Pool;

beforeAll(async () => {
  database = await createTestDatabase();
  await migrate(database.settings, testLog());
  const { host, port, user, password, database: name } = database.connection;
  pool = new pg.Pool({ host, port, user, password, database: name, max: 2 });
  await insertPackets(
    pool,
    Array.from({ length: 600 }, (_, index) => ({
      time: new Date(Date.parse(FROM) + index * 10_000).toISOString(),
      source: `10.0.0.${index % 20}`,
      destination: '192.0.2.1',
      ipProtocol: index % 3 === 0 ? 17 : 6,
      tcpFlags: index % 3 === 0 ? null : 2,
      sourcePort: 40_000,
      destinationPort: 443,
      length: 100,
      captureNode: index % 2 === 0 ? 'edge-1' : 'edge-2',
    })),
  );
  await rebuildRollups(pool);
  const client = await pool.connect();
  const rows = new ConversationRows();
  const originId = await createOrigin(client, 'edge-1', 'branch-7');
  const block = conversationBlock([
    {
      start: Date.parse(FROM) * 1000 + 1,
      origin: {
        captureNode: 'edge-1',
        interface: 'eth0',
        linkType: 1,
        timeline: '',
        sampling: 'none',
        samplingRate: 1,
      },
    },
  ]);
  rows.take(block, 0, originId, 0, 0);
  await storeRows(client, rows);
  client.release();
  await insertAlerts(pool, [
    { id: 'a', source: '10.0.0.1', severity: 4, firstSeen: '2026-03-01T09:30:00Z', lastSeen: '2026-03-01T09:40:00Z' },
  ]);
});
afterAll(async () => {
  await pool?.end();
  await database?.remove();
});

async function ask(sql: string): Promise<Record<string, unknown>[]> {
  const client = await pool.connect();
  try {
    await client.query('BEGIN TRANSACTION READ ONLY; SET LOCAL ROLE nta_reader');
    return (await client.query<Record<string, unknown>>(expanded(sql))).rows;
  } finally {
    await client.query('ROLLBACK');
    client.release();
  }
}

test.each(dashboard.panels.map((panel) => [panel.title, panel] as const))('%s', async (_title, panel) => {
  expect(panel.description).not.toBe('');
  for (const { rawSql, format } of panel.targets) {
    const rows = await ask(rawSql);
    expect(rows.length).toBeGreaterThan(0);
    expect(format).toBe(panel.type === 'timeseries' ? 'time_series' : 'table');
    if (format === 'time_series') expect(rows.every(({ time }) => Number.isFinite(Number(time)))).toBe(true);
  }
});

test('variables have values', async () => {
  for (const { name, query } of dashboard.templating.list) {
    if (name !== 'datasource') await ask(query);
  }
});

test('sums are those of the packets, once', async () => {
  const { rows: truth } = await pool.query('SELECT count(*) AS packets, sum(frame_length) AS bytes FROM packets');
  for (const view of ['traffic_by_minute', 'traffic_by_hour', 'protocols_by_minute']) {
    const { rows } = await pool.query(`SELECT sum(packets) AS packets, sum(bytes) AS bytes FROM ${view}`);
    expect(rows, view).toEqual(truth);
  }
  const packets = await ask(dashboard.panels.find(({ title }) => title === 'Packets a second')!.targets[0]!.rawSql);
  const sum = packets.reduce((total, row) => total + 60 * Number(row['packets']), 0);
  expect(Math.round(sum)).toBe(600);
});
