/**
 * One membership in the processor group, from joining to leaving or breaking. It never mends itself: whatever fails,
 * the session ends with the reason, and its owner begins another, which finds every partition as it was committed.
 *
 * The group consumes two topics of equal partition count. Batches of `packets` feed the engines; a partition of the
 * changelog is read only while the partition of the same number recovers, and is paused otherwise.
 */
import { setImmediate } from 'node:timers/promises';
import type { Admin, Consumer, EachBatchPayload, Kafka } from 'kafkajs';
import { isKafkaError, METADATA_AGE_MAX_MS } from '../../runtime/kafka/client.js';
import { withKnownCoordinators } from '../../runtime/kafka/kafka-coordinators.js';
import { fetchTopicIds } from '../../runtime/kafka/kafka-topic-ids.js';
import { fetchedOffset } from '../../runtime/kafka/reading-place.js';
import { createRecordConsumer, recordsOf } from '../../runtime/kafka/record-consumer.js';
import { KafkaPresence } from '../../runtime/kafka/steady-consumer.js';
import { isUnreadable, UnreadablePartitions } from '../../runtime/kafka/unreadable-partitions.js';
import { Failure, messageOf } from '../../runtime/process/failure.js';
import type { Logger } from '../../runtime/process/log.js';
import type { AlertExceptions } from '../contract/alert-exceptions.js';
import type { DetectionRules } from '../contract/rule.js';
import type { Engine } from '../engine/engine.js';
import type { ClockSkew } from './clock-skew.js';
import type { DetectorFailures } from './detector-failures.js';
import { stickyAssigner } from './partition-assignment.js';
import type { CommitPacing } from './partition-commits.js';
import { readLayout } from './partition-layout.js';
import { PartitionPublisher } from './partition-publisher.js';
import { createPartitionSource } from './partition-source.js';
import { inputChanged, PartitionWorker } from './partition-worker.js';
import type { ProcessMetrics } from './process-metrics.js';

export interface SessionTopics {
  readonly input: string;
  readonly alerts: string;
  readonly changelog: string;
  readonly deadLetters: string;
}

export interface SessionOptions {
  readonly kafka: Kafka;
  readonly groupId: string;
  readonly topics: SessionTopics;
  readonly sessionTimeoutMs: number;
  readonly pacing: CommitPacing;
  /** An engine for one partition; how many the worker has changes with every rebalance. */
  readonly createEngine: (partitionCount: () => number) => Engine;
  /** Called with the id that the group gave this member, at each assignment. */
  readonly onJoin?: (memberId: string) => void;
  readonly log: Logger;
  readonly metrics: ProcessMetrics;
  readonly detectorFailures: DetectorFailures;
  readonly clockSkew: ClockSkew;
}

/** One fetch, but for a record that is larger by itself; a worker keeps as much in memory. */
const FETCH_BYTES_PER_PARTITION = 1024 * 1024;
const FETCH_BYTES = 4 * 1024 * 1024;
/** A fetch without data returns after this, and what was paused or resumed meanwhile takes effect, ms. */
const FETCH_WAIT_MS = 100;
const REBALANCE_TIMEOUT_MS = 15_000;
/** Members notice a rebalance by their heartbeat, so partitions of a lost worker lie idle for up to this longer, ms. */
const HEARTBEAT_MS = 200;
/** While topics lack partitions, they are looked at again after this, ms. */
const LAYOUT_INTERVAL_MS = 5_000;
/** While a commit is slow, heartbeats go on at this interval, ms. */
const COMMIT_WAIT_MS = 200;

