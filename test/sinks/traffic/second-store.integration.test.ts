/** Seconds in Postgres: those of the last hour add up to the minutes, older packets have none, and what has become old goes. */
import pg from 'pg';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { decodePacketBatch } from '../../../schemas/packets/packet-batch.js';
import { PacketBlock } from '../../../schemas/packets/packet-block.js';
import { migrate } from '../../../sinks/migrations/migration.js';
import { SourceDictionary } from '../../../sinks/traffic/source-dictionary.js';
import { TrafficRollup } from '../../../sinks/traffic/traffic-rollup.js';
import { storeTraffic } from '../../../sinks/traffic/traffic-store.js';
import { createTestDatabase, type TestDatabase, testLog } from '../../support/local-stack.js';
import { packetRecords } from '../../support/packet-blocks.js';

let database: TestDatabase;
let client: pg.Client;

beforeAll(async () => {
  database = await createTestDatabase();
  await migrate(database.settings, testLog());
  const { host, port, user, password, database: name } = database.connection;
  client = new pg.Client({ host, port, user, password, database: name });
  await client.connect();
});
beforeEach(() => client.query('TRUNCATE traffic_totals, traffic_seconds'));
afterAll(async () => {
  await client?.end();
  await database?.remove();
});

/** Stores packets from a time on, a record a transaction. */
async function store(start: number, step: number): Promise<void> {
  const sources = new SourceDictionary();
  const rollup = new TrafficRollup(sources);
  const block = new PacketBlock(200);
  for (const record of packetRecords({ seed: 5, records: 6, packets: 200, sources: 9, start, step, rare: 5 })) {
    block.reset();
    sources.reset();
    rollup.reset();
    const result = decodePacketBatch(record.value, block);
    if (!result.ok) throw new Error(result.detail);
    rollup.add(block, 0, result.packets, sources.numberOf(block, 0));
    await client.query('BEGIN');
    await storeTraffic(client, rollup);
    await client.query('COMMIT');
  }
}

const volumes = async (table: string, time: string, condition = 'true'): Promise<unknown[]> => {
  const { rows } = await client.query(
    `SELECT date_trunc('minute', ${time}) AS minute, sum(packets)::int AS packets, sum(bytes)::int AS bytes
     FROM ${table} WHERE ${condition} GROUP BY 1 ORDER BY 1`,
  );
  return rows;
};

test('seconds of the last hour add up to its minutes, by few protocols', async () => {
  await store((Date.now() - 50 * 60_000) * 1000, 300_000);
  const minutes = await volumes('traffic_totals', 'bucket', 'resolution = 1');
  expect(minutes.length).toBeGreaterThan(1);
  expect(await volumes('traffic_seconds', 'second')).toEqual(minutes);
  const { rows } = await client.query('SELECT DISTINCT protocol FROM traffic_seconds ORDER BY 1');
  const protocols = rows.map(({ protocol }) => protocol);
  expect(protocols).toEqual(expect.arrayContaining(['tcp', 'udp']));
  const { rows: fractions } = await client.query(
    `SELECT FROM traffic_seconds WHERE second <> date_trunc('second', second)`,
  );
  expect(fractions).toEqual([]);
});

test('older packets have minutes alone', async () => {
  await store(Date.UTC(2026, 0, 1) * 1000, 1_000_000);
  expect(await volumes('traffic_seconds', 'second')).toEqual([]);
  expect(await volumes('traffic_totals', 'bucket', 'resolution = 1')).not.toEqual([]);
});

test('what is older than 75 minutes goes when more is written', async () => {
  await client.query(
    `INSERT INTO traffic_seconds SELECT now() - minutes * interval '1 minute', 1, 1, 'old', 'tcp' FROM (VALUES (74), (76), (9999)) AS given (minutes)`,
  );
  await store((Date.now() - 30 * 60_000) * 1000, 300_000);
  const { rows } = await client.query(`SELECT count(*)::int AS old FROM traffic_seconds WHERE capture_node = 'old'`);
  expect(rows).toEqual([{ old: 1 }]);
});
