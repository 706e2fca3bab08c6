/** Kafka away under sinks and processors that run: they say so, wait, and go on by themselves once it is back. */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { createProcessor } from '../../processors/processor.js';
import { Registry } from '../../runtime/process/metrics.js';
import { groupName, topicName } from '../../schemas/topics.js';
import { migrate } from '../../sinks/migrations/migration.js';
import { createPostgresSink, sinkOptions } from '../../sinks/postgres-sink.js';
import { progress } from '../support/alert-log.js';
import { spreadScan } from '../support/attack-stream.js';
import { defaultsOf } from '../support/capture-node.js';
import {
  createTestDatabase,
  createTestTopics,
  type PrivateStack,
  quietKafka,
  startPrivateStack,
  type TestDatabase,
  type TestTopics,
  testLog,
} from '../support/local-stack.js';
import { createTopicsFor, publishStream } from '../support/packet-topic.js';
import { processSettings } from '../support/processor-process.js';

const isLong = process.env.NTA_FAULTS === 'long';
const OUTAGE_MS = isLong ? 120_000 : 30_000;
const PARTITIONS = 4;

let stack: PrivateStack;
let topics: TestTopics;
let database: TestDatabase;

beforeEach(async () => {
  stack = await startPrivateStack({ kafka: true, postgres: false });
  topics = createTestTopics(stack.kafka!.brokers);
  database = await createTestDatabase();
  await migrate(database.settings, testLog());
  await createTopicsFor(topics, PARTITIONS);
});

afterEach(async () => {
  await stack?.remove();
  await database?.remove();
});

it('is waited for', { timeout: 300_000 }, async () => {
  const sink = createPostgresSink(
    { ...defaultsOf(sinkOptions), ...topics.settings, ...database.settings } as Parameters<
      typeof createPostgresSink
    >[0],
    testLog(),
    new Registry(),
  );
  const processor = createProcessor({ ...processSettings(), ...topics.settings }, testLog(), new Registry());
  const services = [sink, processor];
  const ended: unknown[] = [];
  for (const { done } of services) done.catch((error: unknown) => ended.push(error));
  await Promise.all(services.map((service) => service.start()));
  try {
    const ready = () => services.map((service) => service.readiness());
    await expect.poll(ready, { timeout: 60_000 }).toEqual([null, null]);
    await publishStream(topics, PARTITIONS, spreadScan(12));
    await stack.kafka!.control.kill9();
    await expect
      .poll(ready, { timeout: 60_000 })
      .toEqual([expect.stringMatching(/^Kafka has not answered/), expect.any(String)]);
    await sleep(OUTAGE_MS);
    expect(ready()).not.toContain(null);
    await stack.kafka!.control.start();
    await expect.poll(ready, { timeout: 60_000 }).toEqual([null, null]);
    await publishStream(topics, PARTITIONS, spreadScan(20));
    const admin = quietKafka(topics.brokers).admin();
    await admin.connect();
    const state = () => progress(admin, groupName('processors', topics.prefix), topicName('packets', topics.prefix));
    await expect.poll(state, { timeout: 60_000 }).toMatchObject({ packets: 32, left: 0 });
    await admin.disconnect();
    expect(ended).toEqual([]);
  } finally {
    await Promise.all(services.map((service) => service.stop().catch(() => undefined)));
  }
});
