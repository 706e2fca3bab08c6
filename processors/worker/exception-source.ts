/**
 * The exceptions in force: all of the compacted topic `exceptions`, read before the first packet and followed from there on. The topic has
 * one partition, so every worker takes them up in the same order.
 */
import type { Kafka } from 'kafkajs';
import { CompactedTopic } from '../../runtime/kafka/compacted-topic.js';
import type { Logger } from '../../runtime/process/log.js';
import { type AlertException, EXCEPTIONS_MAX, readAlertException } from '../../schemas/exceptions/alert-exception.js';
import type { AlertExceptions } from '../contract/alert-exceptions.js';
import { AlertExceptionList } from '../rules/alert-exceptions.js';
import type { ProcessMetrics } from './process-metrics.js';

export interface ExceptionSourceOptions {
  readonly kafka: Kafka;
  readonly topic: string;
  readonly onChange: (exceptions: AlertExceptions) => void;
  readonly log: Logger;
  readonly metrics: ProcessMetrics;
}

export class ExceptionSource {
  inForce: AlertExceptions;
  private readonly known = new Map<string, AlertException>();
  private readonly topic: CompactedTopic;
  private started = false;

  constructor(private readonly options: ExceptionSourceOptions) {
    const { kafka, topic, log } = options;
    this.inForce = this.compile();
    this.topic = new CompactedTopic(
      kafka,
      topic,
      (records) => {
        for (const { key, value } of records) this.take(key, value);
        this.change();
      },
      () => this.known.clear(),
      log,
    );
  }

  async start(): Promise<void> {
    await this.topic.start();
    this.started = true;
  }

  async stop(): Promise<void> {
    await this.topic.stop();
  }

  private take(key: string, value: string | null): void {
    const { log } = this.options;
    this.known.delete(key);
    if (value === null) return;
    const exception = readAlertException(value);
    if ('reason' in exception) log.error({ exception: key }, `an exception cannot be used: ${exception.reason}`);
    else if (this.known.size >= EXCEPTIONS_MAX) log.error({ exception: key }, 'too many exceptions: it is left out');
    else this.known.set(key, exception);
  }

  private change(): void {
    const { onChange, log } = this.options;
    this.inForce = this.compile();
    if (!this.started) return;
    log.info({ exceptions: this.known.size }, 'exceptions in force');
    onChange(this.inForce);
  }

  private compile(): AlertExceptionList {
    const { log, metrics } = this.options;
    metrics.exceptions.set(this.known.size);
    return new AlertExceptionList(this.known.values(), (id, reason) =>
      log.error({ exception: id }, `an exception cannot be used: ${reason}`),
    );
  }
}
