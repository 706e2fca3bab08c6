/**
 * Records on their way out: to Kafka, or to the spool while Kafka is away or slow. For each source the order of its
 * records is that in which they were given, whichever way they go:
 * a record goes straight to Kafka only while nothing older waits in the spool, and the spool is sent in rounds, with new
 * records queuing behind it until it is empty and its last round is acknowledged. Records get their partition on the way
 * from the spool to Kafka, so that the spool takes them before any broker has said how many partitions there are.
 *
 * Records of requests that were under way when Kafka went away have copies in the spool, in front of everything, for a run
 * that comes after a kill.
 *
 * Nothing that reached the spool is lost, and of what Kafka has acknowledged nothing is sent again. Yet a record can be on
 * the topic twice: one whose request Kafka wrote but did not answer before the node was killed, was stopped, or lost its
 * producer session. That is at most one request a partition (`Lane`), and only transactions would exclude it: the next
 * session has another producer id, by which Kafka cannot recognise what the last one sent.
 */

import type { Kafka } from 'kafkajs';
import type { Failure } from '../../runtime/process/failure.js';
import type { Logger } from '../../runtime/process/log.js';
import type { Balance } from '../balance.js';
import type { SpoolPosition } from '../spool/read-position.js';
import type { Spool } from '../spool/spool.js';
import { isTick, type OutgoingRecord } from './lane.js';
import { Publisher } from './publisher.js';
import { fromSpool, toSpool } from './spooled-key.js';

/** Bytes in memory for Kafka at which live records take the spool. */
const PENDING_BYTES_MAX = 64 * 1024 * 1024;
/** And at which files wait: several requests for every partition, in memory that stays in the processor's cache. */
const FILE_PENDING_BYTES_MAX = 16 * 1024 * 1024;
/** Bytes of the spool sent at once. */
const ROUND_BYTES = 4 * 1024 * 1024;
const SYNC_INTERVAL_MS = 1_000;
const COMPLAINT_INTERVAL_MS = 10_000;
/** Without losses for so long, nothing is lost any more. */
const LOSS_CALM_MS = 10_000;

export interface DeliveryOptions {
  readonly kafka: Kafka;
  readonly topic: string;
  readonly spool: Spool | null;
  readonly onStuck: (failure: Failure) => void;
}

export class Delivery {
  readonly publisher: Publisher;
  private readonly spool: Spool | null;
  /** The records of the round under way, and where they stand in the spool. */
  private round: ReadonlyMap<OutgoingRecord, SpoolPosition> | null = null;
  private draining: Promise<void> | null = null;
  /** Records under way when Kafka went away, and where their copies stand in the spool; null when there are none. */
  private kept: Map<OutgoingRecord, SpoolPosition> | null = null;
  private syncTimer: NodeJS.Timeout | undefined;
  private stopped = false;
  private complainedAt = Number.NEGATIVE_INFINITY;
  private lostAt = Number.NEGATIVE_INFINITY;
  private lossReason = '';
  /** Bytes cut from the spool of an earlier run because they were torn or damaged. */
  tornBytes = 0;

  constructor(
    options: DeliveryOptions,
    private readonly balance: Balance,
    private readonly log: Logger,
  ) {
    this.spool = options.spool;
    this.publisher = new Publisher(
      options.kafka,
      options.topic,
      {
        onSettled: (records) => this.acknowledge(records),
        onPublished: (interfaceName, packets) => {
          this.balance.of(interfaceName).published += packets;
        },
        onRefused: (interfaceName, packets, reason) => {
          this.balance.of(interfaceName).dropped.refused += packets;
          this.log.error(
            { interface: interfaceName, packets, reason },
            'Kafka refuses a record for good; it is dropped',
          );
        },
        onStuck: options.onStuck,
      },
      log,
    );
  }

