/**
 * One input partition in the hands of this worker, from assignment to loss:
 *
 *     opening     fence the former owner, read what it committed
 *     changelog   read open episodes from the changelog
 *     rebuilding  read again the input that windows still hold, emitting nothing
 *     running     process records, commit now and then
 *     closed      lost, given up or stopped
 *
 * A commit makes alerts, changelog and input offset true at once. Processing goes on while one is under way; the next
 * begins when it is through, at once when there are alerts, otherwise after `--commit-interval`.
 */
import type { KafkaMessage } from 'kafkajs';
import { Failure } from '../../runtime/failure.js';
import type { Logger } from '../../runtime/log.js';
import type { AlertDocument } from '../../schemas/alert.js';
import type { Engine } from '../engine/engine.js';
import { Changelog } from './changelog.js';
import type { NodeClocks } from './live-clocks.js';
import { PartitionInput } from './partition-input.js';
import { type PartitionPublisher, readCommitMetadata } from './partition-publisher.js';
import type { ProcessMetrics } from './process-metrics.js';
import { ReplayPosition } from './replay-position.js';

/** What a partition needs of the consumer and the cluster. Offsets are of the next record. */
export interface PartitionSource {
  /** The group's commit on the input partition; offset -1 when there is none. */
  committed(): Promise<{ readonly offset: number; readonly metadata: string | null }>;
  /** First and end offset of the partition in either topic. */
  bounds(topic: 'input' | 'changelog'): Promise<{ readonly low: number; readonly high: number }>;
  /** Lets batches of the topic come, from this offset on. */
  resume(topic: 'input' | 'changelog', offset: number): void;
  pause(topic: 'input' | 'changelog'): void;
}

export interface CommitPacing {
  /** Least time from one commit with alerts to the next, ms. */
  readonly alertIntervalMs: number;
  /** Most time between commits while records are processed, ms. */
  readonly commitIntervalMs: number;
}

export interface PartitionWorkerOptions {
  readonly inputTopic: string;
  readonly partition: number;
  readonly source: PartitionSource;
  readonly publisher: PartitionPublisher;
  readonly createEngine: () => Engine;
  readonly pacing: CommitPacing;
  readonly log: Logger;
  readonly metrics: ProcessMetrics;
  /** Called once when the partition cannot go on. */
  readonly onFailure: (error: unknown) => void;
}

export type PartitionState = 'opening' | 'changelog' | 'rebuilding' | 'running' | 'closed';

/** Longest run of the processor without letting timers, heartbeats and transactions have their turn, ms. */
const SLICE_MS = 20;

/** How long a partition given up waits for a commit under way; the next owner aborts what is left of it, ms. */
const CLOSE_WAIT_MS = 500;

export class PartitionWorker {
  private current: PartitionState = 'opening';
  private readonly openedAt = performance.now();
  private readonly engine: Engine;
  private readonly changelog = new Changelog();
  private input: PartitionInput | undefined;
  private replay: ReplayPosition | undefined;
  /** Offset of the next record, in the input and in the changelog. */
  private nextInput = 0;
  private nextChangelog = 0;
  private changelogEnd = 0;
  /** Where the last owner's commit stands. */
  private startOffset = 0;
  private committedOffset = -1;
  private silentNodes: NodeClocks = {};
  /** Alert records published for this partition; a commit that fails ends the worker, so it never counts one twice. */
  private alertEvents = 0;
  private takenEvents = 0;
  private lateBefore = 0;
  private evictedBefore = 0;
  private commitStartedAt = Number.NEGATIVE_INFINITY;
  private commitInFlight: Promise<void> | undefined;
  private commitTimer: NodeJS.Timeout | undefined;

  constructor(private readonly options: PartitionWorkerOptions) {
    this.engine = options.createEngine();
  }

  get partition(): number {
    return this.options.partition;
  }

  get state(): PartitionState {
    return this.current;
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
  }

