/** Partitions added while everything runs, as an operator may: to `packets` alone first, then by `nta setup`. */
import type { Admin } from 'kafkajs';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { createProcessor, type Processor } from '../../processors/processor.js';
import { partitionOf } from '../../runtime/kafka/partition.js';
import { Registry } from '../../runtime/process/metrics.js';
import { groupName, topicName } from '../../schemas/topics.js';
import { migrate } from '../../sinks/migrations/migration.js';
import { createPostgresSink, type PostgresSink, sinkOptions } from '../../sinks/postgres-sink.js';
import { progress } from '../support/alert-log.js';
import { SPREAD_SCANNER, spreadScan } from '../support/attack-stream.js';
import { defaultsOf } from '../support/capture-node.js';
import {
  createTestDatabase,
  createTestTopics,
  quietKafka,
  type TestDatabase,
  type TestTopics,
  testLog,
} from '../support/local-stack.js';
import { createTopicsFor, publishStream } from '../support/packet-topic.js';
import { processSettings } from '../support/processor-process.js';
import { StoredRows } from '../support/sink-rows.js';

const PARTITIONS = 2;
const GROWN = 5;

let topics: TestTopics;
let database: TestDatabase;
let admin: Admin;
let processors: Processor[];
let sink: PostgresSink;
const ended: unknown[] = [];

beforeEach(async () => {
  topics = createTestTopics();
  database = await createTestDatabase();
  await migrate(database.settings, testLog());
  await createTopicsFor(topics, PARTITIONS);
  admin = quietKafka(topics.brokers).admin();
  await admin.connect();
  const log = testLog().child({}, { level: 'fatal' }); // the shortage is what this test makes
  processors = [1, 2].map(() => createProcessor({ ...processSettings(), ...topics.settings }, log, new Registry()));
  const settings = { ...defaultsOf(sinkOptions), ...topics.settings, ...database.settings };
  sink = createPostgresSink(settings as Parameters<typeof createPostgresSink>[0], log, new Registry());
  for (const service of [...processors, sink]) {
    service.done.catch((error: unknown) => ended.push(error));
    await service.start();
  }
});

afterEach(async () => {
  await Promise.all([...processors, sink].map((service) => service.stop()));
  await admin.disconnect();
  await database.remove();
  await topics.remove();
});

it('are processed and stored without a restart', async () => {
  const packets = topicName('packets', topics.prefix);
  const state = () => progress(admin, groupName('processors', topics.prefix), packets);
  const rows = new StoredRows(database.connection);
  const readiness = () => [...processors, sink].map((service) => service.readiness());
  await expect.poll(readiness, { timeout: 60_000 }).toEqual([null, null, null]);
  await publishStream(topics, PARTITIONS, spreadScan(12));
  await expect.poll(state, { timeout: 60_000 }).toMatchObject({ packets: 12, left: 0 });

  await admin.createPartitions({ topicPartitions: [{ topic: packets, count: GROWN }] });
  const shortage = expect.stringMatching(/has 5 partitions, .*alerts only 2, .* until nta setup has added them$/);
  await expect.poll(readiness, { timeout: 60_000 }).toEqual([shortage, shortage, null]);
  // The scanner's new partition is one that nobody works on yet.
  expect(partitionOf(Buffer.from(SPREAD_SCANNER), GROWN)).toBeGreaterThanOrEqual(PARTITIONS);
  await publishStream(topics, GROWN, spreadScan(20));

  await createTopicsFor(topics, GROWN);
  await expect.poll(readiness, { timeout: 60_000 }).toEqual([null, null, null]);
  await expect.poll(state, { timeout: 60_000 }).toMatchObject({ packets: 32, left: 0 });
  await expect.poll(() => rows.accounted(), { timeout: 60_000 }).toBe(32);
  const stored = () => rows.value(`SELECT max(packets)::float8 FROM alerts WHERE source = '${SPREAD_SCANNER}'`);
  await expect.poll(stored, { timeout: 60_000 }).toBe(20);
  expect(ended).toEqual([]);
});
