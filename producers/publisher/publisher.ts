/**
 * Publishes records to the topic `packets`: an idempotent producer, acknowledged by all in-sync replicas, in order for
 * each source. Counts as published what Kafka has acknowledged, and nothing else. It never gives up on its own: while
 * no broker answers it goes on trying, and whoever feeds it decides by `isAway` and `pendingBytes` to wait or to spool.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Kafka, Message, Producer } from 'kafkajs';
import { METADATA_AGE_MAX_MS } from '../../runtime/kafka/client.js';
import { withPartitionCounts } from '../../runtime/kafka/kafkajs-internals.js';
import { partitionOf } from '../../runtime/kafka/partition.js';
import { withProduceRequests } from '../../runtime/kafka/produce-connection.js';
import { Failure, messageOf } from '../../runtime/process/failure.js';
import { GrowingDelay } from '../../runtime/process/growing-delay.js';
import type { Logger } from '../../runtime/process/log.js';
import { isTick, Lane, type OutgoingRecord, type SendOutcome } from './lane.js';
import { splitRecord } from './record-splitting.js';

/** Kafka's error codes that concern one record or the producer's session, https://kafka.apache.org/protocol#protocol_error_codes */
const MESSAGE_TOO_LARGE = 'MESSAGE_TOO_LARGE';
const RECORD_LIST_TOO_LARGE = 'RECORD_LIST_TOO_LARGE';
const RECORD_REFUSED = new Set(['INVALID_RECORD', 'INVALID_TIMESTAMP', 'CORRUPT_MESSAGE']);
/** The broker has forgotten this producer or its sequence (log deleted, unclean election): a new session is needed. */
const SESSION_LOST = new Set([
  'OUT_OF_ORDER_SEQUENCE_NUMBER',
  'UNKNOWN_PRODUCER_ID',
  'INVALID_PRODUCER_EPOCH',
  'INVALID_PRODUCER_ID_MAPPING',
  'PRODUCER_FENCED',
]);
/** Waiting will not mend these: somebody has to change something on the cluster. */
const NEEDS_SOMEONE = new Set([
  'TOPIC_AUTHORIZATION_FAILED',
  'CLUSTER_AUTHORIZATION_FAILED',
  'INVALID_TOPIC_EXCEPTION',
  'UNSUPPORTED_VERSION',
]);

/** How long a request may be under way before Kafka counts as away, milliseconds. */
const AWAY_AFTER_MS = 2_000;
const PAUSE_MIN_MS = 50;
const PAUSE_MAX_MS = 2_000;
/** Between two attempts to reach a Kafka that has not answered since the start, milliseconds. */
const CONNECTION_PAUSE_MS = 1_000;
/** At most one log line about the same trouble in this time, milliseconds. */
const COMPLAINT_INTERVAL_MS = 10_000;

export interface PublisherListener {
  /** Nothing more comes of these: Kafka has acknowledged or refused them. */
  onSettled(records: readonly OutgoingRecord[]): void;
  onPublished(interfaceName: string, packets: number): void;
  /** The broker refuses the record for good. */
  onRefused(interfaceName: string, packets: number, reason: string): void;
  /** Kafka refuses in a way that waiting does not mend; the publisher goes on trying. */
  onStuck(failure: Failure): void;
}

export class Publisher {
  private readonly kafka: Kafka;
  /** Says how many partitions its producers know. */
  private readonly producing: Kafka;
  private producer: Producer | null = null;
  private renewal: Promise<void> | null = null;
  private readonly aborter = new AbortController();
  private lanes: Lane[] = [];
  /** Records that were split, by their parts, and how many of these are not settled. */
  private readonly splits = new WeakMap<OutgoingRecord, { readonly record: OutgoingRecord; left: number }>();
  private waiting: { bytes: number; resolve: () => void }[] = [];
  private complainedAt = Number.NEGATIVE_INFINITY;
  private stopped = false;
  private lastReason = '';
  /** Bytes accepted and not yet acknowledged. */
  pendingBytes = 0;
  /** Requests that had to be sent again, and sessions that had to be renewed. */
  retries = 0;
  renewals = 0;
  records = 0;

  constructor(
    kafka: Kafka,
    private readonly topic: string,
    private readonly listener: PublisherListener,
    private readonly log: Logger,
  ) {
    this.kafka = withProduceRequests(kafka);
    this.producing = withPartitionCounts(this.kafka, (of, partitions) => {
      if (of === topic) this.resize(partitions);
    });
  }

  /** @throws Failure `TOPIC_MISSING`; what kafkajs throws when no broker answers. */
  async start(): Promise<void> {
    const partitions = await this.countPartitions();
    this.producer = await this.connectProducer();
    this.lanes = Array.from({ length: partitions }, (_, partition) => this.createLane(partition));
  }