  /**
   * Connects to Kafka. Where it does not answer and there is a spool, pass false: then everything goes to the spool, and
   * from there to Kafka as soon as it answers.
   */
  async start(kafkaAnswers = true): Promise<void> {
    if (kafkaAnswers) await this.publisher.start();
    if (this.spool === null) return;
    this.recover(this.spool);
    this.syncTimer = setInterval(() => this.upkeep(), SYNC_INTERVAL_MS);
    if (kafkaAnswers) this.drain();
    else void this.publisher.startWhenReachable().then((started) => this.onConnected(started));
  }

  private onConnected(started: boolean): void {
    if (!started) return;
    this.log.info('Kafka answers; what is in the spool is sent');
    this.drain();
  }

  private upkeep(): void {
    const { spool, publisher } = this;
    spool?.sync();
    // Without traffic nobody else looks.
    if (spool === null || this.isSpooling || !publisher.isAway || this.stopped) return;
    this.takeToDisk(spool);
    if (!spool.isEmpty) this.drain();
  }

  /** What waits in memory is older than what comes, and safer on the disk; of the requests under way it gets copies. */
  private takeToDisk(spool: Spool): void {
    if (this.kept === null && this.publisher.isAway) this.keep(spool);
    for (const waiting of this.publisher.withdraw()) this.spoolRecord(spool, waiting);
  }

  private keep(spool: Spool): void {
    const { taken } = this.publisher;
    if (taken.length === 0) return;
    const positions = spool.keep(taken.map(toSpool));
    if (positions instanceof Error) {
      this.complain(`the spool cannot be written: ${positions.message}`);
      return;
    }
    this.kept = new Map(taken.map((record, index) => [record, positions[index]!]));
  }

  /** Why packets are lost at the moment, or do not get through; null when all is well. */
  get obstacle(): string | null {
    const { publisher, spool } = this;
    const isLosing = performance.now() - this.lostAt < LOSS_CALM_MS;
    if (!publisher.isAway) return isLosing ? `packets are dropped: ${this.lossReason}` : null;
    if (isLosing) return `Kafka does not answer, and packets are dropped: ${this.lossReason}`;
    return spool === null
      ? 'Kafka does not answer, and there is no spool'
      : 'Kafka does not answer; packets go to the spool';
  }

  /** Packets went from the spool unsent, or did not get there. */
  noteLoss(reason: string): void {
    this.lostAt = performance.now();
    this.lossReason = reason;
  }

  get spoolBytes(): number {
    return this.spool?.bytes ?? 0;
  }

  /** Of the topic, while records go straight there; else 0, and each source has records of its own. */
  get partitions(): number {
    return this.isSpooling || this.publisher.isAway ? 0 : this.publisher.partitions;
  }

  /** Live traffic: never waits. */
  put(record: OutgoingRecord): void {
    const { publisher, spool } = this;
    if (!this.isSpooling && publisher.pendingBytes < PENDING_BYTES_MAX && (spool === null || !publisher.isAway)) {
      publisher.publish(record);
      return;
    }
    if (spool === null) {
      this.balance.of(record.interfaceName).dropped.spool_dropped += record.packets;
      record.memory?.release();
      this.complain('Kafka is away and there is no spool (--spool-dir)');
      return;
    }
    if (!this.isSpooling) this.takeToDisk(spool);
    this.spoolRecord(spool, record);
    this.drain();
  }

  private spoolRecord(spool: Spool, record: OutgoingRecord): void {
    this.balance.of(record.interfaceName).spooled += record.packets;
    const refusal = spool.append(toSpool(record));
    record.memory?.release();
    if (refusal !== null) this.complain(`the spool cannot be written: ${refusal.message}`);
  }

  private complain(reason: string): void {
    this.noteLoss(reason);
    if (performance.now() - this.complainedAt <= COMPLAINT_INTERVAL_MS) return;
    this.complainedAt = performance.now();
    this.log.error({ reason }, 'packets are dropped');
  }

  /** Files: straight to Kafka, whoever reads them waits for `hasRoom`. */
  publish(record: OutgoingRecord): void {
    this.publisher.publish(record);
  }

  get hasRoom(): boolean {
    return this.publisher.pendingBytes < FILE_PENDING_BYTES_MAX;
  }

