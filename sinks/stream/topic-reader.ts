/**
 * Reads a topic from where the tables say, not from where Kafka says: on assignment, and whenever the position in memory is
 * worth nothing, the position of a partition is read from sink_offsets and the consumer sent there. Kafka's commit is advisory:
 * it shows lag to Kafka's own tools.
 */
import type { Consumer, EachBatchPayload } from 'kafkajs';
import { isKafkaError } from '../../runtime/kafka/client.js';
import type { FetchedRecords } from '../../runtime/kafka/fetched-records.js';
import { TopicIds } from '../../runtime/kafka/kafka-topic-ids.js';
import { fetchedOffset, positionBeyondEnd, ReadingPlace } from '../../runtime/kafka/reading-place.js';
import { createRecordConsumer, recordsOf } from '../../runtime/kafka/record-consumer.js';
import { SteadyConsumer } from '../../runtime/kafka/steady-consumer.js';
import { isUnreadable, UnreadablePartitions } from '../../runtime/kafka/unreadable-partitions.js';
import { type Failure, messageOf } from '../../runtime/process/failure.js';
import { Stopped } from './availability.js';
import { COMMIT_INTERVAL_MS, GROUP_READER, readingStopped, withHeartbeats } from './group-reader.js';
import type { SinkContext } from './sink-context.js';
import { readPosition, type TopicPosition } from './topic-position.js';

/**
 * How long the id of the topic is taken to stay. Nobody deletes a topic, makes it again and publishes more records than were read
 * of the old one in less; asking takes 0.4 ms of processor time.
 */
export const IDENTITY_MS = 100;

export interface TopicReaderSettings {
  readonly topic: string;
  readonly groupId: string;
  /** Records of transactions that were not committed are left out. */
  readonly readCommitted: boolean;
  /** Most bytes of one answer of Kafka; what a batch may hold in memory. */
  readonly maxBytes: number;
  /** Partitions whose records are taken at the same time. */
  readonly partitionsAtOnce: number;
}

/**
 * What is done with the records; `position` is that of the next record, and `take` advances it. Records that come before it
 * are passed over, and none is there any more once `take` has resolved: a later answer of Kafka overwrites their bytes.
 */
export interface RecordTaker {
  take(position: TopicPosition, records: FetchedRecords, highWatermark: number): Promise<void>;
  /** Resolves when all that was taken is stored, or thrown away. */
  settled(): Promise<void>;
}

interface PartitionState {
  readonly position: TopicPosition;
  readonly place: ReadingPlace;
}

export class TopicReader {
  private readonly consumer: Consumer;
  private readonly steady: SteadyConsumer;
  private readonly states = new Map<number, PartitionState>();
  private assigned: readonly number[] = [];
  /** How often positions were given up. */
  private repositions = 0;
  private readonly committable = new Map<number, number>();
  private committedAt = 0;
  /** When the id of the topic was last asked for. */
  private identifiedAt = Number.NEGATIVE_INFINITY;
  private readonly topicIds: TopicIds;
  private readonly unreadable: UnreadablePartitions;
  private readonly failed: Promise<never>;
  private reject: (error: unknown) => void = () => undefined;

  constructor(
    private readonly context: SinkContext,
    private readonly settings: TopicReaderSettings,
    private readonly taker: RecordTaker,
  ) {
    const { kafka, metrics, log } = context;
    this.topicIds = new TopicIds(kafka);
    this.consumer = createRecordConsumer(kafka, {
      ...GROUP_READER,
      keepsRecords: false,
      groupId: settings.groupId,
      readUncommitted: !settings.readCommitted,
      maxBytes: settings.maxBytes,
      maxBytesPerPartition: settings.maxBytes >> 1,
    });
    const { topic } = settings;
    this.unreadable = new UnreadablePartitions((count) => metrics.unreadablePartitions.set({ topic }, count), log);
    this.failed = new Promise((_, reject) => {
      this.reject = reject;
    });
    this.failed.catch(() => undefined);
    this.steady = new SteadyConsumer(
      this.consumer,
      {
        autoCommit: false,
        eachBatchAutoResolve: true,
        partitionsConsumedConcurrently: settings.partitionsAtOnce,
        eachBatch: (payload) => this.eachBatch(payload),
      },
      log,
      (error) => this.fail(readingStopped(topic, error)),
    );
  }

  /** Rejects when the consumer has stopped for good. */
  get done(): Promise<void> {
    return this.failed;
  }

