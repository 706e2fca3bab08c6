/**
 * One input partition in the hands of this worker, from assignment to loss:
 *
 *     opening     fence the former owner, read what it committed
 *     changelog   read open episodes from the changelog
 *     rebuilding  read again the input that windows still hold, emitting nothing
 *     running     process records, commit now and then
 *     closed      lost, given up or stopped
 */
import type { KafkaMessage } from 'kafkajs';
import type { FetchedRecords } from '../../runtime/kafka/fetched-records.js';
import { ReadingPlace } from '../../runtime/kafka/reading-place.js';
import { Failure } from '../../runtime/process/failure.js';
import type { Logger } from '../../runtime/process/log.js';
import { type ChangelogReading, readChangelog } from '../engine/changelog-reader.js';
import type { DetectorStatistics, Engine } from '../engine/engine.js';
import { Changelog } from './changelog.js';
import type { ClockSkew } from './clock-skew.js';
import type { DetectorFailures } from './detector-failures.js';
import { type CommitPacing, PartitionCommits, settledWithin } from './partition-commits.js';
import { PartitionInput } from './partition-input.js';
import type { PartitionPublisher } from './partition-publisher.js';
import type { PartitionSource } from './partition-source.js';
import type { ProcessMetrics } from './process-metrics.js';
import { ReplayPosition } from './replay-position.js';
import { findStartingPoint, type StartingPoint } from './starting-point.js';

export interface PartitionWorkerOptions {
  readonly inputTopic: string;
  readonly groupId: string;
  readonly partition: number;
  readonly source: PartitionSource;
  readonly publisher: PartitionPublisher;
  readonly createEngine: () => Engine;
  readonly pacing: CommitPacing;
  readonly log: Logger;
  readonly metrics: ProcessMetrics;
  readonly detectorFailures: DetectorFailures;
  readonly clockSkew: ClockSkew;
  /** Called once when the partition cannot go on. */
  readonly onFailure: (error: unknown) => void;
}

export type PartitionState = 'opening' | 'changelog' | 'rebuilding' | 'running' | 'closed';

/** Longest run of the processor without letting timers, heartbeats and transactions have their turn, ms. */
const SLICE_MS = 20;

/** The clock is looked at after so much work, and what a record costs besides its bytes: a look at each would be felt. */
const CLOCK_BYTES = 4096;
const RECORD_BYTES = 128;

/** Without evictions for so long, memory is no longer short, ms. */
const EVICTION_CALM_MS = 60_000;

/** How long a partition given up waits for a commit under way; the next owner aborts what is left of it, ms. */
const CLOSE_WAIT_MS = 500;

export class PartitionWorker {
  private current: PartitionState = 'opening';
  private readonly openedAt = performance.now();
  private readonly engine: Engine;
  private readonly changelog = new Changelog();
  private input: PartitionInput | undefined;
  private replay: ReplayPosition | undefined;
  private commits: PartitionCommits | undefined;
  /** Offset of the next record, in the input and in the changelog. */
  private nextInput = 0;
  private nextChangelog = 0;
  private changelogEnd = 0;
  private start: StartingPoint | undefined;
  private topicId = '';
  private committedOffset = -1;
  /** Whether batches of the input begin where they should. */
  private place = new ReadingPlace(1);
  private lateBefore = 0;
  private resetClocksBefore = 0;
  private evictedBefore = 0;
  private readonly failuresBefore = new Map<string, number>();
  private readonly exceptedBefore = new Map<string, number>();
  private lastEvictionAt = Number.NEGATIVE_INFINITY;

  constructor(private readonly options: PartitionWorkerOptions) {
    this.engine = options.createEngine();
  }

  get partition(): number {
    return this.options.partition;
  }

  get state(): PartitionState {
    return this.current;
  }

  /** Whether records of this topic are what it waits for. */
  reads(topic: string): boolean {
    const readsInput = this.current === 'rebuilding' || this.current === 'running';
    return topic === this.options.inputTopic ? readsInput : this.current === 'changelog';
  }

  /** Begins the recovery; the rest happens as batches come in. Failures go to `onFailure`. */
  open(): void {
    this.recover().catch((error: unknown) => this.fail(error));
  }

  /** After a rebalance the consumer has forgotten where it stood. */
  resumeAfterRebalance(): void {
    if (this.current === 'changelog') this.options.source.resume('changelog', this.nextChangelog);
    if (this.current === 'rebuilding' || this.current === 'running')
      this.options.source.resume('input', this.nextInput);
    this.place = new ReadingPlace(1);
  }

