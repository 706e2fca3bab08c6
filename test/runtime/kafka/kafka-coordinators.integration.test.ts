/** Transactions with a real broker: how often it is asked for their coordinators. */
import { type Kafka, Partitioners } from 'kafkajs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { withKnownCoordinators } from '../../../runtime/kafka/kafka-coordinators.js';
import { withClusters } from '../../../runtime/kafka/kafkajs-internals.js';
import { createTestTopics, quietKafka, type TestTopics } from '../../support/local-stack.js';

const TRANSACTIONS = 5;

let topics: TestTopics;
let kafka: Kafka;
let topic: string;

beforeAll(async () => {
  topics = createTestTopics();
  kafka = quietKafka(topics.brokers);
  topic = `${topics.prefix}coordinators`;
  const admin = kafka.admin();
  await admin.connect();
  await admin.createTopics({ topics: [{ topic, numPartitions: 1 }], waitForLeaders: true });
  await admin.disconnect();
});
afterAll(() => topics.remove());

/** Commits transactions of records and offsets, one after the other, and returns what they left in the group. */
async function transact(client: Kafka, id: string): Promise<number> {
  const producer = client.producer({
    transactionalId: `${topics.prefix}${id}`,
    maxInFlightRequests: 1,
    idempotent: true,
    createPartitioner: Partitioners.DefaultPartitioner,
  });
  const consumerGroupId = `${topics.prefix}${id}`;
  await producer.connect();
  for (let number = 1; number <= TRANSACTIONS; number++) {
    const transaction = await producer.transaction();
    await transaction.send({ topic, messages: [{ value: String(number) }] });
    await transaction.sendOffsets({
      consumerGroupId,
      topics: [{ topic, partitions: [{ partition: 0, offset: String(number) }] }],
    });
    await transaction.commit();
  }
  await producer.disconnect();
  const admin = kafka.admin();
  await admin.connect();
  const [group] = await admin.fetchOffsets({ groupId: consumerGroupId, topics: [topic] });
  await admin.disconnect();
  return Number(group!.partitions[0]!.offset);
}

describe('known coordinators', () => {
  it('are not asked for at each step of a transaction, which commits all the same', async () => {
    let asked = 0;
    const counting = withClusters(kafka, (cluster) => {
      const ask = cluster.findGroupCoordinatorMetadata.bind(cluster);
      cluster.findGroupCoordinatorMetadata = (of) => {
        asked++;
        return ask(of);
      };
    });
    expect(await transact(counting, 'each')).toBe(TRANSACTIONS);
    const askedEachTime = asked;
    asked = 0;
    expect(await transact(withKnownCoordinators(counting), 'known')).toBe(TRANSACTIONS);
    expect(askedEachTime).toBeGreaterThanOrEqual(4 * TRANSACTIONS);
    expect(asked).toBeGreaterThan(0);
    expect(asked).toBeLessThanOrEqual(askedEachTime / 2);
  });

  it('are asked for again once asking has failed', async () => {
    let failures = 1;
    const failing = withClusters(kafka, (cluster) => {
      const ask = cluster.findGroupCoordinatorMetadata.bind(cluster);
      cluster.findGroupCoordinatorMetadata = async (of) => {
        if (failures-- > 0) throw Object.assign(new Error('the broker is gone'), { code: 'ECONNREFUSED' });
        return ask(of);
      };
    });
    expect(await transact(withKnownCoordinators(failing), 'failing')).toBe(TRANSACTIONS);
  });
});
