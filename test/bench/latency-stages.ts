/**
 * Where the time from wire to alert went: to the record on `packets` that carries the packet which crossed the
 * threshold, from there to the alert's own record, and from there to whoever reads committed alerts. Kafka's timestamps
 * tell the first two, since a producer sets them when it sends. Read afterwards, so that looking costs the run nothing.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Kafka } from 'kafkajs';
import { formatTimestamp } from '../../schemas/alerts/alert.js';
import { decodePacketBatch, MAX_BATCH_PACKETS } from '../../schemas/packets/packet-batch.js';
import { PacketBlock } from '../../schemas/packets/packet-block.js';
import { quantile } from './statistics.js';

/** An alert's `open`, in ms since the epoch but for `crossed`, which is as it stands in the alert. */
export interface OpenedAlert {
  readonly source: string;
  readonly crossed: string;
  /** Timestamp of its record. */
  readonly sentAt: number;
  readonly readAt: number;
}

const STAGES = ['capture to Kafka', 'Kafka to alert sent', 'alert sent to read'] as const;
const POLL_MS = 20;

/** "capture to Kafka 60 / 110 ms, …": 50th and 99th percentile of each stage. */
export async function describeStages(kafka: Kafka, topic: string, opened: readonly OpenedAlert[]): Promise<string> {
  const sentAt = await timesOnPackets(kafka, topic, opened);
  const stages: number[][] = [[], [], []];
  for (const alert of opened) {
    const published = sentAt.get(keyOf(alert.source, alert.crossed));
    if (published === undefined) continue;
    stages[0]!.push(published - Date.parse(alert.crossed));
    stages[1]!.push(alert.sentAt - published);
    stages[2]!.push(alert.readAt - alert.sentAt);
  }
  return STAGES.map((name, index) => {
    const samples = stages[index]!;
    if (samples.length === 0) return `${name} unknown`;
    return `${name} ${Math.round(quantile(samples, 0.5))} / ${Math.round(quantile(samples, 0.99))} ms`;
  }).join(', ');
}

function keyOf(source: string, crossed: string): string {
  return `${source} ${crossed}`;
}

/** Timestamps of the records whose packets crossed a threshold. */
async function timesOnPackets(
  kafka: Kafka,
  topic: string,
  opened: readonly OpenedAlert[],
): Promise<ReadonlyMap<string, number>> {
  const wanted = new Map<string, Set<string>>();
  for (const { source, crossed } of opened) wanted.set(source, (wanted.get(source) ?? new Set()).add(crossed));
  const admin = kafka.admin();
  await admin.connect();
  const left = new Set<number>();
  const ends = new Map<number, number>();
  for (const { partition, high } of await admin.fetchTopicOffsets(topic)) {
    ends.set(partition, Number(high));
    if (Number(high) > 0) left.add(partition);
  }
  await admin.disconnect();
  const times = new Map<string, number>();
  const block = new PacketBlock(MAX_BATCH_PACKETS);
  const consumer = kafka.consumer({ groupId: `${topic}-stages`, maxWaitTimeInMs: POLL_MS });
  try {
    await consumer.connect();
    await consumer.subscribe({ topic, fromBeginning: true });
    await consumer.run({
      autoCommit: false,
      eachBatch: async ({ batch }) => {
        for (const { key, value, timestamp } of batch.messages) {
          const source = key?.toString() ?? '';
          const crossings = wanted.get(source);
          if (crossings === undefined || value === null) continue;
          block.reset();
          if (!decodePacketBatch(value, block).ok) continue;
          for (let row = 0; row < block.count; row++) {
            const crossed = formatTimestamp(block.timestamp[row]!);
            if (crossings.has(crossed)) times.set(keyOf(source, crossed), Number(timestamp));
          }
        }
        if (Number(batch.lastOffset()) + 1 >= ends.get(batch.partition)!) left.delete(batch.partition);
      },
    });
    while (left.size > 0) await sleep(POLL_MS);
  } finally {
    await consumer.disconnect();
  }
  return times;
}
