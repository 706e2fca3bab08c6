/** Metrics of a capture node beside the balance: delivery to Kafka, the spool, and the live engines. */
import { Counter, Gauge, type Registry } from '../runtime/process/metrics.js';
import type { Intake } from './decoding/intake.js';
import type { LiveSource } from './live/live-source.js';
import type { Delivery } from './publisher/delivery.js';

export function registerDeliveryMetrics(registry: Registry, delivery: Delivery): void {
  const registers = [registry];
  const counter = (name: string, help: string, read: () => number): void => {
    new Counter({
      name: `nta_capture_${name}`,
      help,
      registers,
      collect() {
        this.reset();
        this.inc(read());
      },
    });
  };
  const gauge = (name: string, help: string, read: () => number): void => {
    new Gauge({
      name: `nta_capture_${name}`,
      help,
      registers,
      collect() {
        this.set(read());
      },
    });
  };
  const { publisher } = delivery;
  counter('records_published_total', 'Records that Kafka has acknowledged', () => publisher.records);
  counter('publish_retries_total', 'Requests to Kafka that had to be sent again', () => publisher.retries);
  counter('producer_renewals_total', 'Producer sessions that Kafka had lost', () => publisher.renewals);
  counter('spool_torn_bytes_total', 'Bytes cut from a torn or damaged spool', () => delivery.tornBytes);
  gauge('pending_bytes', 'Bytes in memory that Kafka has not acknowledged', () => publisher.pendingBytes);
  gauge('spool_bytes', 'Bytes of the spool on disk', () => delivery.spoolBytes);
}

/** What conversations and observations are bounded by: all are 0 in traffic that a node of this size is made for. */
export function registerConversationMetrics(registry: Registry, intake: Intake): void {
  const counters = {
    nta_capture_conversations_evicted_total: {
      help: 'Conversations that had to be forgotten early for lack of room',
      read: () => intake.conversationsEvicted,
    },
    nta_capture_conversations_left_out_total: {
      help: 'Attempts of one packet that ended without a row of their own, because too many in a second did',
      read: () => intake.conversationsLeftOut,
    },
    nta_capture_quic_skipped_total: {
      help: 'QUIC packets that were not decrypted for their server names, because too many came in a second',
      read: () => intake.quicSkipped,
    },
    nta_capture_observations_left_out_total: {
      help: 'What packets said of links, names and echoes and was left out, because too much in a second was said',
      read: () => intake.observationsLeftOut,
    },
  };
  for (const [name, { help, read }] of Object.entries(counters)) {
    new Counter({
      name,
      help,
      registers: [registry],
      collect() {
        this.reset();
        this.inc(read());
      },
    });
  }
}

export function registerLiveMetrics(registry: Registry, sources: () => readonly LiveSource[]): void {
  const labelNames = ['interface'] as const;
  new Counter({
    name: 'nta_capture_engine_restarts_total',
    help: 'Engines that were started again after they had died',
    labelNames,
    registers: [registry],
    collect() {
      this.reset();
      for (const source of sources()) this.inc({ interface: source.name }, source.restarts);
    },
  });
  new Counter({
    name: 'nta_capture_gap_seconds_total',
    help: 'Time in which an interface was not captured because its engine had died',
    labelNames,
    registers: [registry],
    collect() {
      this.reset();
      for (const source of sources()) this.inc({ interface: source.name }, source.gapMs / 1000);
    },
  });
  new Gauge({
    name: 'nta_capture_interface_up',
    help: '1 while the interface is captured',
    labelNames,
    registers: [registry],
    collect() {
      this.reset();
      for (const source of sources()) this.set({ interface: source.name }, source.up ? 1 : 0);
    },
  });
}