export class GroupSession {
  /** Rejects when the session breaks; never resolves. */
  readonly failed: Promise<never>;
  private rejectFailed: (error: unknown) => void = () => undefined;
  private readonly consumer: Consumer;
  private readonly presence: KafkaPresence;
  private readonly admin: Admin;
  /** For the producers of all partitions. */
  private readonly producing: Kafka;
  private readonly partitions = new Map<number, PartitionWorker>();
  private readonly unreadable: UnreadablePartitions;
  private topicIds: Promise<ReadonlyMap<string, string>> | undefined;
  /** Why not all partitions are worked on, or null. */
  private shortage: string | null = null;
  private layoutTimer: NodeJS.Timeout | undefined;
  private isEnding = false;

  constructor(private readonly options: SessionOptions) {
    const { kafka, groupId, topics, sessionTimeoutMs } = options;
    this.failed = new Promise((_, reject) => {
      this.rejectFailed = reject;
    });
    this.failed.catch(() => undefined);
    this.unreadable = new UnreadablePartitions((count) => options.metrics.unreadablePartitions.set(count), options.log);
    this.admin = kafka.admin();
    this.producing = withKnownCoordinators(kafka);
    this.consumer = createRecordConsumer(kafka, {
      keepsRecords: false,
      groupId,
      sessionTimeout: sessionTimeoutMs,
      rebalanceTimeout: Math.max(REBALANCE_TIMEOUT_MS, sessionTimeoutMs),
      heartbeatInterval: Math.min(HEARTBEAT_MS, Math.floor(sessionTimeoutMs / 4)),
      maxBytesPerPartition: FETCH_BYTES_PER_PARTITION,
      maxBytes: FETCH_BYTES,
      maxWaitTimeInMs: FETCH_WAIT_MS,
      partitionAssigners: [
        stickyAssigner(
          topics.input,
          topics.changelog,
          () => [...this.partitions.keys()],
          () => this.usablePartitions(),
        ),
      ],
      metadataMaxAge: METADATA_AGE_MAX_MS,
      retry: { restartOnFailure: () => Promise.resolve(false) },
    });
    this.presence = new KafkaPresence(this.consumer);
  }

  /** Why the session is not at work, or null when it is. */
  readiness(): string | null {
    const away = this.presence.obstacle;
    if (away !== null) return away;
    if (this.unreadable.reason !== null) return this.unreadable.reason;
    const recovering = [...this.partitions.values()].filter(({ state }) => state !== 'running');
    if (this.shortage !== null) return this.shortage;
    if (recovering.length > 0) return `${recovering.length} partitions are recovering`;
    return this.options.detectorFailures.readiness() ?? this.options.clockSkew.readiness();
  }

  /** Resolves when the group has given this member its partitions. */
  async start(): Promise<void> {
    const { topics } = this.options;
    await this.admin.connect();
    await this.usablePartitions();
    const { events } = this.consumer;
    this.consumer.on(events.CRASH, ({ payload }) => this.fail(reasonOf(payload.error)));
    this.consumer.on(events.END_BATCH_PROCESS, ({ payload }) => {
      if (payload.topic === topics.changelog && !this.unreadable.has(payload.topic, payload.partition)) {
        this.partitions.get(payload.partition)?.onChangelogPosition(Number(payload.lastOffset) + 1);
      }
    });
    const joined = new Promise<void>((resolve) => {
      this.consumer.on(events.GROUP_JOIN, ({ payload }) => {
        this.onAssignment((payload.memberAssignment as Record<string, number[]>)[topics.input] ?? []);
        this.options.onJoin?.(payload.memberId);
        resolve();
      });
    });
    await this.consumer.connect();
    await this.consumer.subscribe({ topics: [topics.input, topics.changelog], fromBeginning: true });
    await this.consumer.run({
      autoCommit: false,
      eachBatchAutoResolve: false,
      partitionsConsumedConcurrently: 4,
      eachBatch: (payload) => this.onBatch(payload),
    });
    await Promise.race([joined, this.failed]);
  }

  /** Commits what is processed, then leaves the group, so that others go on where this member stopped. */
  async stop(): Promise<void> {
    this.isEnding = true;
    try {
      await Promise.all([...this.partitions.values()].map((partition) => partition.flush()));
    } finally {
      await this.release();
    }
  }

