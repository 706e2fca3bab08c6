/**
 * Alert events of hunts into Kafka, exactly once. A run's events wait in the table hunt_outbox; the Kafka transaction that publishes
 * them also commits the run's number, as the offset of the group nta-hunt. So whoever starts after a crash reads from Kafka
 * which runs have been published, whatever Postgres has come to know of it. The transactional id fences a hunt that another one has replaced.
 */
import { type Kafka, Partitioners, type Producer } from 'kafkajs';
import { Failure, messageOf } from '../../runtime/process/failure.js';
import { GrowingDelay } from '../../runtime/process/growing-delay.js';

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
    this.producer = kafka.producer({
      transactionalId: groupId,
      transactionTimeout: TRANSACTION_TIMEOUT_MS,
      maxInFlightRequests: 1,
      allowAutoTopicCreation: false,
      createPartitioner: Partitioners.DefaultPartitioner,
    });
  }

  /** Ends what an earlier hunt left open, and gives the number of the last run that was published; -1 for none. */
  async start(): Promise<bigint> {
    await this.producer.connect();
    const transaction = await this.producer.transaction();
    await transaction.abort();
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
      const transaction = await this.producer.transaction();
      try {
        for (let at = 0; at < events.length; at += EVENTS_MAX) {
          const messages = events.slice(at, at + EVENTS_MAX).map(({ key, value }) => ({ key, value }));
          await transaction.send({ topic: this.topic, messages, acks: -1 });
        }
        const partitions = [{ partition: 0, offset: String(run) }];
        await untilCoordinated(() =>
          transaction.sendOffsets({ consumerGroupId: this.groupId, topics: [{ topic: this.topic, partitions }] }),
        );
        await transaction.commit();
      } catch (error) {
        if (transaction.isActive()) await transaction.abort().catch(() => undefined);
        throw error;
      }
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

/** Right after a commit its markers are still being written; kafkajs waits for that with records, not with offsets. */
async function untilCoordinated(operation: () => Promise<void>): Promise<void> {
  for (const delay = new GrowingDelay(2, 200); ; ) {
    try {
      return await operation();
    } catch (error) {
      if ((error as { type?: string }).type !== 'CONCURRENT_TRANSACTIONS') throw error;
      await delay.wait();
    }
  }
}
