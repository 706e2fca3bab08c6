/**
 * All of a small compacted topic of one partition, read without a group: what is there when reading begins, then whatever comes. A
 * consumer of kafkajs would join a group for it, which takes seconds and a right more.
 */
import type { Kafka } from 'kafkajs';
import { Failure, messageOf } from '../process/failure.js';
import { GrowingDelay, pause } from '../process/growing-delay.js';
import type { Logger } from '../process/log.js';
import { fetchTopicIds } from './kafka-topic-ids.js';
import { createOwnCluster, type OwnCluster, singleLeader } from './kafkajs-internals.js';

export interface CompactedRecord {
  readonly key: string;
  /** Null once the key is gone. */
  readonly value: string | null;
}

/** A fetch waits for so long where there is nothing new, ms. */
const WAIT_MS = 500;
const FETCH_BYTES = 1024 * 1024;
const RETRY_FIRST_MS = 100;
const RETRY_LAST_MS = 3_000;
/** Attempts until whoever waits goes on without. */
const ATTEMPTS = 3;
const READ_COMMITTED = 1;

export class CompactedTopic {
  /** Of the topic that was read so far; empty where the broker has none. */
  private id = '';
  private offset = -1;
  /** Whether the topic may have been recreated since it was last read. */
  private unsure = true;
  private readonly stopping = new AbortController();
  private following: Promise<void> = Promise.resolve();
  private cluster: OwnCluster | null = null;

  /**
   * @param take is given records in their order, as they come.
   * @param reset the topic was recreated: what was taken before is no more, and what it has now is taken next, be it nothing.
   */
  constructor(
    private readonly kafka: Kafka,
    private readonly topic: string,
    private readonly take: (records: readonly CompactedRecord[]) => void,
    private readonly reset: () => void,
    private readonly log: Logger,
  ) {}

  /** Resolves when what is there has been taken, or cannot be read for now: then it goes on to try. */
  async start(): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      try {
        await this.catchUp();
        break;
      } catch (error) {
        await this.disconnect();
        if (attempt < ATTEMPTS) continue;
        this.log.warn(
          { topic: this.topic, reason: messageOf(error) },
          `${this.topic} cannot be read for now: nothing of it is in force`,
        );
        break;
      }
    }
    this.following = this.follow();
  }

  async stop(): Promise<void> {
    this.stopping.abort();
    await this.following;
    await this.disconnect();
  }

  private async follow(): Promise<void> {
    const { signal } = this.stopping;
    const delay = new GrowingDelay(RETRY_FIRST_MS, RETRY_LAST_MS);
    while (!signal.aborted) {
      try {
        if (this.unsure) await this.catchUp();
        else await this.fetch();
        delay.reset();
      } catch (error) {
        if (signal.aborted) return;
        this.unsure = true;
        this.log.debug({ topic: this.topic, reason: messageOf(error) }, 'a topic is read again later');
        await this.disconnect();
        await pause(delay.next(), signal);
      }
    }
  }

  /** Reads on to where the topic ends now, from its beginning when it is another than before. */
  private async catchUp(): Promise<void> {
    const id = (await fetchTopicIds(this.kafka, [this.topic])).get(this.topic) ?? '';
    const { low, high } = await this.bounds();
    const isAnother = this.offset >= 0 && (id !== this.id || this.offset < low || this.offset > high);
    if (isAnother) this.reset();
    if (isAnother || this.offset < 0) this.offset = low;
    this.id = id;
    while (this.offset < high && !this.stopping.signal.aborted) {
      // the last records may have been compacted away
      if ((await this.fetch()) === 0) this.offset = high;
    }
    if (isAnother) this.take([]);
    this.unsure = false;
  }

  private async bounds(): Promise<{ low: number; high: number }> {
    const admin = this.kafka.admin();
    try {
      await admin.connect();
      const [bounds] = await admin.fetchTopicOffsets(this.topic);
      if (bounds === undefined) throw new Failure('KAFKA_TOPIC', `${this.topic} has no partition; run nta setup`);
      return { low: Number(bounds.low), high: Number(bounds.high) };
    } finally {
      await admin.disconnect();
    }
  }

  /** How many records came. */
  private async fetch(): Promise<number> {
    if (this.cluster === null) {
      this.cluster = createOwnCluster(this.kafka);
      await this.cluster.connect();
      await this.cluster.addTargetTopic(this.topic);
    }
    const broker = await singleLeader(this.cluster, this.topic);
    const { responses } = await broker.fetch({
      maxWaitTime: WAIT_MS,
      minBytes: 1,
      maxBytes: FETCH_BYTES,
      isolationLevel: READ_COMMITTED,
      topics: [
        { topic: this.topic, partitions: [{ partition: 0, fetchOffset: String(this.offset), maxBytes: FETCH_BYTES }] },
      ],
    });
    const records: CompactedRecord[] = [];
    for (const { offset, key, value } of responses[0]?.partitions[0]?.messages ?? []) {
      if (Number(offset) < this.offset) continue;
      this.offset = Number(offset) + 1;
      if (key !== null) records.push({ key: key.toString('utf8'), value: value?.toString('utf8') ?? null });
    }
    if (records.length > 0) this.take(records);
    return records.length;
  }

  private async disconnect(): Promise<void> {
    const { cluster } = this;
    this.cluster = null;
    await cluster?.disconnect().catch(() => undefined);
  }
}
