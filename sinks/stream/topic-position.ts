/**
 * How far each partition of a topic is stored, in the table sink_offsets. The row is advanced in the transaction that holds what was
 * stored, and only from the value that this sink expects: a sink that was replaced without knowing it (a zombie)
 * matches no row, and its transaction is undone.
 */
import type pg from 'pg';
import { Failure } from '../../runtime/process/failure.js';

export interface TopicPosition {
  readonly topic: string;
  readonly partition: number;
  readonly topicId: string;
  nextOffset: number;
  /** Packets taken so far; the ordinal of the next one. */
  packets: number;
}

/** Another sink has advanced the partition: whoever gets this has to give the partition up. */
export class Superseded extends Failure {
  constructor(
    readonly topic: string,
    readonly partition: number,
  ) {
    super('SINK_SUPERSEDED', `another sink has stored partition ${partition} of ${topic}`, { retriable: true });
    this.name = 'Superseded';
  }
}

/**
 * Reads the position of a partition, making the row when there is none. A row of a topic with another id is that of a
 * topic that was deleted since: its offsets start again at 0, its count of packets goes on. Where either id is unknown (brokers
 * before Kafka 2.8) they count as the same topic.
 */
export async function readPosition(
  client: pg.ClientBase | pg.Pool,
  topic: string,
  partition: number,
  topicId: string,
): Promise<TopicPosition & { readonly recreated: boolean }> {
  const { rows } = await client.query<{
    topic_id: string;
    next_offset: string;
    packets: string;
    recreated: boolean;
  }>(
    `WITH known AS (
       SELECT topic_id FROM sink_offsets WHERE topic = $1 AND partition = $2
     ), inserted AS (
       INSERT INTO sink_offsets (topic, partition, topic_id, next_offset)
       SELECT $1, $2, $3, 0 WHERE NOT EXISTS (SELECT FROM known)
       ON CONFLICT DO NOTHING
       RETURNING topic_id, next_offset, packets, false AS recreated
     ), renewed AS (
       UPDATE sink_offsets SET topic_id = $3,
         next_offset = CASE WHEN topic_id = '' THEN next_offset ELSE 0 END, updated_at = now()
       WHERE topic = $1 AND partition = $2 AND $3 <> '' AND topic_id <> $3
       RETURNING topic_id, next_offset, packets, next_offset = 0 AS recreated
     )
     SELECT * FROM inserted UNION ALL SELECT * FROM renewed
     UNION ALL
     SELECT topic_id, next_offset, packets, false FROM sink_offsets
     WHERE topic = $1 AND partition = $2 AND NOT EXISTS (SELECT FROM renewed)`,
    [topic, partition, topicId],
  );
  const row = rows[0];
  if (row === undefined) return readPosition(client, topic, partition, topicId); // another sink inserted it meanwhile
  return {
    topic,
    partition,
    topicId: row.topic_id,
    nextOffset: Number(row.next_offset),
    packets: Number(row.packets),
    recreated: row.recreated,
  };
}

export interface Advance {
  readonly position: TopicPosition;
  readonly nextOffset: number;
  readonly packets: number;
  readonly storedRows: number;
  readonly refusedRows: number;
}

/**
 * Advances positions within the transaction of `client`; it takes the row locks in one order, so that two sinks cannot
 * deadlock over them.
 *
 * @throws Superseded when a position is not where it is expected.
 */
export async function advancePositions(client: pg.ClientBase, advances: readonly Advance[]): Promise<void> {
  const sorted = advances.toSorted(
    (a, b) => a.position.topic.localeCompare(b.position.topic) || a.position.partition - b.position.partition,
  );
  for (const { position, nextOffset, packets, storedRows, refusedRows } of sorted) {
    const { rowCount } = await client.query({
      name: 'nta-advance-position',
      text: `UPDATE sink_offsets SET next_offset = $5, packets = packets + $6, stored_rows = stored_rows + $7,
               refused_rows = refused_rows + $8, updated_at = now()
             WHERE topic = $1 AND partition = $2 AND topic_id = $3 AND next_offset = $4`,
      values: [
        position.topic,
        position.partition,
        position.topicId,
        position.nextOffset,
        nextOffset,
        packets,
        storedRows,
        refusedRows,
      ],
    });
    if (rowCount !== 1) throw new Superseded(position.topic, position.partition);
  }
}

/** Positions as the table has them now, for the partitions of the given ones. */
export async function storedOffsets(
  client: pg.ClientBase,
  positions: readonly TopicPosition[],
): Promise<ReadonlyMap<number, number>> {
  const first = positions[0];
  if (first === undefined) return new Map();
  const { rows } = await client.query<{ partition: number; next_offset: string }>(
    'SELECT partition, next_offset FROM sink_offsets WHERE topic = $1 AND partition = ANY ($2)',
    [first.topic, positions.map(({ partition }) => partition)],
  );
  return new Map(rows.map((row) => [row.partition, Number(row.next_offset)]));
}