  private async recover(): Promise<void> {
    const { source, publisher, log, partition, inputTopic, groupId } = this.options;
    await publisher.fence();
    const [committed, input, changelog, topicId] = await Promise.all([
      source.committed(),
      source.bounds('input'),
      source.bounds('changelog'),
      source.topicId(),
    ]);
    if (this.current === 'closed') return;
    const start = findStartingPoint({ topic: inputTopic, partition, groupId, committed, input, changelog, topicId });
    if (start.warning !== null) log.warn({ partition, offset: start.offset }, start.warning);
    if (start.lost > 0) this.noteLoss(start.offset - start.lost, start.offset);
    this.start = start;
    this.topicId = topicId;
    this.nextChangelog = start.changelogFrom;
    this.changelog.startAt(start.changelogFrom);
    this.nextInput = start.replayFrom;
    this.replay = new ReplayPosition(this.nextInput, this.engine.rebuildMicros);
    this.input = new PartitionInput({
      origin: { topic: inputTopic, partition },
      engine: this.engine,
      replay: this.replay,
      metrics: this.options.metrics,
      clockSkew: this.options.clockSkew,
      packets: start.packets,
    });
    this.committedOffset = committed.offset;
    this.changelogEnd = changelog.high;
    this.current = 'changelog';
    if (this.nextChangelog >= this.changelogEnd) this.finishChangelog();
    else source.resume('changelog', this.nextChangelog);
  }

  onChangelog(messages: readonly KafkaMessage[]): void {
    if (this.current !== 'changelog') return;
    for (const message of messages) {
      const offset = Number(message.offset);
      if (offset < this.nextChangelog || offset >= this.changelogEnd) continue;
      this.changelog.read(message);
      this.nextChangelog = offset + 1;
    }
  }

  /** The consumer has come to this offset; what it skipped were control records and aborted ones. */
  onChangelogPosition(next: number): void {
    if (this.current !== 'changelog') return;
    this.nextChangelog = Math.max(this.nextChangelog, next);
    if (this.nextChangelog >= this.changelogEnd) this.finishChangelog();
  }

  private finishChangelog(): void {
    const { source, log, partition } = this.options;
    source.pause('changelog');
    const entries = readChangelog(this.changelog.restored());
    for (const { key, reason } of this.engine.restore(entries)) {
      log.error({ partition, key, reason }, 'an entry of the changelog cannot be read and is left out');
      this.changelog.drop(key);
    }
    if (!this.start!.isContinued) this.endRestored(entries);
    this.current = 'rebuilding';
    source.resume('input', this.nextInput);
    if (this.nextInput >= this.start!.offset) this.finishRebuilding();
  }

  /** Closes what an input that is no more has left open: nothing would ever close it. */
  private endRestored(entries: readonly ChangelogReading[]): void {
    const timelines = new Set<string>();
    for (const { entry } of entries) {
      if (typeof entry !== 'string' && entry.kind !== 'incident') timelines.add(entry.run ?? entry.timeline);
    }
    for (const timeline of timelines) this.engine.endTimeline(timeline, 0, 'cut_off');
  }

  private finishRebuilding(): void {
    const { offset, silentNodes } = this.start!;
    this.input!.finishRebuilding(silentNodes);
    this.nextInput = Math.max(this.nextInput, offset);
    this.commits = this.createCommits();
    this.current = 'running';
    const seconds = (performance.now() - this.openedAt) / 1000;
    this.options.metrics.recoverySeconds.observe(seconds);
    this.options.log.info(
      {
        partition: this.partition,
        offset,
        rebuilt_packets: this.engine.statistics.rebuiltPackets,
        open_episodes: this.engine.statistics.openEpisodes,
        seconds: Number(seconds.toFixed(3)),
      },
      'partition ready',
    );
    this.commits.schedule();
  }

  private createCommits(): PartitionCommits {
    const { partition, publisher, pacing, metrics } = this.options;
    return new PartitionCommits({
      partition,
      engine: this.engine,
      input: this.input!,
      replay: this.replay!,
      changelog: this.changelog,
      publisher,
      pacing,
      metrics,
      committedOffset: this.committedOffset,
      alertEvents: this.start!.alertEvents,
      topicId: this.topicId,
      nextOffset: () => this.nextInput,
      onFailure: (error) => this.fail(error),
    });
  }

  /**
   * Whether the records of a batch are the next ones; if not, the consumer is sent there.
   *
   * @throws Failure `INPUT_CHANGED`, retriable, when the input is no longer the one that was read so far.
   */
  isInPlace(fetched: number, highWatermark: number): boolean {
    if (this.current !== 'rebuilding' && this.current !== 'running') return false;
    const arrival = this.place.arrival(this.nextInput, fetched, highWatermark, false);
    if (arrival.kind === 'in place' || arrival.kind === 'lost') return true;
    if (arrival.kind === 'astray' && !arrival.isBefore) {
      this.options.source.resume('input', this.nextInput);
      return false;
    }
    throw inputChanged(
      this.options.inputTopic,
      `partition ${this.partition} ends at ${highWatermark} or begins again, and ${this.nextInput} was next`,
    );
  }