  private createLane(partition: number): Lane {
    const listener = {
      onSent: (records: readonly OutgoingRecord[]) => {
        this.settle(records);
        for (const record of records) {
          this.records++;
          if (record.packets > 0) this.listener.onPublished(record.interfaceName, record.packets);
          this.release(record);
          record.memory?.release();
        }
      },
      onRefused: (record: OutgoingRecord) => {
        this.settle([record]);
        this.listener.onRefused(record.interfaceName, record.packets, this.lastReason);
        this.release(record);
        record.memory?.release();
      },
    };
    return new Lane(partition, (to, records) => this.send(to, records), listener);
  }

  /** Follows a topic that has got partitions, or was made anew with fewer. */
  private resize(partitions: number): void {
    if (partitions === this.lanes.length || partitions === 0 || !this.isStarted || this.stopped) return;
    this.log.info({ topic: this.topic, before: this.lanes.length, partitions }, 'the topic has other partitions');
    while (this.lanes.length < partitions) this.lanes.push(this.createLane(this.lanes.length));
    for (const record of this.lanes.splice(partitions).flatMap((lane) => lane.halt())) {
      this.release(record);
      if (!isTick(record)) this.publish(record);
    }
  }

  /** Starts as soon as Kafka answers; resolves with whether it has, before `stop`. */
  async startWhenReachable(): Promise<boolean> {
    const { signal } = this.aborter;
    while (!signal.aborted) {
      try {
        await this.start();
        // An attempt takes kafkajs seconds, which `stop` does not wait for.
        if (signal.aborted) await this.producer?.disconnect();
        return !signal.aborted;
      } catch (error) {
        if (!signal.aborted) this.complain(errorType(error), error);
      }
      await sleep(CONNECTION_PAUSE_MS, undefined, { signal }).catch(() => undefined);
    }
    return false;
  }

  /** Whether Kafka has answered since the start. Before it has, nothing may be published. */
  get isStarted(): boolean {
    return this.lanes.length > 0;
  }

  get partitions(): number {
    return this.lanes.length;
  }

  /** Whether Kafka has not answered yet, or has kept a request waiting for so long that it is to be taken as away. */
  get isAway(): boolean {
    if (!this.isStarted) return true;
    const now = performance.now();
    return this.lanes.some((lane) => lane.busySince !== null && now - lane.busySince > AWAY_AFTER_MS);
  }

  publish(record: OutgoingRecord): void {
    const { key, sharing } = record;
    if (!sharing) this.publishTo(partitionOf(key, this.lanes.length), record);
    else if (sharing.partitions === this.lanes.length) this.publishTo(sharing.partition, record);
    else this.publishSplit(record);
  }

  /** The topic has other partitions than the record was made for: each of its sources goes where it belongs now. */
  private publishSplit(record: OutgoingRecord): void {
    const parts = splitRecord(record);
    record.memory?.release();
    const split = { record, left: parts.length };
    for (const part of parts) {
      this.splits.set(part, split);
      this.publish(part);
    }
  }

  /** Whoever waits for a record that was split hears of it once all of its parts are settled. */
  private settle(records: readonly OutgoingRecord[]): void {
    const whole = records.flatMap((record) => {
      const split = this.splits.get(record);
      return split !== undefined && --split.left === 0 ? [split.record] : [];
    });
    this.listener.onSettled(whole.length === 0 ? records : [...records, ...whole]);
  }

  /** The same record without packets to every partition. */
  broadcast(key: Buffer, value: Buffer): void {
    for (let partition = 0; partition < this.lanes.length; partition++) {
      this.publishTo(partition, { key, value, packets: 0, interfaceName: '', memory: null });
    }
  }

  private publishTo(partition: number, record: OutgoingRecord): void {
    this.pendingBytes += sizeOf(record);
    this.lanes[partition]!.push(record);
  }

  /** The records with packets of the requests under way. */
  get taken(): OutgoingRecord[] {
    return this.lanes.flatMap((lane) => lane.taken).filter((record) => !isTick(record));
  }

  /** Gives back the records with packets that no request has taken yet, in order for each source. */
  withdraw(): OutgoingRecord[] {
    const records = this.lanes.flatMap((lane) => lane.withdraw());
    for (const record of records) this.release(record);
    return records.filter((record) => !isTick(record));
  }

  /** Resolves when at most `bytes` are pending. */
  async settled(bytes = 0): Promise<void> {
    if (this.pendingBytes <= bytes || this.stopped) return;
    await new Promise<void>((resolve) => this.waiting.push({ bytes, resolve }));
  }

