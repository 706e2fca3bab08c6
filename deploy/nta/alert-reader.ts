/** Reads the alert documents that a run added to the topic `alerts`, as a SIEM would: committed ones only. */
import { randomUUID } from 'node:crypto';
import type { Admin, Batch, Kafka } from 'kafkajs';
import { Failure } from '../../runtime/process/failure.js';
import type { AlertDocument } from '../../schemas/alerts/alert.js';
import { topicName } from '../../schemas/topics.js';

/** How long all records of a run may take to become readable, milliseconds. */
const READ_TIMEOUT_MS = 30_000;

export type TopicPositions = ReadonlyMap<number, number>;

/** The offset after the newest record of each partition of `alerts`. */
export async function alertPositions(admin: Admin, topicPrefix: string): Promise<TopicPositions> {
  const offsets = await admin.fetchTopicOffsets(topicName('alerts', topicPrefix));
  return new Map(offsets.map(({ partition, high }) => [partition, Number(high)]));
}

/**
 * The next `count` documents after a position, in order of partition and offset. The count, not an end offset, says when
 * all are there: a transaction's last record is a marker that no consumer sees, and what is committed becomes readable a
 * little after the commit was answered.
 *
 * @throws Failure `ALERTS_MISSING` when they have not become readable in time.
 */
export async function readAlerts(
  kafka: Kafka,
  topicPrefix: string,
  from: TopicPositions,
  count: number,
): Promise<AlertDocument[]> {
  if (count === 0) return [];
  const topic = topicName('alerts', topicPrefix);
  const groupId = `${topicPrefix}nta-run-${randomUUID()}`;
  const consumer = kafka.consumer({ groupId, readUncommitted: false, maxWaitTimeInMs: 100 });
  const found = new Map<string, { partition: number; offset: number; document: AlertDocument }>();
  try {
    await consumer.connect();
    await consumer.subscribe({ topic, fromBeginning: true });
    await new Promise<void>((resolve, reject) => {
      const timer = setTimeout(() => reject(missing(count, found.size)), READ_TIMEOUT_MS);
      consumer.on(consumer.events.CRASH, ({ payload }) => reject(payload.error));
      const take = ({ partition, messages }: Batch): void => {
        for (const { offset, value } of messages) {
          if (value === null || Number(offset) < (from.get(partition) ?? 0)) continue;
          const document = JSON.parse(value.toString()) as AlertDocument;
          found.set(`${partition}:${offset}`, { partition, offset: Number(offset), document });
        }
        if (found.size < count) return;
        clearTimeout(timer);
        resolve();
      };
      consumer.run({ autoCommit: false, eachBatch: async ({ batch }) => take(batch) }).then(() => {
        for (const [partition, offset] of from) consumer.seek({ topic, partition, offset: String(offset) });
      }, reject);
    });
  } finally {
    await consumer.disconnect();
    await deleteGroup(kafka, groupId);
  }
  const ordered = [...found.values()].sort((a, b) => a.partition - b.partition || a.offset - b.offset);
  return ordered.map(({ document }) => document);
}

function missing(count: number, found: number): Failure {
  return new Failure(
    'ALERTS_MISSING',
    `only ${found} of the run's ${count} alert records became readable in ${READ_TIMEOUT_MS / 1000} s; \`kafka-topics.sh --describe\` shows whether a partition of alerts has no leader`,
  );
}

/** The group was for one reading only. */
async function deleteGroup(kafka: Kafka, groupId: string): Promise<void> {
  const admin = kafka.admin();
  await admin.connect();
  await admin.deleteGroups([groupId]).catch(() => undefined);
  await admin.disconnect();
}
