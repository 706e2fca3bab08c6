/** Transactions of a producer that commit offsets with its records. */
import { type Kafka, Partitioners, type Producer, type ProducerConfig, type Transaction } from 'kafkajs';
import { GrowingDelay } from '../process/growing-delay.js';

export type TransactionSettings = Required<Pick<ProducerConfig, 'transactionalId' | 'transactionTimeout'>> &
  Pick<ProducerConfig, 'retry'>;

export function transactionalProducer(kafka: Kafka, settings: TransactionSettings): Producer {
  return kafka.producer({
    ...settings,
    maxInFlightRequests: 1,
    allowAutoTopicCreation: false,
    createPartitioner: Partitioners.DefaultPartitioner,
  });
}

/**
 * Connects, and takes the transactional id over: the transaction that its former owner left is completed or aborted, and the former
 * owner can begin no other. What is committed thereafter is the truth.
 */
export async function fence(producer: Producer): Promise<void> {
  await producer.connect();
  // kafkajs asks for the producer id in its first transaction; one without records costs no more than that.
  const transaction = await producer.transaction();
  await transaction.abort();
}

/** Commits what `write` puts into a transaction, or aborts it and throws what `write` or Kafka threw. */
export async function inTransaction<T>(
  producer: Producer,
  write: (transaction: Transaction) => Promise<T>,
): Promise<T> {
  const transaction = await producer.transaction();
  try {
    const result = await write(transaction);
    await transaction.commit();
    return result;
  } catch (error) {
    if (transaction.isActive()) await transaction.abort().catch(() => undefined);
    throw error;
  }
}

/**
 * Offsets as a part of a transaction. Right after a commit the coordinator still writes its markers and refuses the next
 * transaction. kafkajs waits for that when records are sent, but not when a transaction begins with offsets.
 */
export async function sendOffsets(
  transaction: Transaction,
  offsets: Parameters<Transaction['sendOffsets']>[0],
): Promise<void> {
  for (const delay = new GrowingDelay(2, 200); ; ) {
    try {
      return await transaction.sendOffsets(offsets);
    } catch (error) {
      if ((error as { type?: string }).type !== 'CONCURRENT_TRANSACTIONS') throw error;
      await delay.wait();
    }
  }
}