  /** Ends a broken session: nothing more is committed. */
  async abandon(): Promise<void> {
    this.isEnding = true;
    await this.release();
  }

  /** Lets a change of the rules take effect in every partition, between two records. */
  setExceptions(exceptions: AlertExceptions): void {
    for (const partition of this.partitions.values()) partition.setRules((engine) => engine.setExceptions(exceptions));
  }

  setRules(rules: DetectionRules): void {
    for (const partition of this.partitions.values()) partition.setRules((engine) => engine.setRules(rules));
  }

  private async release(): Promise<void> {
    const open = [...this.partitions.values()];
    this.partitions.clear();
    clearTimeout(this.layoutTimer);
    this.unreadable.forget();
    this.options.metrics.partitions.set(0);
    await Promise.all(open.map((partition) => partition.close()));
    await this.consumer.disconnect().catch((error: unknown) => this.logDisconnect(error));
    await this.admin.disconnect().catch((error: unknown) => this.logDisconnect(error));
  }

  private logDisconnect(error: unknown): void {
    this.options.log.debug({ reason: messageOf(error) }, 'a connection to Kafka did not close cleanly');
  }

  /** Breaks the session with this reason. */
  fail(error: unknown): void {
    if (!this.isEnding) this.rejectFailed(error);
  }

  /** How many partitions can be worked on; what is short is said, and looked at again. */
  private async usablePartitions(): Promise<number> {
    const { topics, log } = this.options;
    const { usable, shortage } = await readLayout(this.admin, topics);
    if (shortage !== null && shortage !== this.shortage) log.error(shortage);
    this.shortage = shortage;
    clearTimeout(this.layoutTimer);
    if (shortage !== null && !this.isEnding) {
      this.layoutTimer = setTimeout(() => void this.lookAgain(), LAYOUT_INTERVAL_MS);
    }
    return usable;
  }

  /** Nobody else notices when the topic of alerts has got its partitions: no member reads it. */
  private async lookAgain(): Promise<void> {
    await this.lookAtLayout();
    if (this.shortage === null) this.fail(inputChanged(this.options.topics.input, 'all of it can be processed now'));
  }

  private async lookAtLayout(): Promise<void> {
    await this.usablePartitions().catch((error: unknown) =>
      this.options.log.debug({ reason: messageOf(error) }, 'the partitions of the topics are not known'),
    );
  }

  /** Called before the first fetch that follows. */
  private onAssignment(assigned: readonly number[]): void {
    if (this.isEnding) return;
    const { log, metrics } = this.options;
    metrics.rebalances.inc();
    metrics.partitions.set(assigned.length);
    const lost = [...this.partitions.keys()].filter((partition) => !assigned.includes(partition));
    for (const partition of lost) {
      const worker = this.partitions.get(partition)!;
      this.partitions.delete(partition);
      void worker.close();
    }
    const added = assigned.filter((partition) => !this.partitions.has(partition));
    this.unreadable.forget();
    void this.lookAtLayout();
    this.checkIdentity().catch((error: unknown) => this.options.log.debug({ reason: messageOf(error) }, 'topic ids'));
    for (const worker of this.partitions.values()) worker.resumeAfterRebalance();
    for (const partition of added) {
      const worker = this.createWorker(partition);
      this.partitions.set(partition, worker);
      worker.open();
    }
    log.info({ assigned: [...assigned].sort((a, b) => a - b), added, lost }, 'partitions assigned');
  }

  /** The ids of input and changelog, asked for once an assignment. */
  private identities(): Promise<ReadonlyMap<string, string>> {
    if (this.topicIds !== undefined) return this.topicIds;
    const { kafka, topics } = this.options;
    this.topicIds = fetchTopicIds(kafka, [topics.input, topics.changelog]);
    this.topicIds.catch(() => {
      this.topicIds = undefined;
    });
    return this.topicIds;
  }

