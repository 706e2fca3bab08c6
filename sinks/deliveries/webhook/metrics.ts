/** Counters of the webhook sink. */
import { Counter, Gauge, Histogram, type Registry } from '../../../runtime/process/metrics.js';

export class WebhookMetrics {
  readonly delivered: Counter;
  readonly filtered: Counter;
  readonly failedAttempts: Counter<'reason'>;
  readonly retries: Counter;
  readonly refused: Counter<'reason'>;
  readonly lostRecords: Counter;
  readonly requestSeconds: Histogram;
  readonly deliverySeconds: Histogram;
  readonly available: Gauge;
  readonly lag: Gauge<'partition'>;

  constructor(registry: Registry) {
    const registers = [registry];
    const counter = <L extends string = never>(name: string, help: string, labelNames: readonly L[] = []) =>
      new Counter({ name: `nta_webhook_${name}`, help, labelNames, registers });
    this.delivered = counter('delivered_events_total', 'alert events that the receiver has taken (2xx)');
    this.filtered = counter(
      'filtered_events_total',
      'alert events left out by --webhook-events or --webhook-min-severity',
    );
    this.failedAttempts = counter('failed_attempts_total', 'requests that the receiver did not answer with 2xx', [
      'reason',
    ]);
    this.retries = counter('retries_total', 'requests that repeated an earlier one');
    this.refused = counter('refused_events_total', 'alert events that were not delivered, now on alerts-dead-letter', [
      'reason',
    ]);
    this.lostRecords = counter('lost_records_total', 'records that Kafka deleted before they were delivered');
    this.requestSeconds = new Histogram({
      name: 'nta_webhook_request_seconds',
      help: 'time of a request, answered or not',
      buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30],
      registers,
    });
    this.deliverySeconds = new Histogram({
      name: 'nta_webhook_delivery_seconds',
      help: 'from the alert’s record on Kafka to the receiver’s 2xx, waiting and repeating included',
      buckets: [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 60, 600, 3600],
      registers,
    });
    this.available = new Gauge({
      name: 'nta_webhook_available',
      help: '1 while the receiver takes what it is sent, 0 while it does not',
      registers,
    });
    this.available.set(1);
    this.lag = new Gauge({
      name: 'nta_webhook_lag_records',
      help: 'records of a partition of alerts that are not delivered yet',
      labelNames: ['partition'],
      registers,
    });
  }
}
