/**
 * When a partition commits, and what. A commit makes alerts, changelog, dead letters and the input offset true at once.
 * Processing goes on while one is under way; the next begins when it is through: at once when there are alerts and the
 * last ones are not too recent, otherwise after the commit interval.
 */
import { Failure } from '../../runtime/process/failure.js';
import type { AlertDocument } from '../../schemas/alerts/alert.js';
import type { Engine } from '../engine/engine.js';
import type { Changelog } from './changelog.js';
import type { PartitionInput } from './partition-input.js';
import type { PartitionPublisher } from './partition-publisher.js';
import type { ProcessMetrics } from './process-metrics.js';
import type { ReplayPosition } from './replay-position.js';

export interface CommitPacing {
  /** Least time from one commit with alerts to the next, ms. */
  readonly alertIntervalMs: number;
  /** Most time between commits while records are processed, ms. */
  readonly commitIntervalMs: number;
}

export interface PartitionCommitsOptions {
  readonly partition: number;
  readonly engine: Engine;
  readonly input: PartitionInput;
  readonly replay: ReplayPosition;
  readonly changelog: Changelog;
  readonly publisher: PartitionPublisher;
  readonly pacing: CommitPacing;
  readonly metrics: ProcessMetrics;
  /** The offset that stands committed; -1 when none does. */
  readonly committedOffset: number;
  /** Alert records published for the partition so far. */
  readonly alertEvents: number;
  /** Of the input. */
  readonly topicId: string;
  /** Offset of the next record to process. */
  readonly nextOffset: () => number;
  readonly onFailure: (error: unknown) => void;
}

export class PartitionCommits {
  private committedOffset: number;
  /** A commit that fails ends the partition's time here, so none is counted twice. */
  private alertEvents: number;
  private takenEvents = 0;
  private startedAt = Number.NEGATIVE_INFINITY;
  /** When the last commit with alerts or dead letters began; one without them holds no alert up. */
  private urgentStartedAt = Number.NEGATIVE_INFINITY;
  private inFlight: Promise<void> | undefined;
  private timer: NodeJS.Timeout | undefined;
  private isStopped = false;

  constructor(private readonly options: PartitionCommitsOptions) {
    this.committedOffset = options.committedOffset;
    this.alertEvents = options.alertEvents;
  }

  /** Begins a commit if one is due, or sees to it that it will be. */
  schedule(): void {
    if (this.isStopped || this.inFlight !== undefined) return;
    const { nextOffset, pacing } = this.options;
    const { isUrgent } = this;
    if (!isUrgent && nextOffset() === this.committedOffset) return;
    const next = isUrgent
      ? Math.min(this.urgentStartedAt + pacing.alertIntervalMs, this.startedAt + pacing.commitIntervalMs)
      : this.startedAt + pacing.commitIntervalMs;
    const wait = next - performance.now();
    clearTimeout(this.timer);
    if (wait <= 0) this.begin();
    else this.timer = setTimeout(() => this.schedule(), Math.min(wait, pacing.commitIntervalMs) + 1);
  }

  /** Whether a commit has been under way for so long that processing should wait: what is uncommitted stays bounded. */
  get isBehind(): boolean {
    return this.inFlight !== undefined && performance.now() - this.startedAt >= this.options.pacing.commitIntervalMs;
  }

  /** Resolves when the commit under way is through, at the latest after `limitMs`. */
  async done(limitMs: number): Promise<void> {
    if (this.inFlight !== undefined) await settledWithin(this.inFlight, limitMs);
  }

  /** Commits what has been processed. */
  async flush(): Promise<void> {
    await this.inFlight;
    const isClean = this.options.nextOffset() === this.committedOffset && this.eventCount() === this.takenEvents;
    if (this.isStopped || isClean) return;
    clearTimeout(this.timer);
    this.begin();
    await this.inFlight;
  }

  /** No further commit begins. */
  stop(): void {
    this.isStopped = true;
    clearTimeout(this.timer);
  }

  private get isUrgent(): boolean {
    return this.eventCount() > this.takenEvents || this.options.input.hasDeadLetters;
  }

  private eventCount(): number {
    let events = 0;
    for (const { opened, updated, closed } of this.options.engine.statistics.detectors) {
      events += opened + updated + closed;
    }
    return events;
  }

  private begin(): void {
    const { partition, engine, input, replay, changelog, publisher } = this.options;
    this.startedAt = performance.now();
    if (this.isUrgent) this.urgentStartedAt = this.startedAt;
    this.takenEvents = this.eventCount();
    const output = engine.take();
    this.alertEvents += output.alerts.length;
    const nextOffset = this.options.nextOffset();
    const entries = changelog.append(output.changelog, this.startedAt);
    const commit = publisher.commit({
      nextOffset,
      topicId: this.options.topicId,
      packets: input.packets,
      alertEvents: this.alertEvents,
      replayFrom: Math.min(replay.replayFrom(), nextOffset),
      changelogFrom: entries.isSnapshot ? null : changelog.from,
      silentNodes: input.clocks.silent(),
      alerts: output.alerts.map((alert) => ({ key: alert.source.address, value: JSON.stringify(alert), partition })),
      changelog: entries.messages.map((message) => ({ ...message, partition })),
      deadLetters: input.takeDeadLetters(),
    });
    this.inFlight = commit.then(
      (changelogOffset) => {
        this.inFlight = undefined;
        this.committedOffset = nextOffset;
        if (entries.isSnapshot && changelogOffset !== null) changelog.startAt(changelogOffset);
        this.countCommitted(output.alerts);
        this.schedule();
      },
      (error: unknown) => {
        this.inFlight = undefined;
        const isFenced = error instanceof Failure && error.code === 'FENCED';
        this.options.metrics.transactions.inc({ result: isFenced ? 'fenced' : 'failed' });
        this.stop();
        this.options.onFailure(error);
      },
    );
  }

  private countCommitted(alerts: readonly AlertDocument[]): void {
    const { metrics } = this.options;
    metrics.transactions.inc({ result: 'committed' });
    metrics.transactionSeconds.observe((performance.now() - this.startedAt) / 1000);
    for (const { rule, event } of alerts) metrics.alerts.inc({ rule: rule.id, action: event.action });
  }
}

export async function settledWithin(promise: Promise<unknown>, limitMs: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, limitMs);
  });
  await Promise.race([promise.then(nothing, nothing), limit]);
  clearTimeout(timer);
}

function nothing(): void {}
