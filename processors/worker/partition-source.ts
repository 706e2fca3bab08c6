/** Where the records of one partition come from: what stands committed, how far the topics go, and when batches come. */
import { setTimeout } from 'node:timers/promises';
import type { Admin, Consumer } from 'kafkajs';
import { Failure } from '../../runtime/process/failure.js';

/** What a partition needs of the consumer and the cluster. Offsets are of the next record. */
export interface PartitionSource {
  /** The group's commit on the input partition; offset -1 when there is none. */
  committed(): Promise<{ readonly offset: number; readonly metadata: string | null }>;
  /** First and end offset of the partition in either topic. */
  bounds(topic: 'input' | 'changelog'): Promise<{ readonly low: number; readonly high: number }>;
  /** The id of the input topic; '' where the broker gives none (before Kafka 2.8). */
  topicId(): Promise<string>;
  /** Lets batches of the topic come, from this offset on. */
  resume(topic: 'input' | 'changelog', offset: number): void;
  pause(topic: 'input' | 'changelog'): void;
}

const OFFSET_ATTEMPTS = 10;

export function createPartitionSource(
  consumer: Consumer,
  admin: Admin,
  groupId: string,
  topics: { readonly input: string; readonly changelog: string },
  partition: number,
  topicId: () => Promise<string>,
): PartitionSource {
  return {
    committed: retrying(async () => {
      const [group] = await admin.fetchOffsets({ groupId, topics: [topics.input] });
      const own = group?.partitions.find((candidate) => candidate.partition === partition);
      return { offset: Number(own?.offset ?? -1), metadata: own?.metadata ?? null };
    }),
    bounds: retrying(async (topic: 'input' | 'changelog') => {
      const offsets = await admin.fetchTopicOffsets(topics[topic]);
      const own = offsets.find((candidate) => candidate.partition === partition);
      if (own === undefined) throw new Failure('TOPICS_PARTITIONS', `${topics[topic]} has no partition ${partition}`);
      return { low: Number(own.low), high: Number(own.high) };
    }),
    topicId: retrying(topicId),
    resume: (topic, offset) => {
      consumer.seek({ topic: topics[topic], partition, offset: String(offset) });
      consumer.resume([{ topic: topics[topic], partitions: [partition] }]);
    },
    pause: (topic) => consumer.pause([{ topic: topics[topic], partitions: [partition] }]),
  };
}

/** kafkajs asks for offsets once; while a partition moves to another broker, or has just been made, that fails. */
function retrying<Arguments extends unknown[], Result>(
  operation: (...args: Arguments) => Promise<Result>,
): (...args: Arguments) => Promise<Result> {
  return async (...args) => {
    for (let attempt = 1; ; attempt++) {
      try {
        return await operation(...args);
      } catch (error) {
        if (attempt === OFFSET_ATTEMPTS || (error as { retriable?: boolean }).retriable !== true) throw error;
        await setTimeout(attempt * 20);
      }
    }
  };
}
