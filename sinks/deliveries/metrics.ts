/** Counters of deliveries; the label `output` says of which. */
import { Counter, Gauge, Histogram, type Registry } from '../../runtime/process/metrics.js';

export class DeliveryMetrics {
  readonly delivered: Counter<'output'>;
  readonly filtered: Counter<'output'>;
  readonly failedAttempts: Counter<'output' | 'reason'>;
  readonly retries: Counter<'output'>;
  readonly refused: Counter<'output' | 'reason'>;
  readonly lostRecords: Counter<'output'>;
  readonly attemptSeconds: Histogram<'output'>;
  readonly deliverySeconds: Histogram<'output'>;
  readonly available: Gauge<'output'>;
  readonly lag: Gauge<'output' | 'partition'>;

  constructor(registry: Registry) {
    const registers = [registry];
    const counter = <L extends string = never>(name: string, help: string, labels: readonly L[] = []) =>
      new Counter({
        name: `nta_delivery_${name}`,
        help,
        labelNames: ['output', ...labels] as readonly ('output' | L)[],
        registers,
      });
    this.delivered = counter('delivered_events_total', 'alert events that the receiver has taken');
    this.filtered = counter('filtered_events_total', 'alert events left out by --…-events or --…-min-severity');
    this.failedAttempts = counter('failed_attempts_total', 'attempts by which the receiver took nothing', ['reason']);
    this.retries = counter('retries_total', 'attempts that repeated an earlier one');
    this.refused = counter('refused_events_total', 'alert events that were not delivered, now on alerts-dead-letter', [
      'reason',
    ]);
    this.lostRecords = counter('lost_records_total', 'records that Kafka deleted before they were delivered');
    this.attemptSeconds = new Histogram({
      name: 'nta_delivery_attempt_seconds',
      help: 'time of an attempt, answered or not',
      labelNames: ['output'],
      buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30],
      registers,
    });
    this.deliverySeconds = new Histogram({
      name: 'nta_delivery_seconds',
      help: 'from the alert’s record on Kafka to the receiver having it, waiting and repeating included',
      labelNames: ['output'],
      buckets: [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 60, 600, 3600],
      registers,
    });
    this.available = new Gauge({
      name: 'nta_delivery_available',
      help: '1 while the receiver takes what it is sent, 0 while it does not',
      labelNames: ['output'],
      registers,
    });
    this.lag = new Gauge({
      name: 'nta_delivery_lag_records',
      help: 'records of a partition of alerts that are not delivered yet',
      labelNames: ['output', 'partition'],
      registers,
    });
  }
}
