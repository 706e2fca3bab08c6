/** What the alerts topic holds, what it ought to hold, and how far the processors have come. */
import { setTimeout } from 'node:timers/promises';
import type { Admin, Kafka, KafkaMessage } from 'kafkajs';
import type { AlertDocument } from '../../schemas/alerts/alert.js';
import { decodePacketBatch, MAX_BATCH_PACKETS } from '../../schemas/packets/packet-batch.js';
import { PacketBlock } from '../../schemas/packets/packet-block.js';
import { UndisturbedWorker } from './undisturbed-worker.js';

const READABLE_WITHIN_MS = 60_000;

/** Every committed record of a topic, partition by partition, in order. */
export async function readTopic(kafka: Kafka, topic: string): Promise<KafkaMessage[][]> {
  const admin = kafka.admin();
  await admin.connect();
  const ends = new Map((await admin.fetchTopicOffsets(topic)).map(({ partition, high }) => [partition, Number(high)]));
  await admin.disconnect();
  const records: KafkaMessage[][] = Array.from({ length: ends.size }, () => []);
  const left = new Set([...ends].filter(([, end]) => end > 0).map(([partition]) => partition));
  if (left.size === 0) return records;
  const consumer = kafka.consumer({ groupId: `${topic}-reader-${Date.now()}-${Math.random()}`, maxWaitTimeInMs: 100 });
  try {
    await consumer.connect();
    await consumer.subscribe({ topic, fromBeginning: true });
    await new Promise<void>((resolve, reject) => {
      consumer.on(consumer.events.CRASH, ({ payload }) => reject(payload.error));
      consumer.on(consumer.events.END_BATCH_PROCESS, ({ payload }) => {
        if (Number(payload.lastOffset) + 1 >= ends.get(payload.partition)!) left.delete(payload.partition);
        if (left.size === 0) resolve();
      });
      consumer
        .run({
          autoCommit: false,
          eachBatch: async ({ batch }) => void records[batch.partition]!.push(...batch.messages),
        })
        .catch(reject);
    });
  } finally {
    await consumer.disconnect();
  }
  return records;
}

/**
 * Every committed alert event, once there are `count`: the broker shows the offsets of a transaction before it has written
 * the markers that make its alerts readable, on a busy machine by seconds.
 */
export async function readAlerts(kafka: Kafka, topic: string, count = 0): Promise<AlertDocument[]> {
  const deadline = Date.now() + READABLE_WITHIN_MS;
  for (;;) {
    const records = (await readTopic(kafka, topic)).flat();
    if (records.length >= count || Date.now() > deadline) {
      return records.map(({ value }) => JSON.parse(value!.toString()) as AlertDocument);
    }
    await setTimeout(200);
  }
}

/** The alerts of an undisturbed run: one worker a partition, all records in one go. */
export function undisturbedAlerts(partitions: readonly (readonly KafkaMessage[])[]): AlertDocument[] {
  return partitions.flatMap((records, partition) => {
    const worker = new UndisturbedWorker(partition);
    worker.read(records);
    return worker.alerts;
  });
}

/** Packets of records of the topic `packets`. */
export function countPackets(partitions: readonly (readonly KafkaMessage[])[]): number {
  const block = new PacketBlock(MAX_BATCH_PACKETS);
  let packets = 0;
  for (const { value } of partitions.flat()) {
    block.reset();
    const batch = decodePacketBatch(value!, block);
    if (batch.ok) packets += batch.packets;
  }
  return packets;
}

/** Packets processed exactly once and the records that are left, from the group's commits. */
export async function progress(
  admin: Admin,
  groupId: string,
  topic: string,
): Promise<{ readonly packets: number; readonly alerts: number; readonly left: number }> {
  const [ends, [group]] = await Promise.all([
    admin.fetchTopicOffsets(topic),
    admin.fetchOffsets({ groupId, topics: [topic] }),
  ]);
  let packets = 0;
  let alerts = 0;
  let left = 0;
  for (const { partition, high } of ends) {
    const commit = group?.partitions.find((candidate) => candidate.partition === partition);
    if (commit?.metadata) {
      const counted = JSON.parse(commit.metadata) as { packets: number; alert_events: number };
      packets += counted.packets;
      alerts += counted.alert_events;
    }
    left += Number(high) - Math.max(0, Number(commit?.offset ?? 0));
  }
  return { packets, alerts, left };
}
