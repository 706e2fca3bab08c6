/**
 * Brings one record after another to the receiver, and decides what becomes of it: delivered, tried again later, or put on
 * `alerts-dead-letter`. Knows no consumer: whoever reads the topic gets told how long to wait.
 */
import type { KafkaMessage } from 'kafkajs';
import type { Logger } from '../../../runtime/process/log.js';
import type { AlertDocument } from '../../../schemas/alerts/alert.js';
import { readAlert } from '../../alerts/alert-sink.js';
import { type DeadLetters, poisonLetter } from '../../stream/dead-letters.js';
import { describeAnswer, judge, reasonOf, type WebhookAnswer } from './answer.js';
import { Backoff } from './backoff.js';
import type { WebhookMetrics } from './metrics.js';
import type { WebhookReceiver } from './receiver.js';

export interface DeliverySettings {
  readonly webhookEvents: readonly string[];
  readonly webhookMinSeverity: number;
  readonly webhookRetryFor: number;
}

/** The record of a partition that is being tried. */
interface Trial {
  readonly offset: bigint;
  readonly backoff: Backoff;
  attempts: number;
}

export class Delivery {
  private readonly trials = new Map<number, Trial>();
  /** Of a receiver that takes nothing, whichever event it is. */
  private readonly absence = new Backoff();
  private gone = false;
  private reason: string | null = null;

  constructor(
    private readonly topic: string,
    private readonly settings: DeliverySettings,
    private readonly receiver: WebhookReceiver,
    private readonly deadLetters: DeadLetters,
    private readonly metrics: WebhookMetrics,
    private readonly log: Logger,
  ) {}

  /** Why nothing is delivered at the moment, or null. */
  get unavailable(): string | null {
    return this.reason;
  }

  /** The offset of the partition's record that is tried again and again, or null. */
  heldOffset(partition: number): bigint | null {
    return this.trials.get(partition)?.offset ?? null;
  }

  /** For a new assignment: what was held may have been delivered by another sink meanwhile. */
  forgetHeld(): void {
    this.trials.clear();
  }

  /**
   * Milliseconds after which the record is to be tried again, Infinity for never, 0 when it is done with.
   *
   * @throws an error of kafkajs when the dead letter cannot be written, and then the record is not done with.
   */
  async deliver(partition: number, message: KafkaMessage): Promise<number> {
    if (this.gone) return Number.POSITIVE_INFINITY;
    const reading = readAlert(message.value);
    if (!reading.ok) {
      await this.bury(partition, message, reading.reason, reading.detail);
      return 0;
    }
    const { event } = reading.document;
    if (!this.isWanted(reading.document)) {
      this.metrics.filtered.inc();
      return 0;
    }
    const trial = this.trialOf(partition, BigInt(message.offset));
    const wait = Math.max(this.absence.remaining(performance.now()), trial.backoff.remaining(performance.now()));
    if (wait > 0) return wait;
    const answer = await this.attempt(trial, event.id, message.value!);
    return this.settle(answer, partition, message, trial, event.id);
  }

  private isWanted({ event }: AlertDocument): boolean {
    return event.severity >= this.settings.webhookMinSeverity && this.settings.webhookEvents.includes(event.action);
  }

  private trialOf(partition: number, offset: bigint): Trial {
    const known = this.trials.get(partition);
    if (known?.offset === offset) return known;
    const trial: Trial = { offset, backoff: new Backoff(), attempts: 0 };
    this.trials.set(partition, trial);
    return trial;
  }

  private async attempt(trial: Trial, id: string, body: Buffer): Promise<WebhookAnswer> {
    if (trial.attempts++ > 0) this.metrics.retries.inc();
    const stop = this.metrics.requestSeconds.startTimer();
    const answer = await this.receiver.post(id, body);
    stop();
    if (judge(answer) !== 'delivered') this.metrics.failedAttempts.inc({ reason: reasonOf(answer) });
    return answer;
  }

  /** Draws the consequence of an answer: milliseconds until the next attempt, or 0 when the record is done with. */
  private async settle(
    answer: WebhookAnswer,
    partition: number,
    message: KafkaMessage,
    trial: Trial,
    id: string,
  ): Promise<number> {
    const verdict = judge(answer);
    const now = performance.now();
    const asked = answer.status === null ? null : answer.retryAfterMs;
    if (verdict === 'gone') {
      this.gone = true;
      this.away(`${describeAnswer(answer)}; nothing is sent until this sink is started again`);
      return Number.POSITIVE_INFINITY;
    }
    if (verdict === 'away') {
      this.absence.fail(now, asked);
      this.away(describeAnswer(answer));
      return this.absence.remaining(now);
    }
    this.absence.succeed();
    if (verdict === 'failing') {
      trial.backoff.fail(now, asked);
      this.away(describeAnswer(answer));
      if (trial.backoff.failingFor(now) < this.settings.webhookRetryFor) return trial.backoff.remaining(now);
    }
    if (verdict === 'delivered') {
      this.back();
      this.metrics.delivered.inc();
      this.metrics.deliverySeconds.observe(Math.max(0, Date.now() - Number(message.timestamp)) / 1000);
      this.log.debug({ id, partition, offset: message.offset, attempts: trial.attempts }, 'alert delivered');
    } else {
      await this.bury(partition, message, reasonOf(answer), describeAnswer(answer));
      this.back();
    }
    this.trials.delete(partition);
    return 0;
  }

  private async bury(partition: number, message: KafkaMessage, reason: string, detail: string): Promise<void> {
    const letter = poisonLetter(this.topic, partition, message, reason, detail);
    await this.deadLetters.send([{ ...letter, headers: { ...letter.headers, stage: 'webhook' } }]);
    this.metrics.refused.inc({ reason });
    this.log.error(
      { partition, offset: message.offset, reason },
      `alert not delivered, now on ${this.deadLetters.topic}: ${detail}`,
    );
  }

  private away(reason: string): void {
    const text = `the webhook at ${this.receiver.origin} takes no alerts: ${reason}`;
    if (text !== this.reason) this.log.error(`delivering waits: ${text}`);
    this.reason = text;
    this.metrics.available.set(0);
  }

  private back(): void {
    if (this.reason === null) return;
    this.log.info(`delivering to the webhook at ${this.receiver.origin} goes on`);
    this.reason = null;
    this.metrics.available.set(1);
  }
}
