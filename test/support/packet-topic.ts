/** Topics of a test and records on them. */
import { setTimeout } from 'node:timers/promises';
import { Partitioners } from 'kafkajs';
import { ensureTopics } from '../../runtime/kafka/topic-setup.js';
import { topicName } from '../../schemas/topics.js';
import type { StreamRecord } from './attack-stream.js';
import { quietKafka, type TestTopics } from './local-stack.js';
import { until } from './sink-rows.js';

/** Creates the topics of the catalogue; a broker that has just started may need more than one attempt. */
export async function createTopicsFor(
  topics: Pick<TestTopics, 'brokers' | 'settings'>,
  partitions: number,
): Promise<void> {
  const options = { partitions, replicationFactor: 1, retentionHours: 24, retentionBytes: 0 };
  for (let attempt = 1; ; attempt++) {
    try {
      await ensureTopics(quietKafka(topics.brokers), { ...topics.settings, ...options });
      return;
    } catch (error) {
      if (attempt === 20) throw error;
      await setTimeout(100);
    }
  }
}

/** Deletes a topic of the catalogue and makes it again, with another id. */
export async function recreateTopic(
  topics: Pick<TestTopics, 'brokers' | 'settings'>,
  topic: string,
  partitions: number,
): Promise<void> {
  const admin = quietKafka(topics.brokers).admin();
  await admin.connect();
  await admin.deleteTopics({ topics: [topic] });
  await until(async () => !(await admin.listTopics()).includes(topic));
  await admin.disconnect();
  await createTopicsFor(topics, partitions);
}

/** Publishes records, ticks to every partition; returns their packets. */
export async function publishStream(
  topics: Pick<TestTopics, 'brokers' | 'prefix'>,
  partitions: number,
  records: Iterable<StreamRecord>,
): Promise<number> {
  const producer = quietKafka(topics.brokers).producer({
    idempotent: true,
    maxInFlightRequests: 1,
    createPartitioner: Partitioners.DefaultPartitioner,
  });
  await producer.connect();
  let packets = 0;
  const messages: { key: string | null; value: Buffer; partition?: number }[] = [];
  for (const { key, value, packets: count } of records) {
    packets += count;
    if (key !== null) messages.push({ key, value });
    else for (let partition = 0; partition < partitions; partition++) messages.push({ key, value, partition });
  }
  if (messages.length > 0) await producer.send({ topic: topicName('packets', topics.prefix), acks: -1, messages });
  await producer.disconnect();
  return packets;
}
