/**
 * Stores a unit in one transaction: the check and advance of the positions, the segments by binary COPY, the rollups. A
 * packet that Postgres refuses is found by bisection within the transaction, and the rest is stored.
 */
import { once } from 'node:events';
import type pg from 'pg';
import { from as copyFrom } from 'pg-copy-streams';
import { messageOf } from '../../runtime/process/failure.js';
import { CONVERSATION_COPY_SQL } from '../conversations/conversation-rows.js';
import { storeConversations } from '../conversations/conversation-store.js';
import { classifyPostgresError, sqlState } from '../stream/postgres-errors.js';
import { type Advance, advancePositions } from '../stream/topic-position.js';
import { storeTraffic } from '../traffic/traffic-store.js';
import { COPY_HEADER, COPY_TRAILER, type CopyBuffer } from './copy-buffer.js';
import type { PacketUnit } from './packet-unit.js';
import { SEGMENT_COPY_SQL } from './segment-rows.js';

/** A packet that Postgres refused, by its row in the block of the unit. */
export interface RefusedRow {
  readonly blockRow: number;
  readonly sqlState: string;
  readonly message: string;
}

/** A conversation that Postgres refused, by its row of the unit. */
export interface RefusedConversation {
  readonly row: number;
  readonly sqlState: string;
  readonly message: string;
}

/** Bytes of one CopyData message; Postgres gathers a whole message in memory before it reads it. */
const COPY_CHUNK_BYTES = 1 << 18;

/**
 * Offsets and rows are in one transaction, so a commit that Postgres loses in a crash takes both away, and the sink reads the
 * records again: nothing is gained by waiting for the disk at every commit.
 */
const BEGIN = 'BEGIN; SET LOCAL synchronous_commit = off';

/** The number of the next unit, for the ids of its packets. */
export async function nextUnit(pool: pg.Pool): Promise<number> {
  const { rows } = await pool.query<{ unit: string }>("SELECT nextval('packet_units') AS unit");
  return Number(rows[0]!.unit);
}

/**
 * Stores the unit whole, or throws the error of Postgres with the transaction undone.
 *
 * @throws Superseded when another sink has advanced one of the partitions.
 */
export async function storeUnit(client: pg.ClientBase, unit: PacketUnit): Promise<void> {
  await inTransaction(client, async () => {
    await advancePositions(client, advancesOf(unit));
    await copyRows(client, SEGMENT_COPY_SQL, unit.rows.copy, 0, unit.rows.copy.rows);
    await storeTraffic(client, unit.rollup);
    const { conversations } = unit;
    await storeConversations(client, conversations, async (from, to) => {
      await copyRows(client, CONVERSATION_COPY_SQL, conversations.copy, from, to);
      return [];
    });
  });
}

/**
 * As `storeUnit`, for a unit with rows that Postgres refuses: `deadLetter` is given them before the transaction commits,
 * so that none is lost when the process ends in between (it is given again then).
 */
export async function storeUnitWithoutRefused(
  client: pg.ClientBase,
  unit: PacketUnit,
  deadLetter: (refused: readonly RefusedRow[], conversations: readonly RefusedConversation[]) => Promise<void>,
): Promise<{ readonly rows: readonly RefusedRow[]; readonly conversations: readonly RefusedConversation[] }> {
  const refused: RefusedRow[] = [];
  const refusedConversations: RefusedConversation[] = [];
  await inTransaction(client, async () => {
    await advancePositions(client, advancesOf(unit));
    await bisect(client, SEGMENT_COPY_SQL, unit.rows.copy, 0, unit.rows.copy.rows, async (segment) => {
      const packets = unit.packOneByOne(segment);
      await bisect(client, SEGMENT_COPY_SQL, packets.copy, 0, packets.copy.rows, (row, error) => {
        refused.push({ blockRow: packets.blockRows[row]!, sqlState: sqlState(error), message: messageOf(error) });
      });
    });
    for (const { blockRow } of refused) {
      const { position } = unit.partitions.get(unit.packetOf(blockRow).partition)!;
      await client.query(
        `UPDATE sink_offsets SET stored_rows = stored_rows - 1, refused_rows = refused_rows + 1
         WHERE topic = $1 AND partition = $2`,
        [position.topic, position.partition],
      );
    }
    await storeTraffic(client, unit.rollup);
    const { conversations } = unit;
    await storeConversations(client, conversations, async (from, to) => {
      const first = refusedConversations.length;
      await bisect(client, CONVERSATION_COPY_SQL, conversations.copy, from, to, (row, error) => {
        refusedConversations.push({ row, sqlState: sqlState(error), message: messageOf(error) });
      });
      return refusedConversations.slice(first).map(({ row }) => row);
    });
    await deadLetter(refused, refusedConversations);
  });
  return { rows: refused, conversations: refusedConversations };
}

async function inTransaction(client: pg.ClientBase, work: () => Promise<void>): Promise<void> {
  await client.query(BEGIN);
  try {
    await work();
    await client.query('COMMIT');
  } catch (error) {
    await client.query('ROLLBACK').catch(() => undefined); // the connection may be gone
    throw error;
  }
}

function advancesOf(unit: PacketUnit): Advance[] {
  return [...unit.partitions.values()];
}

/** Sends rows `from … to - 1`. */
async function copyRows(client: pg.ClientBase, sql: string, rows: CopyBuffer, from: number, to: number): Promise<void> {
  if (from === to) return;
  const stream = client.query(copyFrom(sql, { highWaterMark: COPY_CHUNK_BYTES }));
  const finished = new Promise<void>((resolve, reject) => {
    stream.once('finish', resolve);
    stream.on('error', (error) => {
      // pg-copy-streams goes on with what it has buffered, on a connection that it has let go: an exception that nobody catches.
      stream.destroy();
      reject(error);
    });
  });
  finished.catch(() => undefined); // awaited below; it may fail while a write is waited for
  const bytes = rows.slice(from, to);
  stream.write(COPY_HEADER);
  for (let at = 0; at < bytes.length && !stream.destroyed; at += COPY_CHUNK_BYTES) {
    const more = stream.write(bytes.subarray(at, Math.min(bytes.length, at + COPY_CHUNK_BYTES)));
    if (!more) await Promise.race([once(stream, 'drain').catch(() => undefined), finished.catch(() => undefined)]);
  }
  if (!stream.destroyed) stream.end(COPY_TRAILER);
  await finished;
}

/** Stores the rows that can be stored, in steps of half the range; `onRefused` hears of each of the others. */
async function bisect(
  client: pg.ClientBase,
  sql: string,
  rows: CopyBuffer,
  from: number,
  to: number,
  onRefused: (row: number, error: unknown) => Promise<void> | void,
): Promise<void> {
  if (from === to) return;
  await client.query('SAVEPOINT bisection');
  try {
    await copyRows(client, sql, rows, from, to);
    await client.query('RELEASE SAVEPOINT bisection');
  } catch (error) {
    if (classifyPostgresError(error) !== 'refused') throw error;
    await client.query('ROLLBACK TO SAVEPOINT bisection; RELEASE SAVEPOINT bisection');
    if (to - from === 1) {
      await onRefused(from, error);
      return;
    }
    const middle = from + ((to - from) >>> 1);
    await bisect(client, sql, rows, from, middle, onRefused);
    await bisect(client, sql, rows, middle, to, onRefused);
  }
}
