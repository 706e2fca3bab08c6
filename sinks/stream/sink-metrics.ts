/** Counters of the sinks. */
import { Counter, Gauge, Histogram, type Registry } from '../../runtime/process/metrics.js';

export class SinkMetrics {
  readonly records: Counter<'topic'>;
  readonly packets: Counter;
  readonly rows: Counter;
  readonly conversations: Counter;
  readonly refusedRows: Counter<'sqlstate'>;
  readonly poisonRecords: Counter<'reason'>;
  readonly lostRecords: Counter<'topic'>;
  readonly superseded: Counter<'topic'>;
  readonly failures: Counter<'sqlstate'>;
  readonly transactionSeconds: Histogram;
  readonly bufferedBytes: Gauge;
  readonly lag: Gauge<'topic' | 'partition'>;
  readonly available: Gauge;
  readonly unreadablePartitions: Gauge<'topic'>;

  constructor(registry: Registry) {
    const registers = [registry];
    const counter = <L extends string = never>(name: string, help: string, labelNames: readonly L[] = []) =>
      new Counter({ name: `nta_sink_${name}`, help, labelNames, registers });
    this.records = counter('records_total', 'records stored', ['topic']);
    this.packets = counter('packets_total', 'packets taken from the topic and accounted for in the tables');
    this.rows = counter('rows_total', 'packets written as rows');
    this.conversations = counter('conversations_total', 'conversations written, each again as often as it was told of');
    this.refusedRows = counter(
      'refused_rows_total',
      'packets and conversations that Postgres refused, now on packets-dead-letter',
      ['sqlstate'],
    );
    this.poisonRecords = counter('poison_records_total', 'records that could not be read, now on packets-dead-letter', [
      'reason',
    ]);
    this.lostRecords = counter('lost_records_total', 'records that Kafka deleted before they were stored', ['topic']);
    this.superseded = counter('superseded_total', 'partitions given up because another sink had stored them', [
      'topic',
    ]);
    this.failures = counter('postgres_failures_total', 'transactions that failed and were or will be repeated', [
      'sqlstate',
    ]);
    this.transactionSeconds = new Histogram({
      name: 'nta_sink_transaction_seconds',
      help: 'time of a transaction that stores packets',
      buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
      registers,
    });
    this.bufferedBytes = new Gauge({
      name: 'nta_sink_buffered_bytes',
      help: 'rows that are being stored',
      registers,
    });
    this.lag = new Gauge({
      name: 'nta_sink_lag_records',
      help: 'records of a partition that are not stored yet',
      labelNames: ['topic', 'partition'],
      registers,
    });
    this.available = new Gauge({
      name: 'nta_sink_postgres_available',
      help: '1 while Postgres takes what it is given, 0 while it is away, full or read-only',
      registers,
    });
    this.available.set(1);
    this.unreadablePartitions = new Gauge({
      name: 'nta_sink_unreadable_partitions',
      help: 'partitions that wait because their next records are damaged on the broker, or compressed in a way nta does not read',
      labelNames: ['topic'],
      registers,
    });
  }
}