  /** Why records of a partition cannot be read, or null when all can. */
  get obstacle(): string | null {
    return this.steady.obstacle ?? this.unreadable.reason;
  }

  async start(): Promise<void> {
    const { GROUP_JOIN } = this.consumer.events;
    this.consumer.on(GROUP_JOIN, ({ payload }) => {
      this.assigned = payload.memberAssignment[this.settings.topic] ?? [];
      this.states.clear(); // another member may have stored records meanwhile
      this.unreadable.forget();
      this.context.log.debug({ topic: this.settings.topic, partitions: this.assigned }, 'partitions assigned');
      // Kafka may say that a partition is at its end where the tables have less (a database restored, or recreated): no batch
      // would come then.
      this.reposition();
    });
    await this.consumer.connect();
    await this.consumer.subscribe({ topic: this.settings.topic, fromBeginning: true });
    await this.steady.run();
  }

  async stop(): Promise<void> {
    this.steady.stop();
    await this.consumer.stop();
    this.unreadable.forget();
    await this.taker.settled();
    await this.commit(true);
    await this.consumer.disconnect();
    await this.topicIds.close();
  }

  /** Whether `position` is still that of a partition this sink reads. */
  isCurrent(position: TopicPosition): boolean {
    return this.states.get(position.partition)?.position === position;
  }

  /** Reads the positions from the tables again and sends the consumer there, for quiet partitions too. */
  reposition(): void {
    this.states.clear();
    this.seekAll().catch((error: unknown) => {
      // With Kafka away the group is joined again once it is back, and all this done again.
      if (!(error instanceof Stopped) && !isKafkaError(error)) this.fail(error);
    });
  }

  private async seekAll(): Promise<void> {
    const round = ++this.repositions;
    await this.taker.settled();
    for (const partition of this.assigned) {
      if (this.states.has(partition)) continue;
      const position = await this.readPosition(partition);
      // Its records may have been taken since, and that position given up too: they would be taken again into the unit that
      // has them. The later round waits until they are stored.
      if (round !== this.repositions) return;
      if (this.states.has(partition) || !this.assigned.includes(partition)) continue;
      this.states.set(partition, { position, place: new ReadingPlace(1) });
      this.consumer.seek({ topic: this.settings.topic, partition, offset: position.nextOffset.toString() });
    }
  }

  /** Ends the sink: something broke that waiting does not mend. */
  fail(error: unknown): void {
    this.reject(error);
  }

  /** Notes offsets that are stored and tells Kafka now and then. */
  stored(offsets: ReadonlyMap<number, number>): void {
    for (const [partition, offset] of offsets) this.committable.set(partition, offset);
    void this.commit(false);
  }

  private async commit(now: boolean): Promise<void> {
    if (this.committable.size === 0 || (!now && performance.now() - this.committedAt < COMMIT_INTERVAL_MS)) return;
    this.committedAt = performance.now();
    const offsets = [...this.committable].map(([partition, offset]) => ({
      topic: this.settings.topic,
      partition,
      offset: offset.toString(),
    }));
    this.committable.clear();
    try {
      await this.consumer.commitOffsets(offsets);
    } catch (error) {
      this.context.log.debug({ topic: this.settings.topic, cause: messageOf(error) }, 'offsets not committed to Kafka');
    }
  }

  private async eachBatch(payload: EachBatchPayload): Promise<void> {
    const { batch, heartbeat } = payload;
    try {
      await withHeartbeats(heartbeat, async () => {
        const state = this.states.get(batch.partition);
        if (state === undefined) return this.begin(batch.partition);
        if (!(await this.isOfTopic(state, Number(batch.highWatermark)))) return;
        if (!(await this.isInPlace(state, fetchedOffset(batch), Number(batch.highWatermark)))) return;
        const { position } = state;
        await this.taker.take(position, recordsOf(batch), Number(batch.highWatermark));
        this.unreadable.read(batch.topic, batch.partition);
      });
      await heartbeat();
    } catch (error) {
      if (error instanceof Stopped) return;
      if (isUnreadable(error)) return this.hold(batch.partition, error);
      if (isKafkaError(error)) throw error; // kafkajs mends it, or says so with CRASH
      // Anything else would be tried again by kafkajs for ever, in silence.
      this.fail(error);
      throw error;
    }
  }