  /**
   * Works on records for a slice of time.
   *
   * @returns whether there may be more of them
   * @throws Failure for a record that cannot be read; those before it are processed.
   */
  process(records: FetchedRecords): boolean {
    const until = performance.now() + SLICE_MS;
    let bytes = 0;
    let isLeft = this.current === 'rebuilding' || this.current === 'running';
    try {
      while (isLeft) {
        isLeft = records.next();
        if (!isLeft) break;
        this.take(records);
        bytes += RECORD_BYTES + records.valueLength;
        if (bytes < CLOCK_BYTES) continue;
        bytes = 0;
        if (performance.now() > until) break;
      }
    } finally {
      if (this.current === 'rebuilding' && this.nextInput >= this.start!.offset) this.finishRebuilding();
      this.updateStatistics();
      this.commits?.schedule();
    }
    return isLeft;
  }

  private take(record: FetchedRecords): void {
    const { offset } = record;
    if (offset < this.nextInput) return;
    if (this.current === 'rebuilding' && offset >= this.start!.offset) this.finishRebuilding();
    if (this.current === 'rebuilding') this.input!.rebuild(record);
    else {
      if (offset > this.nextInput) this.noteLoss(this.nextInput, offset);
      this.input!.process(record);
    }
    this.nextInput = offset + 1;
  }

  /** The topic of the changelog was recreated. */
  rewriteChangelog(): void {
    this.changelog.rewrite();
  }

  private noteLoss(from: number, to: number): void {
    this.options.metrics.lostRecords.inc(to - from);
    this.options.log.error(
      { partition: this.partition, offset: from, records: to - from },
      'records were gone before they were processed: give packets a longer retention, or more workers',
    );
  }

  setHighWatermark(offset: number): void {
    if (this.current === 'closed') return;
    this.options.metrics.lag.set({ partition: String(this.partition) }, Math.max(0, offset - this.nextInput));
  }

  /** See PartitionCommits. */
  get isBehind(): boolean {
    return this.commits?.isBehind ?? false;
  }

  async commitDone(limitMs: number): Promise<void> {
    await this.commits?.done(limitMs);
  }

  /** Changes the rules between two records. */
  setRules(apply: (engine: Engine) => void): void {
    if (this.current === 'closed') return;
    apply(this.engine);
    this.replay?.setSpan(this.engine.rebuildMicros);
    this.commits?.schedule();
  }

  /** Said once for each time that memory is short, not for each source. */
  private noteEviction(): void {
    const now = performance.now();
    if (now - this.lastEvictionAt > EVICTION_CALM_MS) {
      this.options.log.warn(
        { partition: this.partition },
        'the state budget is used up: the least recently active sources are forgotten; raise --state-budget or add workers',
      );
    }
    this.lastEvictionAt = now;
  }

  private updateStatistics(): void {
    const { metrics } = this.options;
    const { latePackets, resetClocks, evictedSources, stateBytes, sources, openEpisodes, detectors } =
      this.engine.statistics;
    const labels = { partition: String(this.partition) };
    this.input?.updateMetrics();
    metrics.latePackets.inc(latePackets - this.lateBefore);
    metrics.resetClocks.inc(resetClocks - this.resetClocksBefore);
    metrics.evictions.inc(evictedSources - this.evictedBefore);
    if (evictedSources > this.evictedBefore) this.noteEviction();
    this.noteDetectors(detectors);
    this.lateBefore = latePackets;
    this.resetClocksBefore = resetClocks;
    this.evictedBefore = evictedSources;
    metrics.stateBytes.set(labels, stateBytes);
    metrics.sources.set(labels, sources);
    metrics.openEpisodes.set(labels, openEpisodes);
  }

  private noteDetectors(detectors: readonly DetectorStatistics[]): void {
    for (const { detector, failures, latestFailure, exceptedAlerts } of detectors) {
      const excepted = exceptedAlerts - (this.exceptedBefore.get(detector) ?? 0);
      if (excepted > 0) this.options.metrics.exceptedAlerts.inc({ detector }, excepted);
      if (excepted !== 0) this.exceptedBefore.set(detector, exceptedAlerts);
      const before = this.failuresBefore.get(detector) ?? 0;
      if (failures > before) this.options.detectorFailures.note(detector, failures - before, latestFailure ?? '');
      if (failures !== before) this.failuresBefore.set(detector, failures);
    }
  }

  /** Commits what has been processed, before the partition is handed back on purpose. */
  async flush(): Promise<void> {
    if (this.current === 'running') await this.commits?.flush();
  }

  /** Gives the partition up as it is: nothing more is committed. */
  async close(): Promise<void> {
    if (this.current === 'closed') return;
    this.current = 'closed';
    this.commits?.stop();
    this.options.metrics.forgetPartition(this.partition);
    await this.commitDone(CLOSE_WAIT_MS);
    await settledWithin(this.options.publisher.close(), CLOSE_WAIT_MS);
  }

  private fail(error: unknown): void {
    if (this.current === 'closed') return;
    this.options.onFailure(error);
  }
}

/** The next session finds out what has become of the input, and where to go on. */
export function inputChanged(topic: string, how: string): Failure {
  return new Failure('INPUT_CHANGED', `${topic} is not as it was: ${how}; its partitions are recovered`, {
    retriable: true,
  });
}