  private async recover(): Promise<void> {
    const { source, publisher, log, partition } = this.options;
    await publisher.fence();
    const [committed, input, changelog] = await Promise.all([
      source.committed(),
      source.bounds('input'),
      source.bounds('changelog'),
    ]);
    if (this.current === 'closed') return;
    const metadata = readCommitMetadata(committed.metadata);
    let replayFrom: number;
    let packets = 0;
    if (committed.offset >= 0 && metadata !== null) {
      packets = metadata.packets;
      this.silentNodes = metadata.silent_nodes ?? {};
      this.alertEvents = metadata.alert_events;
      replayFrom = metadata.replay_from;
      this.startOffset = committed.offset;
      this.nextChangelog = Math.max(metadata.changelog_from, changelog.low);
      this.changelog.startAt(this.nextChangelog);
    } else {
      this.startOffset = committed.offset >= 0 ? committed.offset : input.low;
      replayFrom = this.startOffset;
      this.nextChangelog = changelog.low;
      this.changelog.discard();
      if (committed.offset >= 0)
        log.warn(
          { partition, offset: committed.offset },
          'the committed offset is not this program’s: starting there with empty windows',
        );
    }
    if (this.startOffset < input.low) {
      const lost = input.low - this.startOffset;
      this.options.metrics.lostRecords.inc(lost);
      log.error(
        { partition, records: lost },
        'records were deleted by retention before they were processed; give packets a longer retention or more workers',
      );
      this.startOffset = input.low;
    }
    this.nextInput = Math.min(Math.max(replayFrom, input.low), this.startOffset);
    this.replay = new ReplayPosition(this.nextInput, this.engine.rebuildMicros);
    this.input = new PartitionInput(
      { topic: this.options.inputTopic, partition },
      this.engine,
      this.replay,
      this.options.metrics,
      packets,
    );
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
    for (const { key, reason } of this.engine.restore(this.changelog.restored())) {
      log.error({ partition, key, reason }, 'an entry of the changelog cannot be read and is left out');
      this.changelog.drop(key);
    }
    this.current = 'rebuilding';
    source.resume('input', this.nextInput);
    if (this.nextInput >= this.startOffset) this.finishRebuilding();
  }

  private finishRebuilding(): void {
    this.input!.finishRebuilding(this.silentNodes);
    this.current = 'running';
    this.nextInput = Math.max(this.nextInput, this.startOffset);
    const seconds = (performance.now() - this.openedAt) / 1000;
    this.options.metrics.recoverySeconds.observe(seconds);
    this.options.log.info(
      {
        partition: this.partition,
        offset: this.startOffset,
        rebuilt_packets: this.engine.statistics.rebuiltPackets,
        open_episodes: this.engine.statistics.openEpisodes,
        seconds: Number(seconds.toFixed(3)),
      },
      'partition ready',
    );
    this.scheduleCommit();
  }

  /**
   * Works on records from `index` on for a slice of time.
   *
   * @returns the index of the first record left
   */
  process(messages: readonly KafkaMessage[], index: number): number {
    const input = this.input;
    const until = performance.now() + SLICE_MS;
    let next = index;
    while (next < messages.length && input !== undefined) {
      const message = messages[next++]!;
      const offset = Number(message.offset);
      if (offset < this.nextInput) continue;
      if (this.current === 'rebuilding' && offset >= this.startOffset) this.finishRebuilding();
      if (this.current === 'rebuilding') input.rebuild(message);
      else if (this.current === 'running') {
        if (offset > this.nextInput) this.noteLoss(offset);
        input.process(message);
      } else return messages.length;
      this.nextInput = offset + 1;
      if (performance.now() > until) break;
    }
    if (this.current === 'rebuilding' && this.nextInput >= this.startOffset) this.finishRebuilding();
    this.updateStatistics();
    this.scheduleCommit();
    return next;
  }

  private noteLoss(offset: number): void {
    const lost = offset - this.nextInput;
    this.options.metrics.lostRecords.inc(lost);
    this.options.log.error(
      { partition: this.partition, records: lost, offset },
      'records are missing from the topic; retention deleted them or the topic was truncated',
    );
  }

  setHighWatermark(offset: number): void {
    if (this.current === 'closed') return;
    this.options.metrics.lag.set({ partition: String(this.partition) }, Math.max(0, offset - this.nextInput));
  }

  /** Whether a commit has been under way for so long that processing should wait: what is uncommitted stays bounded. */
  get isBehind(): boolean {
    return (
      this.commitInFlight !== undefined &&
      performance.now() - this.commitStartedAt >= this.options.pacing.commitIntervalMs
    );
  }

  /** Resolves when the commit under way is through, at the latest after `limitMs`. */
  async commitDone(limitMs: number): Promise<void> {
    if (this.commitInFlight !== undefined) await settledWithin(this.commitInFlight, limitMs);
  }

  /** Changes the rules between two records. */
  setRules(apply: (engine: Engine) => void): void {
    if (this.current === 'closed') return;
    apply(this.engine);
    this.replay?.setSpan(this.engine.rebuildMicros);
    this.scheduleCommit();
  }

