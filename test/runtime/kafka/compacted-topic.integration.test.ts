/** A compacted topic that is followed without a group, with a real Kafka. */
import { isDeepStrictEqual } from 'node:util';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { createKafka } from '../../../runtime/kafka/client.js';
import { CompactedTopic } from '../../../runtime/kafka/compacted-topic.js';
import { topicName } from '../../../schemas/topics.js';
import { createTestTopics, quietKafka, type TestTopics, testLog } from '../../support/local-stack.js';
import { createTopicsFor, recreateTopic } from '../../support/packet-topic.js';
import { until } from '../../support/sink-rows.js';

let topics: TestTopics;
let topic: string;
let following: CompactedTopic;
/** What it has, as whoever follows it knows it. */
let known: Map<string, string | null>;
let takes: number;

beforeEach(async () => {
  topics = createTestTopics();
  topic = topicName('exceptions', topics.prefix);
  await createTopicsFor(topics, 1);
  known = new Map();
  takes = 0;
  following = new CompactedTopic(
    createKafka(topics.settings, 'test', testLog()),
    topic,
    (records) => {
      takes++;
      for (const { key, value } of records) known.set(key, value);
    },
    () => known.clear(),
    testLog(),
  );
});

afterEach(async () => {
  await following.stop();
  await topics.remove();
});

it('has taken what is there when it has started, and takes what comes', async () => {
  await publish({ a: 'one', b: 'two' });
  await following.start();
  expect([...known]).toEqual([
    ['a', 'one'],
    ['b', 'two'],
  ]);
  await publish({ a: null });
  await until(async () => known.get('a') === null);
});

it.for([
  ['fewer records', { c: 'three' }],
  ['none', {}],
  ['more records', { c: 'three', d: 'four', e: 'five' }],
] as const)('forgets what it took of a topic that is recreated and has %s', async ([, records]) => {
  await publish({ a: 'one', b: 'two' });
  await following.start();
  const before = takes;
  await recreateTopic(topics, topic, 1);
  await publish(records);
  await until(async () => takes > before && isDeepStrictEqual(Object.fromEntries(known), records));
});

async function publish(records: Readonly<Record<string, string | null>>): Promise<void> {
  const producer = quietKafka(topics.brokers).producer();
  await producer.connect();
  const messages = Object.entries(records).map(([key, value]) => ({ key, value }));
  await until(async () => {
    await producer.send({ topic, messages });
    return true;
  });
  await producer.disconnect();
}
