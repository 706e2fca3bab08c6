/**
 * The transactional producer of one input partition. Its `transactional.id` is the group and the partition, so whoever
 * takes the partition over fences it: kafkajs has no KIP-447, where the group's generation would do that. Alert records,
 * changelog, dead letters and the input offset go into one transaction; readers with read_committed see all or nothing.
 */
import type { Kafka, Message, Producer, TopicMessages } from 'kafkajs';
import { fence, inTransaction, sendOffsets, transactionalProducer } from '../../runtime/kafka/transaction.js';
import { Failure, messageOf } from '../../runtime/process/failure.js';
import type { NodeClocks } from './live-clocks.js';

export interface PublisherSettings {
  readonly groupId: string;
  readonly partition: number;
  readonly inputTopic: string;
  readonly alertTopic: string;
  readonly changelogTopic: string;
  readonly deadLetterTopic: string;
}

/** Everything that one transaction makes true. */
export interface Commit {
  /** Offset of the next record to process. */
  readonly nextOffset: number;
  /** Of the input; '' where the broker gives topics none. */
  readonly topicId: string;
  /** Packets of the partition processed since its first record. */
  readonly packets: number;
  /** Alert records published for the partition since its first record, those of this commit included. */
  readonly alertEvents: number;
  /** Where a recovery begins to read input. */
  readonly replayFrom: number;
  /** Where a recovery begins to read the changelog; null when this commit's own first changelog record is that. */
  readonly changelogFrom: number | null;
  /** Clocks of capture nodes that have fallen silent. */
  readonly silentNodes: NodeClocks;
  readonly alerts: readonly Message[];
  readonly changelog: readonly Message[];
  readonly deadLetters: readonly Message[];
}

/** The metadata of an offset commit, JSON; `packets` and `alert_events` are part of the contract of the topic `packets`. */
export interface CommitMetadata {
  readonly packets: number;
  readonly alert_events: number;
  readonly replay_from: number;
  readonly changelog_from: number;
  /** Of the input topic that the offset belongs to. */
  readonly topic_id?: string;
  readonly silent_nodes?: NodeClocks;
}

/** A transaction left open by a worker that vanished is aborted by the broker after this, ms. */
const TRANSACTION_TIMEOUT_MS = 15_000;

/** Kafka's ways of saying that another worker has taken the partition. */
const FENCED = new Set([
  'PRODUCER_FENCED',
  'INVALID_PRODUCER_EPOCH',
  'INVALID_PRODUCER_ID_MAPPING',
  'INVALID_TXN_STATE',
]);

export class PartitionPublisher {
  private readonly producer: Producer;

  constructor(
    kafka: Kafka,
    private readonly settings: PublisherSettings,
  ) {
    this.producer = transactionalProducer(kafka, {
      transactionalId: `${settings.groupId}-${settings.partition}`,
      transactionTimeout: TRANSACTION_TIMEOUT_MS,
      retry: { retries: 8 },
    });
  }

  /** Takes the partition over. */
  async fence(): Promise<void> {
    await fence(this.producer);
  }

  /**
   * @returns the offset of the first changelog record of the commit, or null without one.
   * @throws Failure `FENCED` when another worker has the partition, `TRANSACTION` for everything else; whether a failed
   * commit took effect is known only to the broker, so the partition has to be recovered either way.
   */
  async commit(commit: Commit): Promise<number | null> {
    const { settings } = this;
    try {
      return await inTransaction(this.producer, async (transaction) => {
        const topicMessages: TopicMessages[] = [
          { topic: settings.changelogTopic, messages: [...commit.changelog] },
          { topic: settings.alertTopic, messages: [...commit.alerts] },
          { topic: settings.deadLetterTopic, messages: [...commit.deadLetters] },
        ].filter(({ messages }) => messages.length > 0);
        let changelogOffset: number | null = null;
        if (topicMessages.length > 0) {
          const written = await transaction.sendBatch({ topicMessages, acks: -1 });
          const own = written.find(({ topicName }) => topicName === settings.changelogTopic);
          if (own?.baseOffset !== undefined) changelogOffset = Number(own.baseOffset);
        }
        const metadata: CommitMetadata = {
          packets: commit.packets,
          alert_events: commit.alertEvents,
          replay_from: commit.replayFrom,
          changelog_from: commit.changelogFrom ?? changelogOffset ?? 0,
          ...(commit.topicId === '' ? {} : { topic_id: commit.topicId }),
          ...(Object.keys(commit.silentNodes).length > 0 ? { silent_nodes: commit.silentNodes } : {}),
        };
        const offset = { partition: settings.partition, offset: String(commit.nextOffset) };
        const offsets = {
          consumerGroupId: settings.groupId,
          // kafkajs sends `metadata` too, its types do not say so
          topics: [{ topic: settings.inputTopic, partitions: [{ ...offset, metadata: JSON.stringify(metadata) }] }],
        };
        await sendOffsets(transaction, offsets);
        return changelogOffset;
      });
    } catch (error) {
      const type = (error as { type?: string }).type ?? '';
      if (FENCED.has(type)) {
        throw new Failure('FENCED', `another worker has taken partition ${settings.partition} over`, {
          cause: error,
          retriable: true,
        });
      }
      throw new Failure('TRANSACTION', `a transaction of partition ${settings.partition} failed: ${messageOf(error)}`, {
        cause: error,
        retriable: true,
      });
    }
  }

  async close(): Promise<void> {
    await this.producer.disconnect();
  }
}

/** Null when the metadata is not of ours: a commit made by hand or by another program. */
export function readCommitMetadata(text: string | null): CommitMetadata | null {
  if (text === null || text === '') return null;
  try {
    const value = JSON.parse(text) as Partial<CommitMetadata>;
    const { packets, alert_events, replay_from, changelog_from } = value;
    if (
      [packets, alert_events, replay_from, changelog_from].every(
        (number) => Number.isSafeInteger(number) && number! >= 0,
      )
    ) {
      return value as CommitMetadata;
    }
  } catch {
    // falls through: not JSON
  }
  return null;
}
