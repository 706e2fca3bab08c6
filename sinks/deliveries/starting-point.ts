/**
 * Where a group that is new to Kafka begins when it is to deliver only what comes from now on. Kafka's `auto.offset.reset`
 * would not do: until something has been committed every start is a first one, so that what came while the sink was down
 * would be passed over; and so would be what retention had not yet deleted, when it has overtaken a slow receiver. So the
 * ends of all partitions are committed once, by the leader of the group, and from then on the group is like any other.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Consumer, Kafka } from 'kafkajs';
import { isKafkaError } from '../../runtime/kafka/client.js';
import { messageOf } from '../../runtime/process/failure.js';
import type { Logger } from '../../runtime/process/log.js';

const POLL_MS = 100;

interface PartitionOffset {
  readonly partition: number;
  readonly offset: string;
}

export interface StartingPointReading {
  readonly groupId: string;
  readonly topic: string;
  /** The flag that would begin earlier. */
  readonly earliestFlag: string;
}

export class StartingPoint {
  /** Resolves when the group has one; rejects with what waiting does not mend. */
  readonly found: Promise<void>;
  private settle!: { resolve: () => void; reject: (error: unknown) => void };
  private isFound = false;
  /** By this; kafkajs remembers it of partitions that went to others, and may come back. */
  private readonly paused = new Set<number>();
  /** Of the present assignment; what was begun for an earlier one ends. */
  private current = new AbortController();

  constructor(
    private readonly kafka: Kafka,
    private readonly consumer: Consumer,
    private readonly reading: StartingPointReading,
    private readonly log: Logger,
  ) {
    this.found = new Promise((resolve, reject) => {
      this.settle = { resolve, reject };
    });
    this.found.catch(() => undefined);
  }

  /** To be called when the group has assigned partitions, before anything is fetched of them. */
  onAssignment(partitions: readonly number[], isLeader: boolean): void {
    this.stop();
    if (this.isFound) return;
    this.consumer.pause([{ topic: this.reading.topic, partitions: [...partitions] }]);
    for (const partition of partitions) this.paused.add(partition);
    this.current = new AbortController();
    const { signal } = this.current;
    this.find(isLeader, signal).then(
      (offsets) => {
        if (offsets === null) return;
        for (const { partition, offset } of offsets) {
          if (partitions.includes(partition)) this.consumer.seek({ topic: this.reading.topic, partition, offset });
        }
        this.isFound = true;
        this.consumer.resume([{ topic: this.reading.topic, partitions: [...this.paused] }]);
        this.settle.resolve();
      },
      (error: unknown) => this.settle.reject(error),
    );
  }

  stop(): void {
    this.current.abort();
  }

  /** What is committed, by this sink or by others; null when the assignment is over before that. */
  private async find(isLeader: boolean, signal: AbortSignal): Promise<readonly PartitionOffset[] | null> {
    for (; !signal.aborted; await sleep(POLL_MS, undefined, { signal }).catch(() => undefined)) {
      try {
        const committed = await this.committed();
        if (signal.aborted) return null;
        if (committed.length > 0) return committed;
        if (isLeader) await this.commitEnds();
      } catch (error) {
        if (!isKafkaError(error)) throw error;
        this.log.debug(
          { topic: this.reading.topic, cause: messageOf(error) },
          'the start of a new group is not settled yet',
        );
      }
    }
    return null;
  }

  private async committed(): Promise<PartitionOffset[]> {
    const admin = this.kafka.admin();
    try {
      await admin.connect();
      const [own] = await admin.fetchOffsets({ groupId: this.reading.groupId, topics: [this.reading.topic] });
      return (own?.partitions ?? []).filter(({ offset }) => Number(offset) >= 0);
    } finally {
      await admin.disconnect().catch(() => undefined);
    }
  }

  /** Of all partitions, whoever has them: those of one commit are seen together. */
  private async commitEnds(): Promise<void> {
    const admin = this.kafka.admin();
    try {
      await admin.connect();
      const ends = await admin.fetchTopicOffsets(this.reading.topic);
      const { topic } = this.reading;
      await this.consumer.commitOffsets(ends.map(({ partition, high }) => ({ topic, partition, offset: high })));
      const held = ends.reduce((sum, { low, high }) => sum + Number(high) - Number(low), 0);
      this.log.info(
        { topic, group: this.reading.groupId, records: held },
        `a new delivery: alerts from now on; ${this.reading.earliestFlag} would begin with what the topic holds`,
      );
    } finally {
      await admin.disconnect().catch(() => undefined);
    }
  }
}
