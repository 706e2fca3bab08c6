/**
 * A sink of a topic with few records: each batch is stored in one transaction together with the new position. Used for alerts,
 * heartbeats and rules.
 */
import type { KafkaMessage } from 'kafkajs';
import type pg from 'pg';
import type { FetchedRecords } from '../../runtime/kafka/fetched-records.js';
import { Stopped } from './availability.js';
import { classifyPostgresError } from './postgres-errors.js';
import type { SinkContext } from './sink-context.js';
import { advancePositions, Superseded, type TopicPosition } from './topic-position.js';
import { TopicReader } from './topic-reader.js';

export interface RecordSinkSettings {
  readonly topic: string;
  readonly groupId: string;
  readonly readCommitted: boolean;
}

/** Stores records within the transaction of `client`. */
export type StoreRecords = (client: pg.ClientBase, messages: readonly KafkaMessage[]) => Promise<void>;

const FETCH_BYTES = 4 << 20;

export class RecordSink {
  readonly reader: TopicReader;

  constructor(
    private readonly context: SinkContext,
    private readonly settings: RecordSinkSettings,
    private readonly store: StoreRecords,
    /** Called with a record that Postgres refused, which is then passed over. */
    private readonly refused: (message: KafkaMessage, partition: number, error: unknown) => Promise<void>,
  ) {
    this.reader = new TopicReader(
      context,
      { ...settings, maxBytes: FETCH_BYTES, partitionsAtOnce: 1 },
      {
        take: (position, records, highWatermark) => this.take(position, records, highWatermark),
        settled: () => Promise.resolve(),
      },
    );
  }

  start(): Promise<void> {
    return this.reader.start();
  }

  stop(): Promise<void> {
    return this.reader.stop();
  }

  reposition(): void {
    this.reader.reposition();
  }

  private async take(position: TopicPosition, records: FetchedRecords, highWatermark: number): Promise<void> {
    const messages = records.messages(position.nextOffset);
    const last = messages.at(-1);
    if (last === undefined) return;
    try {
      await this.commit(position, messages);
    } catch (error) {
      if (error instanceof Stopped) return;
      if (error instanceof Superseded) {
        this.context.metrics.superseded.inc({ topic: this.settings.topic });
        this.context.log.warn(`${error.message}; reading its position again`);
        this.reposition();
        return;
      }
      if (classifyPostgresError(error) !== 'refused') throw error;
      // One of them is at fault: each alone then.
      for (const message of messages) await this.commitAlone(position, message);
    }
    this.context.metrics.records.inc({ topic: this.settings.topic }, messages.length);
    this.context.metrics.lag.set(
      { topic: this.settings.topic, partition: position.partition },
      highWatermark - position.nextOffset,
    );
    this.reader.stored(new Map([[position.partition, position.nextOffset]]));
  }

  private async commitAlone(position: TopicPosition, message: KafkaMessage): Promise<void> {
    try {
      await this.commit(position, [message]);
    } catch (error) {
      if (error instanceof Stopped || error instanceof Superseded || classifyPostgresError(error) !== 'refused') {
        throw error;
      }
      await this.refused(message, position.partition, error);
    }
  }

  private async commit(position: TopicPosition, messages: readonly KafkaMessage[]): Promise<void> {
    const nextOffset = Number(messages.at(-1)!.offset) + 1;
    await this.context.availability.persist(async (failures) => {
      const client = await this.context.pool.connect();
      let gone = false;
      try {
        if (failures > 0 && (await this.isStored(client, position, nextOffset))) return;
        await client.query('BEGIN');
        await advancePositions(client, [{ position, nextOffset, packets: 0, storedRows: 0, refusedRows: 0 }]);
        await this.store(client, messages);
        await client.query('COMMIT');
      } catch (error) {
        gone = !(error instanceof Superseded) && classifyPostgresError(error) === 'away';
        await client.query('ROLLBACK').catch(() => undefined);
        throw error;
      } finally {
        client.release(gone);
      }
    });
    position.nextOffset = nextOffset;
  }

  private async isStored(client: pg.ClientBase, position: TopicPosition, nextOffset: number): Promise<boolean> {
    const { rows } = await client.query<{ next_offset: string }>(
      'SELECT next_offset FROM sink_offsets WHERE topic = $1 AND partition = $2',
      [position.topic, position.partition],
    );
    return rows[0] !== undefined && Number(rows[0].next_offset) === nextOffset;
  }
}
