/**
 * Delivers alert events to a webhook, at least once, and those of a source in their order. An event is done with when the
 * receiver has answered 2xx, or when it was put on `alerts-dead-letter`; only then does its offset move. While the receiver
 * takes nothing the partitions are paused, so nothing piles up here: what waits, waits on the topic.
 *
 * Headers and signature are those of Standard Webhooks 1.0.0 (https://www.standardwebhooks.com); the body is the record
 * as it was published.
 */
import type { Consumer, EachBatchPayload, Kafka, KafkaMessage } from 'kafkajs';
import { checkKafka, createKafka, isKafkaError, type KafkaSettings } from '../../../runtime/kafka/client.js';
import { Failure, messageOf } from '../../../runtime/process/failure.js';
import type { Logger } from '../../../runtime/process/log.js';
import type { Registry } from '../../../runtime/process/metrics.js';
import type { Service } from '../../../runtime/process/service.js';
import { groupName, topicName } from '../../../schemas/topics.js';
import { DeadLetters } from '../../stream/dead-letters.js';
import { COMMIT_INTERVAL_MS, GROUP_READER, readingStopped, withHeartbeats } from '../../stream/group-reader.js';
import { Delivery } from './delivery.js';
import { WebhookMetrics } from './metrics.js';
import { readEndpoint, type WebhookSettings } from './options.js';
import { WebhookReceiver } from './receiver.js';
import { StartingPoint } from './starting-point.js';

export { type WebhookSettings, webhookOptions } from './options.js';

export interface WebhookSink extends Service {
  /** Rejects when reading the topic has stopped for good. */
  readonly done: Promise<void>;
  /** Why nothing is delivered at the moment, or null. */
  readiness(): string | null;
}

/** `start` fails when Kafka cannot be reached or the topics are missing; the receiver's absence is waited out. */
export function createWebhookSink(
  settings: WebhookSettings & KafkaSettings,
  log: Logger,
  registry: Registry,
): WebhookSink {
  return new Sink(settings, log, new WebhookMetrics(registry));
}

const FETCH_BYTES = 1 << 20;
/** How long an attempt may take that was under way when the sink was told to stop. */
const STOP_GRACE_MS = 15_000;

class Sink implements WebhookSink {
  readonly name = 'webhook-sink';
  readonly done: Promise<void>;
  private readonly topic: string;
  private readonly deadLetterTopic: string;
  private consumer: Consumer | undefined;
  private deadLetters: DeadLetters | undefined;
  private receiver: WebhookReceiver | undefined;
  private delivery: Delivery | undefined;
  private startingPoint: StartingPoint | null = null;
  private readonly holds = new Map<number, NodeJS.Timeout>();
  private committedAt = 0;
  private reject: (error: unknown) => void = () => undefined;

  constructor(
    private readonly settings: WebhookSettings & KafkaSettings,
    private readonly log: Logger,
    private readonly metrics: WebhookMetrics,
  ) {
    this.topic = topicName('alerts', settings.topicPrefix);
    this.deadLetterTopic = topicName('alertsDeadLetter', settings.topicPrefix);
    this.done = new Promise((_, reject) => {
      this.reject = reject;
    });
    this.done.catch(() => undefined);
  }

  readiness(): string | null {
    return this.delivery?.unavailable ?? null;
  }

  async start(): Promise<void> {
    const { settings, log, topic } = this;
    const endpoint = readEndpoint(settings, (message) => log.warn(message));
    await checkKafka(settings, log);
    const kafka = createKafka(settings, 'nta-webhook', log);
    await this.checkTopics(kafka);
    const receiver = new WebhookReceiver(endpoint, settings.webhookTimeout);
    const deadLetters = new DeadLetters(kafka, this.deadLetterTopic);
    this.receiver = receiver;
    this.deadLetters = deadLetters;
    this.delivery = new Delivery(topic, settings, receiver, deadLetters, this.metrics, log);
    const group = groupName('webhookSink', settings.topicPrefix);
    const groupId = settings.webhookName === '' ? group : `${group}-${settings.webhookName}`;
    const consumer = kafka.consumer({
      ...GROUP_READER,
      groupId,
      readUncommitted: false,
      maxBytes: FETCH_BYTES,
      maxBytesPerPartition: FETCH_BYTES,
    });
    this.consumer = consumer;
    const startingPoint =
      settings.webhookStart === 'latest' ? new StartingPoint(kafka, consumer, groupId, topic, log) : null;
    this.startingPoint = startingPoint;
    consumer.on(consumer.events.GROUP_JOIN, ({ payload }) => {
      this.delivery?.forgetHeld();
      this.metrics.lag.reset();
      const partitions = (payload.memberAssignment as Record<string, number[]>)[topic] ?? [];
      startingPoint?.onAssignment(partitions, payload.isLeader);
      log.debug({ topic, partitions }, 'partitions assigned');
    });
    consumer.on(consumer.events.CRASH, ({ payload }) => {
      if (!payload.restart) this.fail(payload.error);
    });
    await consumer.connect();
    await consumer.subscribe({ topic, fromBeginning: true });
    await consumer.run({
      autoCommit: false,
      eachBatchAutoResolve: false,
      partitionsConsumedConcurrently: 1,
      eachBatch: (payload) => this.eachBatch(payload),
    });
    await Promise.race([startingPoint?.found, this.done]);
    log.info({ receiver: receiver.origin, events: settings.webhookEvents }, 'delivering alerts');
  }

