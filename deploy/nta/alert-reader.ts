/** Reads the alert documents that a run added to the topic `alerts`, as a SIEM would: committed ones only. */
import { randomUUID } from 'node:crypto';
import type { Admin, Consumer, Kafka } from 'kafkajs';
import type { AlertDocument } from '../../schemas/alert.js';
import { topicName } from '../../schemas/topics.js';

export type TopicPositions = ReadonlyMap<number, number>;

/** The offset after the newest record of each partition of `alerts`. */
export async function alertPositions(admin: Admin, topicPrefix: string): Promise<TopicPositions> {
  const offsets = await admin.fetchTopicOffsets(topicName('alerts', topicPrefix));
  return new Map(offsets.map(({ partition, high }) => [partition, Number(high)]));
}

/** All documents between two positions, in order of partition and offset. */
export async function readAlerts(
  kafka: Kafka,
  topicPrefix: string,
  from: TopicPositions,
  to: TopicPositions,
): Promise<AlertDocument[]> {
  const wanted = new Map([...to].filter(([partition, end]) => end > (from.get(partition) ?? 0)));
  if (wanted.size === 0) return [];
  const topic = topicName('alerts', topicPrefix);
  const groupId = `${topicPrefix}nta-run-${randomUUID()}`;
  const consumer = kafka.consumer({ groupId, readUncommitted: false, maxWaitTimeInMs: 100 });
  const found: { partition: number; offset: number; document: AlertDocument }[] = [];
  try {
    await consumer.connect();
    await consumer.subscribe({ topic, fromBeginning: true });
    const complete = untilRead(consumer, wanted);
    await consumer.run({
      autoCommit: false,
      eachBatch: async ({ batch }) => {
        const end = wanted.get(batch.partition) ?? 0;
        for (const { offset, value } of batch.messages) {
          if (value && Number(offset) >= (from.get(batch.partition) ?? 0) && Number(offset) < end) {
            found.push({
              partition: batch.partition,
              offset: Number(offset),
              document: JSON.parse(value.toString()) as AlertDocument,
            });
          }
        }
      },
    });
    for (const partition of wanted.keys())
      consumer.seek({ topic, partition, offset: String(from.get(partition) ?? 0) });
    await complete;
  } finally {
    await consumer.disconnect();
    const admin = kafka.admin();
    await admin.connect();
    await admin.deleteGroups([groupId]).catch(() => undefined);
    await admin.disconnect();
  }
  found.sort((a, b) => a.partition - b.partition || a.offset - b.offset);
  return found.map(({ document }) => document);
}

/**
 * Resolves when every wanted partition was read to its end. The last record of a transactional topic is a control
 * record that no handler sees, so progress is taken from the instrumentation event, which counts those too.
 */
function untilRead(consumer: Consumer, wanted: ReadonlyMap<number, number>): Promise<void> {
  const open = new Set(wanted.keys());
  return new Promise((resolve, reject) => {
    consumer.on(consumer.events.END_BATCH_PROCESS, ({ payload }) => {
      if (Number(payload.lastOffset) + 1 >= (wanted.get(payload.partition) ?? 0)) open.delete(payload.partition);
      if (open.size === 0) resolve();
    });
    consumer.on(consumer.events.CRASH, ({ payload }) => reject(payload.error));
  });
}
