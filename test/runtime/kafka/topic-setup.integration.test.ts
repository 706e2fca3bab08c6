import type { Admin } from 'kafkajs';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { createKafka } from '../../../runtime/kafka/client.js';
import { ensureTopics, type TopicSetupResult } from '../../../runtime/kafka/topic-setup.js';
import { topicName } from '../../../schemas/topics.js';
import { createTestTopics, quietKafka, type TestTopics, testLog } from '../../support/local-stack.js';

let topics: TestTopics;
let admin: Admin;

beforeEach(async () => {
  topics = createTestTopics();
  admin = quietKafka(topics.brokers).admin();
  await admin.connect();
});

afterEach(async () => {
  await admin.disconnect();
  await topics.remove();
});

function setUp(partitions: number): Promise<TopicSetupResult> {
  const settings = { partitions, replicationFactor: 1, retentionHours: 24, retentionBytes: 0 };
  return ensureTopics(createKafka(topics.settings, 'test', testLog()), { ...settings, topicPrefix: topics.prefix });
}

async function layout(): Promise<Record<string, number>> {
  const ids = ['packets', 'alerts', 'alertEpisodes', 'packetsDeadLetter'] as const;
  const metadata = await admin.fetchTopicMetadata({ topics: ids.map((id) => topicName(id, topics.prefix)) });
  return Object.fromEntries(
    metadata.topics.map(({ name, partitions }) => [name.slice(topics.prefix.length), partitions.length]),
  );
}

it('makes topics that belong together grow together, and shrinks none', async () => {
  expect(await setUp(2)).toMatchObject({ grown: [], note: null });
  await admin.createPartitions({ topicPartitions: [{ topic: topicName('packets', topics.prefix), count: 3 }] });
  await expect.poll(layout).toMatchObject({ packets: 3, alerts: 2 }); // brokers hear of it a little later
  const { grown, created } = await setUp(0);
  expect(created).toEqual([]);
  expect(grown.map(({ before, after }) => [before, after])).toEqual([
    [2, 3],
    [2, 3],
  ]);
  expect(await layout()).toEqual({ packets: 3, alerts: 3, 'alert-episodes': 3, 'packets-dead-letter': 1 });

  expect((await setUp(5)).grown.at(-1)).toMatchObject({ name: topicName('packets', topics.prefix), after: 5 });
  const smaller = await setUp(4);
  expect(smaller.grown).toEqual([]);
  expect(smaller.note).toContain('have 5 partitions and keep them');
  expect(await layout()).toEqual({ packets: 5, alerts: 5, 'alert-episodes': 5, 'packets-dead-letter': 1 });
});