  async stop(): Promise<void> {
    this.startingPoint?.stop();
    for (const timer of this.holds.values()) clearTimeout(timer);
    // An attempt under way may end well, within bounds.
    const giveUp = setTimeout(() => this.receiver?.close(), STOP_GRACE_MS);
    await this.consumer?.disconnect();
    clearTimeout(giveUp);
    this.receiver?.close();
    await this.deadLetters?.close();
  }

  private async checkTopics(kafka: Kafka): Promise<void> {
    const admin = kafka.admin();
    await admin.connect();
    try {
      const existing = await admin.listTopics();
      const missing = [this.topic, this.deadLetterTopic].filter((topic) => !existing.includes(topic));
      if (missing.length > 0) {
        throw new Failure('TOPIC_MISSING', `Kafka has no topic ${missing.join(', ')}; run nta setup, which creates it`);
      }
    } finally {
      await admin.disconnect();
    }
  }

  private fail(error: unknown): void {
    this.reject(isKafkaError(error) ? readingStopped(this.topic, error) : error);
  }

  private async eachBatch(payload: EachBatchPayload): Promise<void> {
    try {
      await this.takeBatch(payload);
    } catch (error) {
      // kafkajs mends its own, or says so with CRASH; anything else it would try again for ever, in silence.
      if (!isKafkaError(error)) this.fail(error);
      throw error;
    }
  }

  private async takeBatch(payload: EachBatchPayload): Promise<void> {
    const { batch, heartbeat } = payload;
    const { partition, messages } = batch;
    this.noteLoss(partition, messages);
    let next: bigint | null = null;
    await withHeartbeats(heartbeat, async (hasFailed) => {
      try {
        for (const message of messages) {
          if (hasFailed() || !payload.isRunning() || payload.isStale()) break;
          const wait = await this.delivery!.deliver(partition, message);
          if (wait > 0) {
            this.hold(partition, wait);
            break;
          }
          payload.resolveOffset(message.offset);
          // Past the last one stand the markers of its transaction, which nobody reads.
          next = BigInt(message === messages.at(-1) ? batch.lastOffset() : message.offset) + 1n;
          if (performance.now() - this.committedAt >= COMMIT_INTERVAL_MS) await this.commit(payload, next);
        }
      } finally {
        if (next !== null) await this.commit(payload, next);
        const position = next ?? BigInt(messages[0]?.offset ?? batch.highWatermark);
        this.metrics.lag.set({ partition }, Number(BigInt(batch.highWatermark) - position));
      }
    });
  }

  /** What is not committed is delivered again after a restart, which the receiver tells by its id. */
  private async commit({ batch, commitOffsetsIfNecessary }: EachBatchPayload, next: bigint): Promise<void> {
    this.committedAt = performance.now();
    const { topic, partition } = batch;
    try {
      await commitOffsetsIfNecessary({ topics: [{ topic, partitions: [{ partition, offset: String(next) }] }] });
    } catch (error) {
      this.log.debug({ partition, cause: messageOf(error) }, 'offset not committed');
    }
  }

  /** The record that was held is no longer there: retention was faster than the receiver. */
  private noteLoss(partition: number, messages: readonly KafkaMessage[]): void {
    const held = this.delivery!.heldOffset(partition);
    const first = messages[0];
    if (held === null || first === undefined || BigInt(first.offset) <= held) return;
    const lost = Number(BigInt(first.offset) - held);
    this.metrics.lostRecords.inc(lost);
    this.log.error(
      { topic: this.topic, partition, from: String(held), to: first.offset },
      `Kafka no longer has ${lost} records of ${this.topic} that were not delivered yet; raise its retention`,
    );
  }

  /** Leaves the partition alone for a while; the record comes again after it. */
  private hold(partition: number, wait: number): void {
    const where = [{ topic: this.topic, partitions: [partition] }];
    this.consumer?.pause(where);
    clearTimeout(this.holds.get(partition));
    this.holds.delete(partition);
    if (wait === Number.POSITIVE_INFINITY) return;
    this.holds.set(
      partition,
      setTimeout(() => {
        this.holds.delete(partition);
        this.consumer?.resume(where);
      }, wait),
    );
  }
}