  private scheduleCommit(): void {
    if (this.current !== 'running' || this.commitInFlight !== undefined) return;
    const urgent = this.eventCount() > this.takenEvents || this.input!.hasDeadLetters;
    if (!urgent && this.nextInput === this.committedOffset) return;
    const { alertIntervalMs, commitIntervalMs } = this.options.pacing;
    const wait = this.commitStartedAt + (urgent ? alertIntervalMs : commitIntervalMs) - performance.now();
    clearTimeout(this.commitTimer);
    if (wait <= 0) this.beginCommit();
    else this.commitTimer = setTimeout(() => this.scheduleCommit(), Math.min(wait, commitIntervalMs) + 1);
  }

  private eventCount(): number {
    let events = 0;
    for (const { opened, updated, closed } of this.engine.statistics.detectors) events += opened + updated + closed;
    return events;
  }

  private beginCommit(): void {
    const { partition, publisher, metrics } = this.options;
    this.commitStartedAt = performance.now();
    this.takenEvents = this.eventCount();
    const { alerts, changelog } = this.engine.take();
    const nextOffset = this.nextInput;
    const entries = this.changelog.append(changelog, this.commitStartedAt);
    this.alertEvents += alerts.length;
    const commit = publisher.commit({
      nextOffset,
      packets: this.input!.packets,
      alertEvents: this.alertEvents,
      replayFrom: Math.min(this.replay!.replayFrom(), nextOffset),
      silentNodes: this.input!.clocks.silent(),
      changelogFrom: entries.isSnapshot ? null : this.changelog.from,
      alerts: alerts.map((alert) => ({ key: alert.source.address, value: JSON.stringify(alert), partition })),
      changelog: entries.messages.map((message) => ({ ...message, partition })),
      deadLetters: this.input!.takeDeadLetters(),
    });
    this.commitInFlight = commit.then(
      (changelogOffset) => {
        this.commitInFlight = undefined;
        this.committedOffset = nextOffset;
        if (entries.isSnapshot && changelogOffset !== null) this.changelog.startAt(changelogOffset);
        metrics.transactions.inc({ result: 'committed' });
        metrics.transactionSeconds.observe((performance.now() - this.commitStartedAt) / 1000);
        countAlerts(metrics, alerts);
        this.scheduleCommit();
      },
      (error: unknown) => {
        this.commitInFlight = undefined;
        metrics.transactions.inc({ result: error instanceof Failure && error.code === 'FENCED' ? 'fenced' : 'failed' });
        this.fail(error);
      },
    );
  }

  private updateStatistics(): void {
    const { metrics } = this.options;
    const { latePackets, evictedSources, stateBytes, sources, openEpisodes } = this.engine.statistics;
    const labels = { partition: String(this.partition) };
    metrics.latePackets.inc(latePackets - this.lateBefore);
    metrics.evictions.inc(evictedSources - this.evictedBefore);
    this.lateBefore = latePackets;
    this.evictedBefore = evictedSources;
    metrics.stateBytes.set(labels, stateBytes);
    metrics.sources.set(labels, sources);
    metrics.openEpisodes.set(labels, openEpisodes);
  }

  /** Commits what has been processed, before the partition is handed back on purpose. */
  async flush(): Promise<void> {
    await this.commitInFlight;
    if (this.current !== 'running' || this.nextInput === this.committedOffset) return;
    clearTimeout(this.commitTimer);
    this.beginCommit();
    await this.commitInFlight;
  }

  /** Gives the partition up as it is: nothing more is committed. */
  async close(): Promise<void> {
    if (this.current === 'closed') return;
    this.current = 'closed';
    clearTimeout(this.commitTimer);
    this.options.metrics.forgetPartition(this.partition);
    await this.commitDone(CLOSE_WAIT_MS);
    await settledWithin(this.options.publisher.close(), CLOSE_WAIT_MS);
  }

  private fail(error: unknown): void {
    if (this.current === 'closed') return;
    this.options.onFailure(error);
  }
}

async function settledWithin(promise: Promise<unknown>, limitMs: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, limitMs);
  });
  await Promise.race([promise.then(nothing, nothing), limit]);
  clearTimeout(timer);
}

function nothing(): void {}

function countAlerts(metrics: ProcessMetrics, alerts: readonly AlertDocument[]): void {
  for (const { rule, event } of alerts) metrics.alerts.inc({ rule: rule.id, action: event.action });
}
