/** Where a new delivery begins, with a real Kafka: what it pauses meanwhile. */
import type { Consumer } from 'kafkajs';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { createKafka } from '../../../runtime/kafka/client.js';
import { ensureTopics } from '../../../runtime/kafka/topic-setup.js';
import { topicName } from '../../../schemas/topics.js';
import { StartingPoint } from '../../../sinks/deliveries/starting-point.js';
import { createTestTopics, quietKafka, type TestTopics, testLog } from '../../support/local-stack.js';

let topics: TestTopics;
let consumer: Consumer;
let startingPoint: StartingPoint;

beforeEach(async () => {
  topics = createTestTopics();
  await ensureTopics(createKafka(topics.settings, 'test', testLog()), {
    partitions: 3,
    replicationFactor: 1,
    retentionHours: 24,
    retentionBytes: 0,
    topicPrefix: topics.prefix,
  });
});

afterEach(async () => {
  startingPoint.stop();
  await consumer.disconnect();
  await topics.remove();
});

it('resumes a partition that it paused, lost before the group had its start, and has again afterwards', async () => {
  const topic = topicName('alerts', topics.prefix);
  const groupId = `${topics.prefix}webhook`;
  const kafka = quietKafka(topics.brokers);
  consumer = kafka.consumer({ groupId });
  startingPoint = new StartingPoint(
    kafka,
    consumer,
    { groupId, topic, earliestFlag: '--webhook-start earliest' },
    testLog(),
  );
  const joined = new Promise<void>((resolve) => {
    consumer.on(consumer.events.GROUP_JOIN, () => resolve());
  });
  await consumer.connect();
  await consumer.subscribe({ topic, fromBeginning: true });
  await consumer.run({ autoCommit: false, eachMessage: async () => undefined });
  await joined;
  const paused = () => consumer.paused().flatMap(({ partitions }) => partitions);

  // Assignments as a rebalance makes them. To kafkajs the member has all partitions throughout, so that it shows what it
  // would remember of one that came back.
  startingPoint.onAssignment([0, 1, 2], false);
  expect(paused().sort()).toEqual([0, 1, 2]);
  startingPoint.onAssignment([0], false);
  // The leader's commit, for which this member waits.
  await consumer.commitOffsets([0, 1, 2].map((partition) => ({ topic, partition, offset: '0' })));
  await startingPoint.found;
  expect(paused()).toEqual([]);
});
