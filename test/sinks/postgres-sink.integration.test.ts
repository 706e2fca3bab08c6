import type { KafkaMessage } from 'kafkajs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createKafka } from '../../runtime/kafka/client.js';
import { fetchTopicIds } from '../../runtime/kafka/kafka-topic-ids.js';
import { createRegistry } from '../../runtime/process/metrics.js';
import { decodePacketBatch } from '../../schemas/packets/packet-batch.js';
import { PacketBlock } from '../../schemas/packets/packet-block.js';
import { topicName } from '../../schemas/topics.js';
import { migrate } from '../../sinks/migrations/migration.js';
import { createPostgresSink, type PostgresSink } from '../../sinks/postgres-sink.js';
import {
  createTestDatabase,
  createTestTopics,
  quietKafka,
  type TestDatabase,
  type TestTopics,
  testLog,
} from '../support/local-stack.js';
import { packetRecords, type TrafficOptions } from '../support/packet-blocks.js';
import { createTopicsFor, recreateTopic } from '../support/packet-topic.js';
import { publishPackets, StoredRows, until } from '../support/sink-rows.js';

const PARTITIONS = 3;
const TRAFFIC: TrafficOptions = {
  seed: 7,
  records: 200,
  packets: 100,
  sources: 300,
  start: Date.UTC(2026, 0, 2, 23, 59, 50) * 1000,
  step: 2000,
};

let topics: TestTopics;
let database: TestDatabase;
let rows: StoredRows;
const sinks: PostgresSink[] = [];

beforeEach(async () => {
  topics = createTestTopics();
  database = await createTestDatabase();
  await migrate(database.settings, testLog());
  await createTopicsFor(topics, PARTITIONS);
  rows = new StoredRows(database.connection);
});

afterEach(async () => {
  for (const sink of sinks.splice(0)) await sink.stop();
  await database.remove();
  await topics.remove();
});

async function startSink(store = 'all'): Promise<PostgresSink> {
  const sink = createPostgresSink(
    { ...topics.settings, ...database.settings, store, partitionInterval: 'day' },
    testLog(),
    createRegistry(),
  );
  sinks.push(sink);
  await sink.start();
  return sink;
}

const publish = (options: TrafficOptions = TRAFFIC): Promise<number> =>
  publishPackets(topics.settings, packetRecords(options));

async function send(topic: string, messages: { key?: string; value: string | Buffer; partition?: number }[]) {
  const producer = quietKafka(topics.brokers).producer();
  await producer.connect();
  await producer.send({ topic, messages });
  await producer.disconnect();
}

/** The first `count` records of a topic. */
async function read(topic: string, count: number): Promise<KafkaMessage[]> {
  const consumer = quietKafka(topics.brokers).consumer({ groupId: `${topics.prefix}reader-${Math.random()}` });
  const messages: KafkaMessage[] = [];
  await consumer.connect();
  await consumer.subscribe({ topic, fromBeginning: true });
  await consumer.run({
    eachMessage: async ({ message }) => {
      messages.push(message);
    },
  });
  await until(async () => messages.length >= count);
  await consumer.disconnect();
  return messages;
}

