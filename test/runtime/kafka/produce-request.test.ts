import { createRequire } from 'node:module';
import { describe, expect, it } from 'vitest';
import { encodeProduceOrder, type ProduceOrder } from '../../../runtime/kafka/produce-request.js';

const require = createRequire(import.meta.url);
const Long = require('kafkajs/src/utils/long.js') as { fromValue(value: string): { toString(): string } };
const kafkajsRequest = require('kafkajs/src/protocol/requests/produce/v3/request.js') as (
  order: ProduceOrder<KafkajsMessage>,
) => { encode(): Promise<{ readonly buffer: Buffer }> };

interface KafkajsMessage {
  readonly key: Buffer;
  readonly value: Buffer;
  readonly timestamp?: number;
}

const NOW = 1_700_000_000_123;

function messages(count: number, valueLength: number): KafkajsMessage[] {
  return Array.from({ length: count }, (_, index) => ({
    key: Buffer.from(`198.51.100.${index % 256}`),
    value: Buffer.alloc(valueLength + (index % 7), index),
  }));
}

function order(...batches: readonly KafkajsMessage[][]): ProduceOrder<KafkajsMessage> {
  return {
    acks: -1,
    timeout: 30_000,
    producerId: Long.fromValue('9007199254740993'),
    producerEpoch: 3,
    compression: 0,
    topicData: [
      {
        topic: 'packets',
        partitions: batches.map((batch, partition) => ({ partition, firstSequence: 17 + partition, messages: batch })),
      },
    ],
  };
}

/** kafkajs takes its time from the first message, ours from the clock. */
async function byKafkajs(produce: ProduceOrder<KafkajsMessage>): Promise<Buffer> {
  const topicData = produce.topicData.map(({ topic, partitions }) => ({
    topic,
    partitions: partitions.map((partition) => ({
      ...partition,
      messages: partition.messages.map((message) => ({ ...message, timestamp: NOW })),
    })),
  }));
  return (await kafkajsRequest({ ...produce, topicData }).encode()).buffer;
}

describe('encodeProduceOrder', () => {
  it.for([
    { name: 'one small record', produce: order(messages(1, 0)) },
    { name: 'an empty key', produce: order([{ key: Buffer.alloc(0), value: Buffer.from('value') }]) },
    {
      name: 'lengths and numbers of every size',
      produce: order(messages(70, 60), messages(9_000, 3), messages(3, 140_000)),
    },
    { name: 'a transaction', produce: { ...order(messages(5, 100)), transactionalId: 'nta-processors-3' } },
    {
      name: 'two topics',
      produce: {
        ...order(),
        topicData: ['packets', 'größer'].map((topic) => ({ ...order(messages(2, 9)).topicData[0]!, topic })),
      },
    },
  ])('writes the bytes of kafkajs: $name', async ({ produce }) => {
    expect(encodeProduceOrder(produce, NOW).equals(await byKafkajs(produce))).toBe(true);
  });
});
