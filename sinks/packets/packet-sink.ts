/**
 * The sink of `packets`: every packet into Postgres, once, with the statistics.
 *
 * Partitions are dealt out to two writers, each with a connection of its own: Postgres spends at least as long on a packet
 * as Node does, and one connection keeps one core of it busy.
 */

import { setTimeout as sleep } from 'node:timers/promises';
import type { FetchedRecords } from '../../runtime/kafka/fetched-records.js';
import { messageOf } from '../../runtime/process/failure.js';
import { groupName, topicName } from '../../schemas/topics.js';
import { parseStorePolicy, type SinkSettings, type StorePolicy } from '../options.js';
import { PartitionKeeper } from '../retention/partition-keeper.js';
import { DeadLetters } from '../stream/dead-letters.js';
import type { SinkContext } from '../stream/sink-context.js';
import type { TopicPosition } from '../stream/topic-position.js';
import { TopicReader } from '../stream/topic-reader.js';
import { AlertedSources } from './alerted-sources.js';
import { type PacketStorage, PacketWriter, type PacketWriterEvents } from './packet-writer.js';

/** Of one answer of Kafka; some 200,000 packets. */
const FETCH_BYTES = 4 << 20;
/** Partitions of the present and the next interval are looked after this often. */
const UPKEEP_INTERVAL_MS = 15_000;
const WRITERS = 2;
/**
 * With `--store alerts` a record is looked at this long after it was published: by then the processors have seen the same
 * packets and the alert, if any, is in the table, so that the packets which led to it are kept too.
 */
const ALERT_DELAY_MS = 3_000;
/** Waiting is for the records of so long a time together. */
const ALERT_DELAY_STEP_MS = 200;

export class PacketSink {
  readonly reader: TopicReader;
  private readonly writers: readonly PacketWriter[];
  private readonly keeper: PartitionKeeper;
  private readonly deadLetters: DeadLetters;
  private readonly store: StorePolicy;
  private readonly alerted: AlertedSources;
  /** Alerts that records published before this time have led to are known. */
  private alertsKnownUntil = 0;
  private timer: NodeJS.Timeout | undefined;
  private upkeepDone: Promise<void> = Promise.resolve();

  constructor(
    private readonly context: SinkContext,
    settings: SinkSettings & { readonly topicPrefix: string },
  ) {
    const { kafka, pool, log } = context;
    const topic = topicName('packets', settings.topicPrefix);
    this.store = parseStorePolicy(settings.store);
    this.alerted = new AlertedSources(pool);
    this.keeper = new PartitionKeeper(pool, settings.partitionInterval, log);
    this.deadLetters = new DeadLetters(kafka, topicName('packetsDeadLetter', settings.topicPrefix));
    const storage: PacketStorage = {
      topic,
      policy: this.store,
      alerted: this.alerted,
      keeper: this.keeper,
      deadLetter: (letters) => this.deadLetters.send(letters),
    };
    const events: PacketWriterEvents = {
      stored: (offsets) => this.reader.stored(offsets),
      superseded: () => this.reposition(),
      broken: (error) => this.reader.fail(error),
    };
    this.writers = Array.from({ length: WRITERS }, () => new PacketWriter(context, storage, events));
    this.reader = new TopicReader(
      context,
      {
        topic,
        groupId: groupName('packetSink', settings.topicPrefix),
        readCommitted: false,
        maxBytes: FETCH_BYTES,
        partitionsAtOnce: WRITERS,
      },
      {
        take: (position, records, highWatermark) => this.take(topic, position, records, highWatermark),
        settled: () => this.settled(),
      },
    );
  }

  async start(): Promise<void> {
    await this.context.availability.persist(() => this.keeper.ensureAhead());
    this.timer = setInterval(() => this.upkeep(), UPKEEP_INTERVAL_MS);
    await this.reader.start();
  }

  /** What it leaves undone while Postgres is away is done the next time. */
  private upkeep(): void {
    this.upkeepDone = this.upkeepDone
      .then(() => this.keeper.ensureAhead())
      .then(
        () => undefined,
        (error: unknown) => this.context.log.debug({ cause: messageOf(error) }, 'upkeep of the tables failed'),
      );
  }

  async stop(): Promise<void> {
    clearInterval(this.timer);
    await this.upkeepDone;
    await this.reader.stop();
    await this.deadLetters.close();
  }

  /** Reads the positions from the tables again. */
  reposition(): void {
    this.reader.reposition();
  }

  private async settled(): Promise<void> {
    for (const writer of this.writers) await writer.settled();
  }

  private async take(
    topic: string,
    position: TopicPosition,
    records: FetchedRecords,
    highWatermark: number,
  ): Promise<void> {
    const writer = this.writers[position.partition % WRITERS]!;
    const awaitsAlerts = this.store.every === 0;
    if (awaitsAlerts) await this.refreshAlerts();
    while (records.next()) {
      if (awaitsAlerts && records.timestamp > this.alertsKnownUntil) await this.awaitAlerts(records.timestamp);
      // Whenever something was waited for, the position may have been given up, and with it the unit that was being filled.
      while (records.offset >= position.nextOffset) {
        while (!writer.hasRoom) await writer.progress();
        if (!this.reader.isCurrent(position)) return;
        const obstacle = writer.take(position, records);
        if (obstacle === null) continue;
        await obstacle.gone;
        if (!this.reader.isCurrent(position)) return;
        if (obstacle.passOver) writer.passOver(position, records.offset);
      }
    }
    this.context.metrics.lag.set({ topic, partition: position.partition }, highWatermark - position.nextOffset);
  }

  private async awaitAlerts(published: number): Promise<void> {
    const age = Date.now() - published;
    // A negative age is that of a clock ahead of ours; it would hold up everything.
    if (age >= 0 && age < ALERT_DELAY_MS) await sleep(ALERT_DELAY_MS - age + ALERT_DELAY_STEP_MS);
    await this.refreshAlerts();
  }

  private async refreshAlerts(): Promise<void> {
    const now = Date.now();
    await this.context.availability.persist(() => this.alerted.refresh());
    this.alertsKnownUntil = now - ALERT_DELAY_MS;
  }
}
