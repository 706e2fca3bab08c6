/**
 * Brings one record after another to the receiver, and decides what becomes of it: delivered, tried again later, or put on
 * `alerts-dead-letter`. Knows no consumer: whoever reads the topic gets told how long to wait.
 */
import type { KafkaMessage } from 'kafkajs';
import type { Logger } from '../../runtime/process/log.js';
import type { AlertDocument } from '../../schemas/alerts/alert.js';
import { readAlert } from '../alerts/alert-sink.js';
import { type DeadLetters, poisonLetter } from '../stream/dead-letters.js';
import { Backoff } from './backoff.js';
import type { DeliverySettings } from './delivery-options.js';
import type { DeliveryMetrics } from './metrics.js';
import type { AlertReceiver, UndeliveredVerdict, Verdict } from './output.js';

/** The record of a partition that is being tried. */
interface Trial {
  readonly offset: bigint;
  readonly backoff: Backoff;
  attempts: number;
}

export interface DeliveryOptions {
  /** Its name. */
  readonly output: string;
  readonly topic: string;
  readonly settings: DeliverySettings;
  readonly receiver: AlertReceiver;
  readonly deadLetters: DeadLetters;
  readonly metrics: DeliveryMetrics;
  readonly log: Logger;
}

export class Delivery {
  private readonly trials = new Map<number, Trial>();
  /** Of a receiver that takes nothing, whichever event it is. */
  private readonly absence = new Backoff();
  private gone = false;
  private reason: string | null = null;

  constructor(private readonly options: DeliveryOptions) {
    options.metrics.available.set({ output: options.output }, 1);
  }

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
    const { document } = reading;
    const { output, metrics } = this.options;
    if (!this.isWanted(document)) {
      metrics.filtered.inc({ output });
      return 0;
    }
    const trial = this.trialOf(partition, BigInt(message.offset));
    const wait = Math.max(this.absence.remaining(performance.now()), trial.backoff.remaining(performance.now()));
    if (wait > 0) return wait;
    const verdict = await this.attempt(trial, document, message.value!);
    if (verdict.kind !== 'delivered') return this.settle(verdict, partition, message, trial);
    this.absence.succeed();
    this.back();
    metrics.delivered.inc({ output });
    metrics.deliverySeconds.observe({ output }, Math.max(0, Date.now() - Number(message.timestamp)) / 1000);
    const { id } = document.event;
    this.options.log.debug({ id, partition, offset: message.offset, attempts: trial.attempts }, 'alert delivered');
    this.trials.delete(partition);
    return 0;
  }

  private isWanted({ event }: AlertDocument): boolean {
    const { minSeverity, events } = this.options.settings;
    return event.severity >= minSeverity && events.includes(event.action);
  }

  private trialOf(partition: number, offset: bigint): Trial {
    const known = this.trials.get(partition);
    if (known?.offset === offset) return known;
    const trial: Trial = { offset, backoff: new Backoff(), attempts: 0 };
    this.trials.set(partition, trial);
    return trial;
  }

  private async attempt(trial: Trial, document: AlertDocument, body: Buffer): Promise<Verdict> {
    const { output, metrics, receiver } = this.options;
    if (trial.attempts++ > 0) metrics.retries.inc({ output });
    const stop = metrics.attemptSeconds.startTimer({ output });
    const verdict = await receiver.deliver({ id: document.event.id, document, body });
    stop();
    if (verdict.kind !== 'delivered') metrics.failedAttempts.inc({ output, reason: verdict.reason });
    return verdict;
  }

  /** Draws the consequence of a failed attempt: milliseconds until the next one, or 0 when the record is done with. */
  private async settle(
    { kind, reason, detail, retryAfterMs = null }: UndeliveredVerdict,
    partition: number,
    message: KafkaMessage,
    trial: Trial,
  ): Promise<number> {
    const now = performance.now();
    if (kind === 'gone') {
      this.gone = true;
      this.away(`${detail}; nothing is sent until this sink is started again`);
      return Number.POSITIVE_INFINITY;
    }
    if (kind === 'away') {
      this.absence.fail(now, retryAfterMs);
      this.away(detail);
      return this.absence.remaining(now);
    }
    this.absence.succeed();
    if (kind === 'failing') {
      trial.backoff.fail(now, retryAfterMs);
      this.away(detail);
      if (trial.backoff.failingFor(now) < this.options.settings.retryForMs) return trial.backoff.remaining(now);
    }
    await this.bury(partition, message, reason, detail);
    this.back();
    this.trials.delete(partition);
    return 0;
  }

  private async bury(partition: number, message: KafkaMessage, reason: string, detail: string): Promise<void> {
    const { output, topic, deadLetters, metrics, log } = this.options;
    const letter = poisonLetter(topic, partition, message, reason, detail);
    await deadLetters.send([{ ...letter, headers: { ...letter.headers, stage: output } }]);
    metrics.refused.inc({ output, reason });
    log.error(
      { partition, offset: message.offset, reason },
      `alert not delivered, now on ${deadLetters.topic}: ${detail}`,
    );
  }

  private away(reason: string): void {
    const { output, receiver, metrics, log } = this.options;
    const text = `the ${output} at ${receiver.address} takes no alerts: ${reason}`;
    if (text !== this.reason) log.error(`delivering waits: ${text}`);
    this.reason = text;
    metrics.available.set({ output }, 0);
  }

  private back(): void {
    const { output, receiver, metrics, log } = this.options;
    if (this.reason === null) return;
    log.info(`delivering to the ${output} at ${receiver.address} goes on`);
    this.reason = null;
    metrics.available.set({ output }, 1);
  }
}
