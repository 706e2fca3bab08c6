/** The Postgres sink: packets, alerts, heartbeats and rules into the tables, as one service. */
import type pg from 'pg';
import { checkKafka, createKafka, type KafkaSettings } from '../runtime/kafka/client.js';
import { prepareSchemas } from '../runtime/kafka/schemas.js';
import { checkPostgres, createPool, type PostgresSettings } from '../runtime/postgres/client.js';
import type { Logger } from '../runtime/process/log.js';
import type { Registry } from '../runtime/process/metrics.js';
import type { Service } from '../runtime/process/service.js';
import { groupName, topicName } from '../schemas/topics.js';
import { storeAlerts } from './alerts/alert-sink.js';
import { storeHeartbeats } from './nodes/capture-node-sink.js';
import { storeRules } from './nodes/rule-sink.js';
import type { SinkSettings } from './options.js';
import { PacketSink } from './packets/packet-sink.js';
import { Availability } from './stream/availability.js';
import { sqlState } from './stream/postgres-errors.js';
import { RecordSink } from './stream/record-sink.js';
import type { SinkContext } from './stream/sink-context.js';
import { SinkMetrics } from './stream/sink-metrics.js';

export { type SinkSettings, sinkOptions } from './options.js';

export interface PostgresSink extends Service {
  readonly done: Promise<void>;
  /** Why nothing is stored at the moment (disk full, standby, away), or not all partitions can be read; or null. */
  readiness(): string | null;
}

/**
 * The tables must be there (`migrate`), and the topics too.
 *
 * `start` fails when Postgres or Kafka cannot be reached; from then on their absence is waited out.
 */
export function createPostgresSink(
  settings: SinkSettings & KafkaSettings & PostgresSettings,
  log: Logger,
  registry: Registry,
): PostgresSink {
  return new Sink(settings, log, new SinkMetrics(registry));
}

class Sink implements PostgresSink {
  readonly name = 'postgres-sink';
  readonly done: Promise<void>;
  private readonly stopping = new AbortController();
  private readonly availability: Availability;
  private readonly pool: pg.Pool;
  private readonly packets: PacketSink;
  private readonly others: readonly RecordSink[];

  constructor(
    private readonly settings: SinkSettings & KafkaSettings & PostgresSettings,
    private readonly log: Logger,
    metrics: SinkMetrics,
  ) {
    const prefix = settings.topicPrefix;
    const kafka = createKafka(settings, 'nta-sink', log);
    this.availability = new Availability(log, metrics, this.stopping.signal);
    this.pool = createPool(settings, 'nta-sink', (error) => this.connectionLost(error));
    const context: SinkContext = { kafka, pool: this.pool, availability: this.availability, metrics, log };
    this.packets = new PacketSink(context, settings);
    const alerts = topicName('alerts', prefix);
    const passOver = (topic: string) => async (message: { offset: string }, partition: number, error: unknown) => {
      metrics.poisonRecords.inc({ reason: 'refused_by_postgres' });
      log.error({ topic, partition, offset: message.offset, sqlstate: sqlState(error), err: error }, 'record refused');
    };
    const announced = (topic: string, groupId: string, store: typeof storeRules, invalid: string) =>
      new RecordSink(
        context,
        { topic, groupId, readCommitted: false },
        async (client, messages) => {
          const unreadable = await store(client, messages);
          if (unreadable > 0) metrics.poisonRecords.inc({ reason: invalid }, unreadable);
        },
        passOver(topic),
      );
    const nodes = topicName('captureNodes', prefix);
    const rules = topicName('rules', prefix);
    this.others = [
      new RecordSink(
        context,
        { topic: alerts, groupId: groupName('alertSink', prefix), readCommitted: true },
        async (client, messages) => {
          for (const { message, reason, detail } of await storeAlerts(client, messages)) {
            metrics.poisonRecords.inc({ reason });
            log.error({ topic: alerts, offset: message.offset, reason, detail }, 'alert cannot be read; passed over');
          }
        },
        passOver(alerts),
      ),
      announced(nodes, groupName('nodeSink', prefix), storeHeartbeats, 'invalid_heartbeat'),
      announced(rules, groupName('ruleSink', prefix), storeRules, 'invalid_rules'),
    ];
    this.done = Promise.race([this.packets.reader.done, ...this.others.map(({ reader }) => reader.done)]);
    this.done.catch(() => undefined);
  }

  readiness(): string | null {
    const readers = [this.packets.reader, ...this.others.map(({ reader }) => reader)];
    return (
      this.availability.unavailable ?? readers.map(({ obstacle }) => obstacle).find((reason) => reason !== null) ?? null
    );
  }

  async start(): Promise<void> {
    await checkPostgres(this.settings);
    await checkKafka(this.settings, this.log);
    await prepareSchemas(this.settings);
    await Promise.all([this.packets.start(), ...this.others.map((sink) => sink.start())]);
    this.log.info({ store: this.settings.store }, 'storing into Postgres');
  }

  async stop(): Promise<void> {
    this.stopping.abort();
    for (const sink of this.others) await sink.stop().catch(() => undefined);
    await this.packets.stop().catch(() => undefined);
    await this.pool.end();
  }

  /**
   * The server may have crashed, and with it commits that had not reached the disk: the tables say again from
   * where to read.
   */
  private connectionLost(error: Error): void {
    this.log.debug({ cause: error.message }, 'connection to Postgres lost');
    if (this.stopping.signal.aborted) return;
    this.packets.reposition();
  }
}
