/** A topic whose partitions change while records are published to it. */
import type { Admin } from 'kafkajs';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { Publisher } from '../../../producers/publisher/publisher.js';
import { createKafka } from '../../../runtime/kafka/client.js';
import { partitionOf } from '../../../runtime/kafka/partition.js';
import { topicName } from '../../../schemas/topics.js';
import { readTopic } from '../../support/alert-log.js';
import { until } from '../../support/capture-node.js';
import { createTestTopics, quietKafka, type TestTopics, testLog } from '../../support/local-stack.js';
import { createTopicsFor } from '../../support/packet-topic.js';

const KEYS = Array.from({ length: 40 }, (_, index) => `192.0.2.${index}`);

let topics: TestTopics;
let topic: string;
let admin: Admin;
let publisher: Publisher;
let published: number;

beforeEach(async () => {
  topics = createTestTopics();
  topic = topicName('packets', topics.prefix);
  await createTopicsFor(topics, 4);
  admin = quietKafka(topics.brokers).admin();
  await admin.connect();
  published = 0;
  const kafka = createKafka(topics.settings, 'test', testLog());
  publisher = new Publisher(
    kafka,
    topic,
    {
      onSettled: () => undefined,
      onPublished: (_, packets) => {
        published += packets;
      },
      onRefused: (_, __, reason) => {
        throw new Error(reason);
      },
      onStuck: (failure) => {
        throw failure;
      },
    },
    testLog(),
  );
  await publisher.start();
});

afterEach(async () => {
  await publisher.stop();
  await admin.disconnect();
  await topics.remove();
});

/** One record for each key; resolves when all are acknowledged. */
async function round(number: number): Promise<void> {
  for (const key of KEYS) {
    const value = Buffer.from(String(number));
    publisher.publish({ key: Buffer.from(key), value, packets: 1, interfaceName: 'eth0', memory: null });
  }
  await publisher.settled();
}

/** The partition of each key in a round. */
async function placesOf(number: number): Promise<Map<string, number>> {
  const places = new Map<string, number>();
  (await readTopic(quietKafka(topics.brokers), topic)).forEach((records, partition) => {
    for (const { key, value } of records)
      if (value!.toString() === String(number)) places.set(key!.toString(), partition);
  });
  return places;
}

const expected = (partitions: number): Map<string, number> =>
  new Map(KEYS.map((key) => [key, partitionOf(Buffer.from(key), partitions)]));

const sorted = (places: ReadonlyMap<string, number>): [string, number][] => [...places].sort();

it('uses partitions that are added, without a restart', async () => {
  await round(1);
  await admin.createPartitions({ topicPartitions: [{ topic, count: 7 }] });
  let rounds = 1;
  await until('the new partitions are known', async () => {
    await round(++rounds);
    return publisher.partitions === 7;
  });
  await round(++rounds);
  expect(sorted(await placesOf(1))).toEqual(sorted(expected(4)));
  expect(sorted(await placesOf(rounds))).toEqual(sorted(expected(7)));
  expect(published).toBe(rounds * KEYS.length);
});

it('loses nothing to partitions that are gone when the topic is made anew with fewer', async () => {
  await round(1);
  await admin.deleteTopics({ topics: [topic] });
  await until('the topic is gone', async () => !(await admin.listTopics()).includes(topic));
  await admin.createTopics({ topics: [{ topic, numPartitions: 2, replicationFactor: 1 }] });
  await round(2);
  expect(publisher.partitions).toBe(2);
  expect(sorted(await placesOf(2))).toEqual(sorted(expected(2)));
  expect(published).toBe(2 * KEYS.length);
});