  /** Resolves when files may go on. */
  async room(): Promise<void> {
    await this.publisher.settled(FILE_PENDING_BYTES_MAX / 2);
  }

  /** A record without packets to every partition; left out while older records wait, for it must not overtake them. */
  tick(key: Buffer, value: Buffer): void {
    if (!this.isSpooling && !this.publisher.isAway) this.publisher.broadcast(key, value);
  }

  /** Resolves when everything given so far, and what the spool holds, has been acknowledged. */
  async settled(): Promise<void> {
    for (;;) {
      await this.publisher.settled();
      if (this.draining === null || !this.isSpooling || this.stopped) return;
      await this.draining;
    }
  }

  /** Ends without waiting; what is not acknowledged goes to the spool in front of what is there, for the next run. */
  async stop(): Promise<void> {
    this.stopped = true;
    clearInterval(this.syncTimer);
    const left = await this.publisher.stop();
    await this.draining;
    const { spool, round } = this;
    if (spool === null) return;
    const packets = left.filter((record) => !isTick(record));
    for (const { interfaceName, packets: count } of packets) this.balance.of(interfaceName).spooled += count;
    // The records of a round are in the spool still, where those that Kafka took before it went away are marked.
    if (round === null) {
      const refusal = spool.prepend(packets.map(toSpool));
      if (refusal !== null)
        this.log.error({ reason: refusal.message }, 'the spool cannot be written; packets are lost');
      spool.releaseKept();
    }
    spool.close();
    const { spooled } = this.balance.total();
    if (spooled > 0) this.log.warn({ packets: spooled }, 'packets stay in the spool; the next run sends them');
  }

  private get isSpooling(): boolean {
    return this.round !== null || (this.spool !== null && !this.spool.isEmpty);
  }

  private recover(spool: Spool): void {
    const { records, packets, tornBytes } = spool.open();
    this.tornBytes = tornBytes;
    for (const [interfaceName, count] of packets) {
      const counts = this.balance.of(interfaceName);
      counts.seen += count;
      counts.recovered += count;
      counts.spooled += count;
    }
    if (tornBytes > 0)
      this.log.warn({ bytes: tornBytes }, 'the end of the spool was torn by a kill and has been cut off');
    if (records > 0) this.log.info({ records }, 'the spool of the last run is sent first');
  }

  private drain(): void {
    if (this.draining !== null || this.stopped || !this.publisher.isStarted) return;
    this.draining = this.sendRounds().finally(() => {
      this.draining = null;
    });
  }

  private async sendRounds(): Promise<void> {
    const spool = this.spool!;
    while (!spool.isEmpty && !this.stopped) {
      // What went to Kafka directly is older than everything in the spool.
      await this.publisher.settled();
      if (this.stopped) return;
      this.forgetKept();
      const round = new Map<OutgoingRecord, SpoolPosition>();
      for (const { position, ...record } of spool.read(ROUND_BYTES)) round.set(fromSpool(record), position);
      this.round = round;
      for (const record of round.keys()) {
        this.balance.of(record.interfaceName).spooled -= record.packets;
        this.publisher.publish(record);
      }
      await this.publisher.settled();
      if (this.stopped) return;
      spool.acknowledge();
      this.round = null;
    }
  }

  private acknowledge(records: readonly OutgoingRecord[]): void {
    const { round, kept } = this;
    if (kept !== null) this.acknowledgeKept(kept, records);
    if (round === null) return;
    // Nothing but the round is on its way while there is one, except ticks that were sent before it began.
    this.spool!.acknowledgeSome(records.flatMap((record) => round.get(record) ?? []));
  }

  private acknowledgeKept(kept: Map<OutgoingRecord, SpoolPosition>, records: readonly OutgoingRecord[]): void {
    this.spool!.acknowledgeSome(records.flatMap((record) => kept.get(record) ?? []));
    for (const record of records) kept.delete(record);
    if (kept.size === 0) this.forgetKept();
  }

  private forgetKept(): void {
    if (this.kept === null) return;
    this.kept = null;
    this.spool!.releaseKept();
  }
}
