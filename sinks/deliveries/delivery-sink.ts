/**
 * Delivers alert events to an output, at least once, and those of a source in their order. An event is done with when the
 * receiver has it, or when it was put on `alerts-dead-letter`; only then does its offset move. While the receiver
 * takes nothing the partitions are paused, so nothing piles up here: what waits, waits on the topic.
 */
import type { Consumer, ConsumerRunConfig, EachBatchPayload, Kafka, KafkaMessage } from 'kafkajs';
import { checkKafka, createKafka, isKafkaError, type KafkaSettings } from '../../runtime/kafka/client.js';
import { SteadyConsumer } from '../../runtime/kafka/steady-consumer.js';
import { Failure, messageOf } from '../../runtime/process/failure.js';
import type { Logger } from '../../runtime/process/log.js';
import type { Registry } from '../../runtime/process/metrics.js';
import type { Service } from '../../runtime/process/service.js';
import { deliveryGroup, topicName } from '../../schemas/topics.js';
import { DeadLetters } from '../stream/dead-letters.js';
import { COMMIT_INTERVAL_MS, GROUP_READER, readingStopped, withHeartbeats } from '../stream/group-reader.js';
import { Delivery } from './delivery.js';
import { deliverySettings } from './delivery-options.js';
import { DeliveryMetrics } from './metrics.js';
import type { AlertOutput, AlertReceiver } from './output.js';
import { StartingPoint } from './starting-point.js';

export interface DeliverySink extends Service {
  /** Rejects when reading the topic has stopped for good. */
  readonly done: Promise<void>;
  /** Why nothing is delivered at the moment, or null. */
  readiness(): string | null;
}

/**
 * `start` fails when Kafka cannot be reached or the topics are missing; the receiver's absence is waited out.
 *
 * @param settings those of `outputOptions(output)`.
 */
export function createDeliverySink(
  output: AlertOutput,
  settings: KafkaSettings & object,
  log: Logger,
  registry: Registry,
): DeliverySink {
  return new Sink(output, settings, log, new DeliveryMetrics(registry));
}

const FETCH_BYTES = 1 << 20;
/** How long an attempt may take that was under way when the sink was told to stop. */
const STOP_GRACE_MS = 15_000;

class Sink implements DeliverySink {
  readonly name: string;
  readonly done: Promise<void>;
  private readonly topic: string;
  private readonly deadLetterTopic: string;
  private consumer: Consumer | undefined;
  private deadLetters: DeadLetters | undefined;
  private receiver: AlertReceiver | undefined;
  private steady: SteadyConsumer | undefined;
  private delivery: Delivery | undefined;
  private startingPoint: StartingPoint | null = null;
  private readonly holds = new Map<number, NodeJS.Timeout>();
  private committedAt = 0;
  private reject: (error: unknown) => void = () => undefined;

  constructor(
    private readonly output: AlertOutput,
    private readonly settings: KafkaSettings & object,
    private readonly log: Logger,
    private readonly metrics: DeliveryMetrics,
  ) {
    this.name = `${output.name}-sink`;
    this.topic = topicName('alerts', settings.topicPrefix);
    this.deadLetterTopic = topicName('alertsDeadLetter', settings.topicPrefix);
    this.done = new Promise((_, reject) => {
      this.reject = reject;
    });
    this.done.catch(() => undefined);
  }

  readiness(): string | null {
    return this.steady?.obstacle ?? this.delivery?.unavailable ?? null;
  }

  async start(): Promise<void> {
    const { settings, output, log, topic } = this;
    const delivering = deliverySettings(output, settings);
    const receiver = output.open(settings as never, {
      timeoutMs: delivering.timeoutMs,
      warn: (message) => log.warn(message),
    });
    this.receiver = receiver;
    await checkKafka(settings, log);
    const kafka = createKafka(settings, `nta-${output.name}`, log);
    await this.checkTopics(kafka);
    const deadLetters = new DeadLetters(kafka, this.deadLetterTopic);
    this.deadLetters = deadLetters;
    this.delivery = new Delivery({
      output: output.name,
      topic,
      settings: delivering,
      receiver,
      deadLetters,
      metrics: this.metrics,
      log,
    });
    const groupId = deliveryGroup(output.name, delivering.name, settings.topicPrefix);
    const consumer = kafka.consumer({
      ...GROUP_READER,
      groupId,
      readUncommitted: false,
      maxBytes: FETCH_BYTES,
      maxBytesPerPartition: FETCH_BYTES,
    });
    this.consumer = consumer;
    if (delivering.start === 'latest') {
      const flag = `--${output.name}-start earliest`;
      this.startingPoint = new StartingPoint(kafka, consumer, { groupId, topic, earliestFlag: flag }, log);
    }
    await this.read(consumer);
    log.info({ receiver: receiver.address, events: delivering.events }, 'delivering alerts');
  }

  private async read(consumer: Consumer): Promise<void> {
    const { topic, startingPoint } = this;
    consumer.on(consumer.events.GROUP_JOIN, ({ payload }) => {
      this.delivery?.forgetHeld();
      this.metrics.lag.reset();
      const partitions = (payload.memberAssignment as Record<string, number[]>)[topic] ?? [];
      startingPoint?.onAssignment(partitions, payload.isLeader);
      this.log.debug({ topic, partitions }, 'partitions assigned');
    });
    const run: ConsumerRunConfig = {
      autoCommit: false,
      eachBatchAutoResolve: false,
      partitionsConsumedConcurrently: 1,
      eachBatch: (payload) => this.eachBatch(payload),
    };
    this.steady = new SteadyConsumer(consumer, run, this.log, (error) => this.fail(error));
    await consumer.connect();
    await consumer.subscribe({ topic, fromBeginning: true });
    await this.steady.run();
    await Promise.race([startingPoint?.found, this.done]);
  }

  async stop(): Promise<void> {
    this.startingPoint?.stop();
    this.steady?.stop();
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
        this.metrics.lag.set({ output: this.output.name, partition }, Number(BigInt(batch.highWatermark) - position));
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
    this.metrics.lostRecords.inc({ output: this.output.name }, lost);
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