  /**
   * Sends the consumer to where the tables say. What it has brought meanwhile is let go: it was asked for before the topic's id
   * was, and may be of another topic of that name.
   */
  private async begin(partition: number): Promise<void> {
    await this.taker.settled();
    const position = await this.readPosition(partition);
    if (this.states.has(partition)) return; // by `seekAll`, meanwhile
    this.states.set(partition, { position, place: new ReadingPlace(1) });
    this.consumer.seek({ topic: this.settings.topic, partition, offset: position.nextOffset.toString() });
  }

  /**
   * Whether the batch is of the topic whose offsets the position counts. While nothing is fetched, because Postgres is away or all
   * is quiet, the topic may be deleted and recreated and come to have more records than were read of the old one: at the
   * position there is a record then, and nothing but the id tells. It is asked for once a batch is there, since ids do not come back.
   */
  private async isOfTopic(state: PartitionState, end: number): Promise<boolean> {
    const now = performance.now();
    if (now - this.identifiedAt < IDENTITY_MS) return true;
    const { topic } = this.settings;
    const id = (await this.topicIds.of([topic])).get(topic) ?? '';
    this.identifiedAt = now;
    if (id === '' || state.position.topicId === '' || id === state.position.topicId) return true;
    await this.readPositionAnew(state, end);
    this.identifiedAt = Number.NEGATIVE_INFINITY; // other partitions have to find out as well
    return false;
  }

  /** Leaves the partition alone for a while, at the record that cannot be read. */
  private hold(partition: number, failure: Failure): void {
    const { topic } = this.settings;
    const position = this.states.get(partition)?.position;
    // Assigned again meanwhile: it is read from its position again.
    if (position === undefined) return;
    const where = [{ topic, partitions: [partition] }];
    this.consumer.pause(where);
    this.consumer.seek({ topic, partition, offset: position.nextOffset.toString() });
    this.unreadable.hold(topic, partition, failure, () => this.consumer.resume(where));
  }

  /** Whether the batch starts where the next record is expected; if not, the consumer is sent there. */
  private async isInPlace(state: PartitionState, fetched: number, end: number): Promise<boolean> {
    const { position, place } = state;
    const { topic, readCommitted } = this.settings;
    const { partition, nextOffset } = position;
    const arrival = place.arrival(nextOffset, fetched, end, readCommitted);
    if (arrival.kind === 'in place') return true;
    if (arrival.kind === 'lost') {
      this.context.metrics.lostRecords.inc({ topic }, arrival.records);
      this.context.log.error(
        { topic, partition, from: String(nextOffset), to: String(fetched) },
        `Kafka no longer has ${arrival.records} records of ${topic} that were not stored yet; raise its retention`,
      );
      return true;
    }
    if (arrival.kind === 'astray' && !arrival.isBefore) {
      this.consumer.seek({ topic, partition, offset: nextOffset.toString() });
      return false;
    }
    await this.readPositionAnew(state, end);
    return false;
  }

  /**
   * For records of before the position, or a log that ends before it: the topic may be another of the same name by now.
   *
   * @throws Failure `SINK_POSITION` when it is the same and has lost what the tables hold.
   */
  private async readPositionAnew({ position }: PartitionState, end: number): Promise<void> {
    const { topic } = this.settings;
    const { partition } = position;
    await this.taker.settled();
    const known = await this.readPosition(partition);
    if (this.states.get(partition)?.position !== position) return; // given up meanwhile, and read again
    const isSame = known.topicId === position.topicId;
    // What has been taken of the same topic may not be stored yet: the position at hand is the newer one.
    const next = isSame ? position.nextOffset : known.nextOffset;
    if (next > end) {
      throw positionBeyondEnd(
        'SINK_POSITION',
        { topic, partition, end, position: next },
        'the tables hold',
        'delete its row from sink_offsets to start over',
      );
    }
    if (!isSame) this.states.set(partition, { position: known, place: new ReadingPlace(1) });
    this.consumer.seek({ topic, partition, offset: next.toString() });
  }

  private async readPosition(partition: number): Promise<TopicPosition> {
    const { topic } = this.settings;
    const ids = await this.topicIds.of([topic]);
    const position = await this.context.availability.persist(() =>
      readPosition(this.context.pool, topic, partition, ids.get(topic) ?? ''),
    );
    if (position.recreated)
      this.context.log.warn({ topic, partition }, `${topic} was recreated; it is stored from its start`);
    this.context.log.debug({ topic, partition, offset: String(position.nextOffset) }, 'position read');
    return position;
  }
}
