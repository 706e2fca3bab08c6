/**
 * How many partitions can be worked on. One of the input needs the partition of the same number in the topics that the
 * processors write; where those have fewer, the rest of the input waits, which is said, until `nta setup` has added them.
 */
import type { Admin } from 'kafkajs';
import { Failure } from '../../runtime/process/failure.js';

export interface LayoutTopics {
  readonly input: string;
  readonly alerts: string;
  readonly changelog: string;
  readonly deadLetters: string;
}

export interface PartitionLayout {
  /** Partitions that all of the topics have. */
  readonly usable: number;
  /** Why not all of the input is worked on, or null. */
  readonly shortage: string | null;
}

/** @throws Failure `TOPICS_MISSING`, retriable, since one that is recreated is missing for a while. */
export async function readLayout(admin: Admin, topics: LayoutTopics): Promise<PartitionLayout> {
  const names = Object.values(topics);
  const existing = new Set(await admin.listTopics());
  const missing = names.filter((name) => !existing.has(name));
  if (missing.length > 0) {
    throw new Failure(
      'TOPICS_MISSING',
      `Kafka has no topic ${missing.join(', ')}: create what is missing with nta setup`,
      { retriable: true },
    );
  }
  const metadata = await admin.fetchTopicMetadata({ topics: names });
  return layoutOf(topics, (name) => metadata.topics.find((topic) => topic.name === name)?.partitions.length ?? 0);
}

export function layoutOf(topics: LayoutTopics, partitionCount: (topic: string) => number): PartitionLayout {
  const total = partitionCount(topics.input);
  const short = [topics.alerts, topics.changelog].filter((name) => partitionCount(name) < total);
  if (short.length === 0) return { usable: total, shortage: null };
  const counts = short.map((name) => `${name} only ${partitionCount(name)}`).join(', ');
  return {
    usable: Math.min(...short.map(partitionCount)),
    shortage: `${topics.input} has ${total} partitions, ${counts}: what is beyond is not processed until nta setup has added them`,
  };
}