  /**
   * Ends without waiting any longer and gives back what Kafka has not acknowledged, in order for each source; `settled`
   * first leaves nothing.
   */
  async stop(): Promise<OutgoingRecord[]> {
    this.stopped = true;
    this.aborter.abort();
    const left = this.lanes.flatMap((lane) => lane.halt());
    this.pendingBytes = 0;
    this.wake();
    await this.renewal?.catch(() => undefined);
    await this.producer?.disconnect().catch(() => undefined);
    return left;
  }

  private release(record: OutgoingRecord): void {
    this.pendingBytes -= sizeOf(record);
    if (this.waiting.length > 0) this.wake();
  }

  private wake(): void {
    const ready = this.waiting.filter(({ bytes }) => this.stopped || this.pendingBytes <= bytes);
    if (ready.length === 0) return;
    this.waiting = this.waiting.filter((waiter) => !ready.includes(waiter));
    for (const { resolve } of ready) resolve();
  }

  private async countPartitions(): Promise<number> {
    const admin = this.kafka.admin();
    try {
      await admin.connect();
      const topics = await admin.listTopics();
      if (!topics.includes(this.topic)) {
        throw new Failure('TOPIC_MISSING', `Kafka has no topic "${this.topic}": create it with nta setup`);
      }
      const { topics: found } = await admin.fetchTopicMetadata({ topics: [this.topic] });
      return found[0]!.partitions.length;
    } finally {
      await admin.disconnect().catch(() => undefined);
    }
  }

  private async connectProducer(): Promise<Producer> {
    const producer = this.producing.producer({
      metadataMaxAge: METADATA_AGE_MAX_MS,
      idempotent: true,
      maxInFlightRequests: 5,
      allowAutoTopicCreation: false,
      createPartitioner:
        () =>
        ({ message }) =>
          message.partition!,
      retry: { initialRetryTime: PAUSE_MIN_MS, maxRetryTime: 500, retries: 2 },
    });
    await producer.connect();
    return producer;
  }

  private async send(partition: number, records: readonly OutgoingRecord[]): Promise<SendOutcome> {
    try {
      await this.renewal;
      const messages = messagesOf(records, partition);
      const answers = await this.producer!.send({ topic: this.topic, acks: -1, messages });
      // kafkajs sends nothing to a partition that it does not know, and says so by no answer.
      if (answers.length === 0) return this.judge(new Error(`partition ${partition} is not there`));
      this.delay.reset();
      return 'sent';
    } catch (error) {
      if (this.stopped) return 'later';
      return this.judge(error);
    }
  }

  private readonly delay = new GrowingDelay(PAUSE_MIN_MS, PAUSE_MAX_MS);

  private async judge(error: unknown): Promise<SendOutcome> {
    const type = errorType(error);
    this.lastReason = type;
    if (type === MESSAGE_TOO_LARGE || type === RECORD_LIST_TOO_LARGE) return 'too_large';
    if (RECORD_REFUSED.has(type)) return 'refused';
    this.retries++;
    if (SESSION_LOST.has(type)) {
      this.log.warn(
        { type },
        'Kafka has lost the producer session; a new one is opened, records of one request may repeat',
      );
      this.renewal ??= this.renew().finally(() => {
        this.renewal = null;
      });
      return 'later';
    }
    this.complain(type, error);
    if (NEEDS_SOMEONE.has(type)) {
      const remedy = 'check the topic and the ACLs of this user';
      this.listener.onStuck(
        new Failure('KAFKA_REFUSED', `Kafka refuses records on "${this.topic}": ${messageOf(error)}; ${remedy}`, {
          cause: error,
        }),
      );
    }
    await this.delay.wait();
    return 'later';
  }

  private complain(type: string, error: unknown): void {
    if (performance.now() - this.complainedAt <= COMPLAINT_INTERVAL_MS) return;
    this.complainedAt = performance.now();
    this.log.warn({ type, pendingBytes: this.pendingBytes }, `Kafka does not take records: ${messageOf(error)}`);
  }

  private async renew(): Promise<void> {
    this.renewals++;
    const old = this.producer;
    this.producer = await this.connectProducer();
    await old?.disconnect().catch(() => undefined);
  }
}

/**
 * The records as kafkajs takes messages. It sorts these by partition with `reduce`, and copies those it has for every
 * further one; all of these are of one partition.
 */
function messagesOf(records: readonly OutgoingRecord[], partition: number): Message[] {
  const messages: Message[] = [...records];
  return Object.defineProperty(messages, 'reduce', { value: () => ({ [partition]: messages }) });
}

function sizeOf(record: OutgoingRecord): number {
  return record.key.length + record.value.length;
}

/** Kafka's name of an error, else the name of kafkajs's class; retries wrap what they met last. */
function errorType(error: unknown): string {
  for (let cause: unknown = error; cause instanceof Error; cause = cause.cause) {
    if ('type' in cause && typeof cause.type === 'string') return cause.type;
    if (!(cause.cause instanceof Error)) return cause.name;
  }
  return 'unknown';
}
