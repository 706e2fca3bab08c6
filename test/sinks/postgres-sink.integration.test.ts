import pg from 'pg';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createKafka } from '../../runtime/kafka.js';
import { createRegistry } from '../../runtime/metrics.js';
import { ensureTopics } from '../../runtime/topic-setup.js';
import { topicName } from '../../schemas/topics.js';
import { migrate } from '../../sinks/migration.js';
import { createPostgresSink, type PostgresSink } from '../../sinks/postgres-sink.js';
import {
  createTestDatabase,
  createTestTopics,
  type TestDatabase,
  type TestTopics,
  testLog,
} from '../support/local-stack.js';
import { packetRecords, type TrafficOptions } from '../support/packet-blocks.js';
import { until } from '../support/sink-rows.js';

const PARTITIONS = 3;
const TRAFFIC: TrafficOptions = {
  seed: 7,
  records: 400,
  packets: 200,
  sources: 300,
  start: Date.UTC(2026, 0, 2, 23, 59, 30) * 1000,
  step: 1000,
};

let topics: TestTopics;
let database: TestDatabase;
let client: pg.Client;
let sink: PostgresSink | null = null;

beforeEach(async () => {
  topics = createTestTopics();
  database = await createTestDatabase();
  await migrate(database.settings, testLog());
  await ensureTopics(createKafka(topics.settings, 'test', testLog()), {
    partitions: PARTITIONS,
    replicationFactor: 1,
    retentionHours: 24,
    retentionBytes: 0,
    topicPrefix: topics.prefix,
  });
  const { host, port, user, password, database: name } = database.connection;
  client = new pg.Client({ host, port, user, password, database: name });
  await client.connect();
});

afterEach(async () => {
  await sink?.stop();
  sink = null;
  await client.end();
  await database.remove();
  await topics.remove();
});

async function startSink(store = 'all'): Promise<void> {
  sink = createPostgresSink(
    { ...topics.settings, ...database.settings, store, partitionInterval: 'day' },
    testLog(),
    createRegistry(),
  );
  await sink.start();
}

async function publish(options: TrafficOptions): Promise<number> {
  const producer = createKafka(topics.settings, 'test', testLog()).producer({ idempotent: true });
  await producer.connect();
  let packets = 0;
  const messages = [];
  for (const record of packetRecords(options)) {
    messages.push({ key: record.key, value: record.value });
    packets += record.packets;
  }
  await producer.send({ topic: topicName('packets', topics.prefix), messages, acks: -1 });
  await producer.disconnect();
  return packets;
}

async function one<T>(sql: string, values: unknown[] = []): Promise<T> {
  const { rows } = await client.query(sql, values);
  return Object.values(rows[0] as object)[0] as T;
}

const accounted = (): Promise<number> => one<number>('SELECT coalesce(sum(packets), 0)::float8 FROM sink_offsets');

describe('postgres sink', () => {
  it('stores every packet once, with rollups that add up to the packets', async () => {
    const packets = await publish(TRAFFIC);
    await startSink();
    await until(async () => (await accounted()) === packets);
    expect(await one('SELECT count(*)::float8 FROM packets')).toBe(packets);
    expect(await one('SELECT count(DISTINCT id)::float8 FROM packets')).toBe(packets);
    for (const resolution of [1, 60]) {
      for (const table of ['traffic_totals', 'traffic_protocols', 'traffic_sources']) {
        const sums = await client.query(
          `SELECT sum(packets)::float8 AS packets, sum(bytes)::float8 AS bytes FROM ${table} WHERE resolution = $1`,
          [resolution],
        );
        const rows = await client.query(
          'SELECT count(*)::float8 AS packets, sum(frame_length)::float8 AS bytes FROM packets',
        );
        expect(sums.rows, `${table} by ${resolution} min`).toEqual(rows.rows);
      }
      expect(await one(`SELECT sum(packets)::float8 FROM traffic_ports WHERE resolution = $1`, [resolution])).toBe(
        await one('SELECT count(*)::float8 FROM packets WHERE destination_port IS NOT NULL'),
      );
    }
  });
});
