/**
 * Alert events of hunts into Kafka, exactly once. A run's events wait in the table hunt_outbox; the Kafka transaction that publishes
 * them also commits the run's number, as the offset of the group nta-hunt. So whoever starts after a crash reads from Kafka
 * which runs have been published, whatever Postgres has come to know of it. The transactional id fences a hunt that another one has replaced.
 */
import type { Kafka, Producer } from 'kafkajs';
import { fence, inTransaction, sendOffsets, transactionalProducer } from '../../runtime/kafka/transaction.js';
import { Failure, messageOf } from '../../runtime/process/failure.js';

export interface OutboxEvent {
  readonly key: string;
  readonly value: string;
}

const TRANSACTION_TIMEOUT_MS = 30_000;
/** Events of a transaction's requests. */
const EVENTS_MAX = 500;

export class HuntPublisher {
  private readonly producer: Producer;

  constructor(
    private readonly kafka: Kafka,
    private readonly groupId: string,
    private readonly topic: string,
  ) {
    this.producer = transactionalProducer(kafka, {
      transactionalId: groupId,
      transactionTimeout: TRANSACTION_TIMEOUT_MS,
    });
  }

  /** Ends what an earlier hunt left open, and gives the number of the last run that was published; -1 for none. */
  async start(): Promise<bigint> {
    await fence(this.producer);
    const admin = this.kafka.admin();
    try {
      await admin.connect();
      const [group] = await admin.fetchOffsets({ groupId: this.groupId, topics: [this.topic] });
      const own = group?.partitions.find(({ partition }) => partition === 0);
      return BigInt(own?.offset ?? -1);
    } finally {
      await admin.disconnect();
    }
  }

  /** @throws Failure `HUNT_TRANSACTION`, retriable: the next run looks what became of it. */
  async publish(run: bigint, events: readonly OutboxEvent[]): Promise<void> {
    try {
      await inTransaction(this.producer, async (transaction) => {
        for (let at = 0; at < events.length; at += EVENTS_MAX) {
          const messages = events.slice(at, at + EVENTS_MAX).map(({ key, value }) => ({ key, value }));
          await transaction.send({ topic: this.topic, messages, acks: -1 });
        }
        const partitions = [{ partition: 0, offset: String(run) }];
        await sendOffsets(transaction, {
          consumerGroupId: this.groupId,
          topics: [{ topic: this.topic, partitions }],
        });
      });
    } catch (error) {
      throw new Failure('HUNT_TRANSACTION', `alerts of a hunt were not published: ${messageOf(error)}`, {
        cause: error,
        retriable: true,
      });
    }
  }

  async stop(): Promise<void> {
    await this.producer.disconnect();
  }
}
