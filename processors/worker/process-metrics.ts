/** Metrics of a processor worker. The label `partition` is bounded by the topic; no label carries an address. */
import { Counter, Gauge, Histogram, type Registry } from '../../runtime/process/metrics.js';

export class ProcessMetrics {
  readonly packets: Counter;
  readonly records: Counter;
  readonly bytes: Counter;
  readonly latePackets: Counter;
  readonly aheadPackets: Counter;
  readonly resetClocks: Counter;
  readonly replayedPackets: Counter;
  readonly lostRecords: Counter;
  readonly evictions: Counter;
  readonly alerts: Counter<'rule' | 'action'>;
  readonly exceptedAlerts: Counter<'detector'>;
  readonly exceptions: Gauge;
  readonly deadLetters: Counter<'reason'>;
  readonly detectorFailures: Counter<'detector'>;
  readonly transactions: Counter<'result'>;
  readonly transactionSeconds: Histogram;
  readonly recoverySeconds: Histogram;
  readonly rebalances: Counter;
  readonly sessionFailures: Counter;
  readonly configurationReloads: Counter<'result'>;
  readonly partitions: Gauge;
  readonly unreadablePartitions: Gauge;
  readonly lag: Gauge<'partition'>;
  readonly stateBytes: Gauge<'partition'>;
  readonly sources: Gauge<'partition'>;
  readonly openEpisodes: Gauge<'partition'>;

  constructor(registry: Registry) {
    const counter = <Label extends string = never>(name: string, help: string, labelNames: readonly Label[] = []) =>
      new Counter<Label>({ name: `nta_process_${name}`, help, labelNames, registers: [registry] });
    const gauge = <Label extends string = never>(name: string, help: string, labelNames: readonly Label[] = []) =>
      new Gauge<Label>({ name: `nta_process_${name}`, help, labelNames, registers: [registry] });
    const histogram = (name: string, help: string, buckets: number[]) =>
      new Histogram({ name: `nta_process_${name}`, help, buckets, registers: [registry] });

    this.packets = counter('packets_total', 'packets processed, without those replayed to rebuild windows');
    this.records = counter('records_total', 'records of the topic packets processed');
    this.bytes = counter('bytes_total', 'bytes of those records’ values');
    this.latePackets = counter('late_packets_total', 'packets that came later than --allowed-lateness');
    this.aheadPackets = counter(
      'ahead_packets_total',
      'packets whose capture node’s clock is ahead of Kafka’s; they count as of when Kafka took them',
    );
    this.resetClocks = counter(
      'reset_clocks_total',
      'sources that start over because all of theirs was late for a whole window: an earlier packet was stamped ahead',
    );
    this.replayedPackets = counter('replayed_packets_total', 'packets read again to rebuild windows');
    this.lostRecords = counter('lost_records_total', 'records that retention deleted before they were processed');
    this.evictions = counter('evictions_total', 'sources forgotten because of --state-budget');
    this.alerts = counter('alerts_total', 'alert events committed', ['rule', 'action']);
    this.exceptedAlerts = counter('excepted_alerts_total', 'alerts that an exception of the API left out', [
      'detector',
    ]);
    this.exceptions = gauge('exceptions', 'exceptions of the API that are in force');
    this.deadLetters = counter('dead_letters_total', 'records refused and kept on packets-dead-letter', ['reason']);
    this.detectorFailures = counter(
      'detector_failures_total',
      'packets and alerts that a detector’s own code failed on; such packets do not count for it',
      ['detector'],
    );
    this.transactions = counter('transactions_total', 'Kafka transactions', ['result']);
    this.transactionSeconds = histogram(
      'transaction_seconds',
      'from begin to committed',
      [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
    );
    this.recoverySeconds = histogram(
      'recovery_seconds',
      'from the assignment of a partition to its windows and episodes being rebuilt',
      [0.1, 0.25, 0.5, 1, 2, 3, 5, 10, 30, 60],
    );
    this.rebalances = counter('rebalances_total', 'assignments received from the group');
    this.sessionFailures = counter('session_failures_total', 'memberships that broke and were restarted');
    this.configurationReloads = counter('configuration_reloads_total', 'reads of --detection-config', ['result']);
    this.partitions = gauge('partitions', 'partitions assigned to this worker');
    this.unreadablePartitions = gauge(
      'unreadable_partitions',
      'partitions that wait because their next records are damaged on the broker, or compressed in a way nta does not read',
    );
    this.lag = gauge('lag_records', 'records of the partition not yet processed', ['partition']);
    this.stateBytes = gauge('state_bytes', 'estimated memory of the partition’s windows and episodes', ['partition']);
    this.sources = gauge('sources', 'sources with state', ['partition']);
    this.openEpisodes = gauge('open_episodes', 'episodes that are open', ['partition']);
  }

  /** Forgets the gauges of a partition that another worker has now. */
  forgetPartition(partition: number): void {
    for (const gauge of [this.lag, this.stateBytes, this.sources, this.openEpisodes]) {
      gauge.remove({ partition: String(partition) });
    }
  }
}
