/**
 * Puts exceptions on their compacted topic, from which workers take them up. What is stored and not published yet is published when
 * it is made, and looked for again every two seconds: Kafka away delays an exception and loses none. A row is locked meanwhile, so that
 * of two servers none says the older state last.
 */
import type { Kafka, Producer } from 'kafkajs';
import type pg from 'pg';
import { messageOf } from '../runtime/process/failure.js';
import type { Logger } from '../runtime/process/log.js';
import type { ExceptionRow } from './queries/exception-query.js';

const INTERVAL_MS = 2_000;
const BATCH = 100;

interface PendingRow extends Pick<ExceptionRow, 'id' | 'parts' | 'expires_at'> {
  readonly deleted: boolean;
}

export class ExceptionPublisher {
  private producer: Producer | null = null;
  private timer: NodeJS.Timeout | undefined;
  private running: Promise<void> | null = null;
  private complained = false;

  /** @param kafka null where the API knows no broker: exceptions are stored, and in force once a server with one runs. */
  constructor(
    private readonly pool: pg.Pool,
    private readonly kafka: Kafka | null,
    private readonly topic: string,
    private readonly log: Logger,
  ) {}

  start(): void {
    if (this.kafka === null) return;
    this.timer = setInterval(() => void this.publish(), INTERVAL_MS);
    void this.publish();
  }

  async stop(): Promise<void> {
    clearInterval(this.timer);
    await this.running;
    const { producer } = this;
    this.producer = null;
    await producer?.disconnect().catch(() => undefined);
  }

  /** Publishes what waits for it. Never fails: what could not be published waits on. */
  async publish(): Promise<void> {
    // what came while others were published is looked for behind them
    await this.running;
    this.running ??= this.publishAll().finally(() => {
      this.running = null;
    });
    await this.running;
  }

  private async publishAll(): Promise<void> {
    if (this.kafka === null) return;
    try {
      while ((await this.publishSome()) === BATCH);
      this.complained = false;
    } catch (error) {
      if (!this.complained) this.log.warn({ reason: messageOf(error) }, 'exceptions wait to be published');
      this.complained = true;
    }
  }

  private async publishSome(): Promise<number> {
    const client = await this.pool.connect();
    try {
      await client.query('BEGIN');
      const { rows } = await client.query<PendingRow>(
        `SELECT id, parts, expires_at, deleted_at IS NOT NULL AS deleted FROM exceptions WHERE published_at IS NULL
         ORDER BY created_at, id LIMIT ${BATCH} FOR UPDATE SKIP LOCKED`,
      );
      if (rows.length > 0) {
        await this.send(rows);
        await client.query('UPDATE exceptions SET published_at = now() WHERE id = ANY($1)', [rows.map(({ id }) => id)]);
      }
      await client.query('COMMIT');
      return rows.length;
    } catch (error) {
      await client.query('ROLLBACK').catch(() => undefined);
      throw error;
    } finally {
      client.release();
    }
  }

  private async send(rows: readonly PendingRow[]): Promise<void> {
    if (this.producer === null) {
      const producer = this.kafka!.producer({
        allowAutoTopicCreation: false,
        retry: { initialRetryTime: 50, retries: 2 },
      });
      await producer.connect();
      this.producer = producer;
    }
    const messages = rows.map(({ id, parts, expires_at, deleted }) => ({
      key: id,
      value: deleted ? null : JSON.stringify({ id, ...parts, ...(expires_at === null ? {} : { expires_at }) }),
    }));
    await this.producer.send({ topic: this.topic, messages, acks: -1 });
  }
}