describe('postgres sink', () => {
  it('stores every packet once, with rollups that add up to the packets', async () => {
    const packets = await publish();
    await startSink();
    await until(async () => (await rows.accounted()) === packets);
    expect(await rows.value('SELECT count(*)::float8 FROM packets')).toBe(packets);
    expect(await rows.value('SELECT count(DISTINCT id)::float8 FROM packets')).toBe(packets);
    expect(await rows.value('SELECT count(*)::float8 FROM packet_segments_default')).toBe(0);
    const [stored] = await rows.query(
      'SELECT count(*)::float8 AS packets, sum(frame_length)::float8 AS bytes FROM packets',
    );
    for (const resolution of [1, 60]) {
      for (const table of ['traffic_totals', 'traffic_protocols', 'traffic_sources']) {
        const sums = await rows.query(
          `SELECT sum(packets)::float8 AS packets, sum(bytes)::float8 AS bytes FROM ${table} WHERE resolution = $1`,
          [resolution],
        );
        expect(sums, `${table} by ${resolution} min`).toEqual([stored]);
      }
      const ports = await rows.value('SELECT sum(packets)::float8 FROM traffic_ports WHERE resolution = $1', [
        resolution,
      ]);
      expect(ports).toBe(await rows.value('SELECT count(*)::float8 FROM packets WHERE destination_port IS NOT NULL'));
    }
    const flags = `sum((tcp_flags & 2 > 0)::int)::float8 AS syn, sum((tcp_flags & 18 = 2)::int)::float8 AS syn_only,
      sum((tcp_flags & 1 > 0)::int)::float8 AS fin, count(failure)::float8 AS failures`;
    expect(
      await rows.query(
        `SELECT sum(tcp_syn)::float8 AS syn, sum(tcp_syn_only)::float8 AS syn_only, sum(tcp_fin)::float8 AS fin,
           sum(failures)::float8 AS failures FROM traffic_totals WHERE resolution = 1`,
      ),
    ).toEqual(await rows.query(`SELECT ${flags} FROM packets`));
    const sources = await rows.value<number>(
      'SELECT distinct_sources(bit_or(source_sketch))::float8 FROM traffic_totals WHERE resolution = 60',
    );
    const known = await rows.value<number>(
      "SELECT count(DISTINCT coalesce(source::text, source_mac::text, ''))::float8 FROM packets",
    );
    expect(Math.abs(sources / known - 1)).toBeLessThan(0.15);
  });

  it('goes on where it stopped, and starts over in a database that has nothing', async () => {
    const first = await publish();
    await (await startSink()).stop();
    sinks.length = 0;
    const second = await publish({ ...TRAFFIC, seed: 8 });
    await startSink();
    await until(async () => (await rows.accounted()) === first + second);
    expect(await rows.value('SELECT count(*)::float8 FROM packets')).toBe(first + second);
    await sinks.pop()!.stop();
    const expected = await rows.fingerprint();
    await database.remove();
    database = await createTestDatabase();
    await migrate(database.settings, testLog());
    rows = new StoredRows(database.connection);
    await startSink();
    await until(async () => (await rows.accounted()) === first + second);
    expect(await rows.fingerprint()).toEqual(expected);
  });

  it('puts rows that Postgres refuses on the dead-letter topic and stores the others', async () => {
    await rows.query(`CREATE FUNCTION ends_on_7(numbers integer[]) RETURNS boolean LANGUAGE sql IMMUTABLE
      AS $$ SELECT coalesce(bool_or((number::bigint & 4294967295) % 1000 = 7), false) FROM unnest(numbers) AS number $$`);
    await rows.query('ALTER TABLE packet_segments ADD CONSTRAINT no_sevens CHECK (NOT ends_on_7(tcp_sequences))');
    const packets = await publish();
    await startSink();
    await until(async () => (await rows.accounted()) === packets);
    const refused = await rows.value<number>('SELECT sum(refused_rows)::float8 FROM sink_offsets');
    expect(refused).toBeGreaterThan(0);
    expect(await rows.value('SELECT count(*)::float8 FROM packets')).toBe(packets - refused);
    expect(await rows.value('SELECT sum(stored_rows)::float8 FROM sink_offsets')).toBe(packets - refused);
    const letters = await read(topicName('packetsDeadLetter', topics.prefix), refused);
    expect(letters.length).toBe(refused);
    for (const letter of letters) {
      expect(String(letter.headers?.['sqlstate'])).toBe('23514');
      expect(String(letter.headers?.['stage'])).toBe('sink');
      const block = new PacketBlock(1);
      expect(decodePacketBatch(letter.value!, block)).toMatchObject({ ok: true, packets: 1 });
      expect(block.tcpSequence[0]! % 1000).toBe(7);
    }
  });

  it('passes over records that cannot be read, onto the dead-letter topic', async () => {
    const topic = topicName('packets', topics.prefix);
    await send(topic, [{ key: 'x', value: 'no avro', partition: 0 }]);
    const packets = await publish();
    await send(topic, [{ key: 'y', value: Buffer.from('c301bf308ad6d186edeb00', 'hex'), partition: 0 }]);
    await startSink();
    await until(async () => (await rows.accounted()) === packets);
    const letters = await read(topicName('packetsDeadLetter', topics.prefix), 2);
    expect(letters.map(({ headers }) => String(headers?.['reason']))).toEqual(['not_avro', 'truncated']);
    expect(String(letters[0]!.value)).toBe('no avro');
    const { high } = (await topicOffsets(topic)).find(({ partition }) => partition === 0)!;
    await until(
      async () =>
        (await rows.value('SELECT next_offset::text FROM sink_offsets WHERE partition = 0 AND topic = $1', [topic])) ===
        high,
    );
  });

  it('keeps one packet in N, and statistics of all', async () => {
    const packets = await publish();
    await startSink('sample:1/10');
    await until(async () => (await rows.accounted()) === packets);
    const stored = await rows.value<number>('SELECT count(*)::float8 FROM packets');
    expect(Math.abs(stored - packets / 10)).toBeLessThanOrEqual(PARTITIONS);
    expect(await rows.value('SELECT sum(packets)::float8 FROM traffic_totals WHERE resolution = 1')).toBe(packets);
  });

  it('keeps the packets of alerted sources, and statistics of all', async () => {
    await rows.query(
      `INSERT INTO alerts (id, rule_id, rule_name, rule_version, severity, status, sequence, source, technique_ids,
         capture_nodes, message, crossed_at, first_seen, last_seen, packets, evidence, document, updated_at)
       SELECT source, 'r', 'r', '1', 3, status, 1, source, '{}', '{}', 'm', now(), now(), now(), 1, '{}', '{}', updated
       FROM (VALUES ('10.0.0.7', 'open', now() - interval '1 day'), ('10.0.0.8', 'closed', now() - interval '1 day'),
         ('10.0.0.9', 'closed', now())) AS v (source, status, updated)`,
    );
    const packets = await publish({ ...TRAFFIC, sources: 20 });
    await startSink('alerts');
    await until(async () => (await rows.accounted()) === packets);
    const stored = await rows.query<{ source: string }>(
      'SELECT DISTINCT host(source) AS source FROM packets ORDER BY source',
    );
    expect(stored.map(({ source }) => source)).toEqual(['10.0.0.7', '10.0.0.9']);
    const counted = await rows.value(
      "SELECT sum(packets)::float8 FROM traffic_sources WHERE resolution = 60 AND source IN ('10.0.0.7', '10.0.0.9')",
    );
    expect(await rows.value('SELECT count(*)::float8 FROM packets')).toBe(counted);
    expect(await rows.value('SELECT sum(packets)::float8 FROM traffic_totals WHERE resolution = 1')).toBe(packets);
  });

  it('notices a topic that was recreated', async () => {
    const topic = topicName('packets', topics.prefix);
    const first = await publish();
    await startSink();
    await until(async () => (await rows.accounted()) === first);
    await sinks.pop()!.stop();
    const kafka = createKafka(topics.settings, 'test', testLog());
    const before = (await fetchTopicIds(kafka, [topic, 'missing'])).get(topic);
    await recreateTopic(topics, topic, PARTITIONS);
    const ids = await fetchTopicIds(kafka, [topic, 'missing']);
    expect(ids.get(topic)).toMatch(/^[0-9a-f-]{36}$/);
    expect(ids.get(topic)).not.toBe(before);
    expect(ids.has('missing')).toBe(false);
    const second = await publish({ ...TRAFFIC, seed: 9 });
    await startSink();
    await until(async () => (await rows.accounted()) === first + second);
    expect(await rows.value('SELECT count(*)::float8 FROM packets')).toBe(first + second);
    expect(await rows.value('SELECT count(DISTINCT id)::float8 FROM packets')).toBe(first + second);
  });

  it('puts absurd times into the default partition', async () => {
    const packets = await publish({ ...TRAFFIC, records: 3, start: Date.UTC(2190, 0, 1) * 1000 });
    await startSink();
    await until(async () => (await rows.accounted()) === packets);
    expect(await rows.value('SELECT sum(packets)::float8 FROM packet_segments_default')).toBe(packets);
  });

  it('waits while Postgres is read-only, says so, and goes on by itself, whatever connections break', async () => {
    const name = database.connection.database;
    const sink = await startSink();
    const first = await publish();
    await until(async () => (await rows.accounted()) === first);
    const breakConnections = () =>
      rows.query("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'nta-sink'");
    await rows.query(`ALTER DATABASE ${name} SET default_transaction_read_only = on`);
    await breakConnections();
    const second = await publish({ ...TRAFFIC, seed: 8 });
    await until(async () => sink.readiness()?.includes('read-only') ?? false);
    await rows.query(
      `BEGIN; SET TRANSACTION READ WRITE; ALTER DATABASE ${name} RESET default_transaction_read_only; COMMIT`,
    );
    for (let i = 0; i < 10; i++) await breakConnections();
    await until(async () => (await rows.accounted()) === first + second);
    expect(await rows.value('SELECT count(DISTINCT id)::float8 FROM packets')).toBe(first + second);
    expect(await rows.value('SELECT count(*)::float8 FROM packets')).toBe(first + second);
    expect(sink.readiness()).toBeNull();
  });

  it('stores the latest heartbeat of a node', async () => {
    const heartbeat = (sent_at: string): string =>
      JSON.stringify({
        capture_node: 'node-1',
        version: '1.0.0',
        started_at: '2026-01-01T00:00:00Z',
        sent_at,
        interval_ms: 5000,
        stopped: false,
        interfaces: [],
      });
    await send(topicName('captureNodes', topics.prefix), [
      { key: 'node-1', value: heartbeat('2026-01-01T00:00:05Z') },
      { key: 'node-1', value: 'no json' },
      { key: 'node-1', value: heartbeat('2026-01-01T00:00:10Z') },
    ]);
    await startSink();
    await until(async () => (await rows.value<number>('SELECT count(*)::int FROM capture_nodes')) === 1);
    const [node] = await rows.query<{ sent_at: Date; fresh: boolean }>(
      `SELECT sent_at, received_at > now() - interval '1 minute' AS fresh FROM capture_nodes`,
    );
    expect(node).toEqual({ sent_at: new Date('2026-01-01T00:00:10Z'), fresh: true });
  });
});

async function topicOffsets(topic: string): Promise<{ partition: number; high: string }[]> {
  const admin = quietKafka(topics.brokers).admin();
  await admin.connect();
  try {
    return await admin.fetchTopicOffsets(topic);
  } finally {
    await admin.disconnect();
  }
}
