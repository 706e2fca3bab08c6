/**
 * How far the stages have come on the topic `packets`, from what each commits exactly once: processors the offset with
 * a cumulative count of packets in its metadata, the packet sink the same pair in its table. Two snapshots and their
 * difference are the balance of whatever was published between them.
 */
import type { Admin, Kafka } from 'kafkajs';
import type pg from 'pg';
import { groupName, topicName } from '../../schemas/topics.js';

interface StagePosition {
  /** Per partition, the offset of the next record; −1 before the first commit. */
  readonly nextOffset: readonly number[];
  readonly packets: number;
}

export interface LedgerSnapshot {
  /** Per partition of `packets`, the offset after the newest record. */
  readonly end: readonly number[];
  readonly processed: StagePosition;
  /** Alert records that the processors have published. */
  readonly alertEvents: number;
  readonly stored: StagePosition;
}

export class Ledger {
  private readonly admin: Admin;

  constructor(
    kafka: Kafka,
    private readonly pool: pg.Pool,
    private readonly topicPrefix: string,
  ) {
    this.admin = kafka.admin();
  }

  async connect(): Promise<void> {
    await this.admin.connect();
  }

  async close(): Promise<void> {
    await this.admin.disconnect();
  }

  async snapshot(): Promise<LedgerSnapshot> {
    const topic = topicName('packets', this.topicPrefix);
    const offsets = await this.admin.fetchTopicOffsets(topic);
    const end = offsets.sort((a, b) => a.partition - b.partition).map(({ high }) => Number(high));
    const [processed, stored] = await Promise.all([this.processed(topic, end.length), this.stored(topic, end.length)]);
    return { end, processed: processed.position, alertEvents: processed.alertEvents, stored };
  }

  /** Which of these events of episodes the alert sink has stored, as a count. */
  async storedAlertEvents(ids: readonly string[]): Promise<number> {
    const { rows } = await this.pool.query<{ stored: string }>(
      'SELECT count(*) AS stored FROM alert_events WHERE id = ANY ($1)',
      [ids],
    );
    return Number(rows[0]!.stored);
  }

  private async processed(
    topic: string,
    partitions: number,
  ): Promise<{ readonly position: StagePosition; readonly alertEvents: number }> {
    const nextOffset = new Array<number>(partitions).fill(-1);
    let packets = 0;
    const groups = await this.admin.fetchOffsets({
      groupId: groupName('processors', this.topicPrefix),
      topics: [topic],
    });
    let alertEvents = 0;
    for (const { partition, offset, metadata } of groups.flatMap((group) => group.partitions)) {
      const counts = readCounts(metadata);
      nextOffset[partition] = Number(offset);
      packets += counts.packets ?? 0;
      alertEvents += counts.alert_events ?? 0;
    }
    return { position: { nextOffset, packets }, alertEvents };
  }

  private async stored(topic: string, partitions: number): Promise<StagePosition> {
    const nextOffset = new Array<number>(partitions).fill(-1);
    let packets = 0;
    const { rows } = await this.pool.query<{ partition: number; next_offset: string; packets: string }>(
      'SELECT partition, next_offset, packets FROM sink_offsets WHERE topic = $1',
      [topic],
    );
    for (const row of rows) {
      nextOffset[row.partition] = Number(row.next_offset);
      packets += Number(row.packets);
    }
    return { nextOffset, packets };
  }
}

/** Commit metadata is `{"packets": n, "alert_events": n, …}`; anything else counts nothing. */
function readCounts(metadata: string | null): { packets?: number; alert_events?: number } {
  if (metadata === null || metadata === '') return {};
  try {
    return JSON.parse(metadata) as { packets?: number; alert_events?: number };
  } catch {
    return {};
  }
}

/** Whether a stage has read every record up to `end`; an empty partition needs no commit. */
export function caughtUp(position: StagePosition, end: readonly number[]): boolean {
  return end.every((offset, partition) => offset === 0 || (position.nextOffset[partition] ?? -1) >= offset);
}

/** Records up to `end` that a stage has yet to read. */
export function recordsBehind(position: StagePosition, end: readonly number[]): number {
  return end.reduce(
    (sum, offset, partition) => sum + Math.max(0, offset - Math.max(0, position.nextOffset[partition] ?? 0)),
    0,
  );
}