  /** A topic that is deleted makes its readers join again; the one they find may be another of the same name. */
  private async checkIdentity(): Promise<void> {
    const before = this.topicIds;
    this.topicIds = undefined;
    if (before === undefined) return;
    const { input, changelog } = this.options.topics;
    const [known, now] = [await before, await this.identities()];
    const isAnother = (topic: string): boolean =>
      known.has(topic) && now.has(topic) && known.get(topic) !== now.get(topic);
    if (isAnother(input)) this.fail(inputChanged(input, 'it was recreated'));
    if (isAnother(changelog)) for (const worker of this.partitions.values()) worker.rewriteChangelog();
  }

  private createWorker(partition: number): PartitionWorker {
    const { groupId, topics, pacing, createEngine, log, metrics, detectorFailures, clockSkew } = this.options;
    const source = createPartitionSource(this.consumer, this.admin, groupId, topics, partition, async () => {
      return (await this.identities()).get(topics.input) ?? '';
    });
    source.pause('input');
    source.pause('changelog');
    return new PartitionWorker({
      inputTopic: topics.input,
      groupId,
      partition,
      source,
      publisher: new PartitionPublisher(this.producing, {
        groupId,
        partition,
        inputTopic: topics.input,
        alertTopic: topics.alerts,
        changelogTopic: topics.changelog,
        deadLetterTopic: topics.deadLetters,
      }),
      createEngine: () => createEngine(() => this.partitions.size),
      pacing,
      log,
      metrics,
      detectorFailures,
      clockSkew,
      onFailure: (error) => this.fail(error),
    });
  }

  /** A defect must not reach kafkajs: it would give the same records again to an engine that stopped half-way. */
  private async onBatch(payload: EachBatchPayload): Promise<void> {
    try {
      await this.processBatch(payload);
    } catch (error) {
      if (isKafkaError(error)) throw error;
      if (isUnreadable(error)) return this.hold(payload, error);
      this.fail(error);
      this.isEnding = true;
    }
  }

  /** Lets the partition wait at the record that cannot be read; what came before it has been worked on. */
  private hold({ batch, pause }: EachBatchPayload, failure: Failure): void {
    const { topic, partition } = batch;
    const worker = this.partitions.get(partition);
    if (worker === undefined || this.isEnding) return;
    const resume = pause();
    this.unreadable.hold(topic, partition, failure, () => {
      // A partition that was given away and came back is paused and resumed by its recovery.
      if (this.partitions.get(partition) === worker && worker.reads(topic)) resume();
    });
  }

  private async processBatch({ batch, heartbeat, resolveOffset }: EachBatchPayload): Promise<void> {
    const { partition } = batch;
    const worker = this.partitions.get(partition);
    if (worker === undefined || this.isEnding) return;
    const records = recordsOf(batch);
    const isChangelog = batch.topic === this.options.topics.changelog;
    if (!isChangelog && !worker.isInPlace(fetchedOffset(batch), Number(batch.highWatermark))) return;
    if (isChangelog) {
      worker.onChangelog(records.messages());
      this.unreadable.read(batch.topic, partition);
      resolveOffset(batch.lastOffset());
      return;
    }
    for (let isLeft = true; isLeft; ) {
      isLeft = worker.process(records);
      this.unreadable.read(batch.topic, partition);
      worker.setHighWatermark(Number(batch.highWatermark));
      await setImmediate();
      await heartbeat();
      while (worker.isBehind && !this.isEnding) {
        await worker.commitDone(COMMIT_WAIT_MS);
        await heartbeat();
      }
      if (this.partitions.get(partition) !== worker || this.isEnding) return;
    }
    resolveOffset(batch.lastOffset());
  }
}

/** kafkajs puts errors of its own around ours. */
function reasonOf(error: Error): Error {
  return error.cause instanceof Failure ? error.cause : error;
}
