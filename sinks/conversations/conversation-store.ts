/**
 * Stores the conversations of a unit within its transaction: what was known of those that are open goes, what is known now is copied,
 * and what has come since is added to the statistics. Each is a row once, however often it was told of, and the offsets of the
 * same transaction see to it that nothing is stored twice.
 */
import type pg from 'pg';
import {
  boundTallies,
  type ConversationTally,
  type CountedBefore,
  type CountedConversation,
  type RollupBucket,
  type RollupKind,
  rollUp,
} from './conversation-rollup.js';
import type { ConversationRows } from './conversation-rows.js';

/** The most names of a bucket, beside the row of the rest, by the bucket's minutes. */
const LIMITS: Readonly<Record<RollupKind, { readonly 1: number; readonly 60: number }>> = {
  service: { 1: 32, 60: 64 },
  outcome: { 1: 8, 60: 8 },
  pair: { 1: 50, 60: 200 },
  port: { 1: 50, 60: 200 },
};

/** Sends rows `from … to - 1` by COPY. @returns those of them that Postgres refused, which are not counted either */
export type CopyRange = (from: number, to: number) => Promise<readonly number[]>;

export async function storeConversations(
  client: pg.ClientBase,
  rows: ConversationRows,
  copy: CopyRange,
): Promise<void> {
  const conversations = rows.conversations();
  if (conversations.length === 0) return;
  const before = await takeOpen(client, conversations);
  const refused = new Set<number>();
  for (const [from, to] of rows.ranges()) for (const row of await copy(from, to)) refused.add(row);
  const stored = conversations.filter(({ row }) => !refused.has(row));
  if (stored.length > 0) await storeRollup(client, rollUp(stored, before));
}

/** Removes what was known of these while they were open. @returns what has been counted of them */
async function takeOpen(
  client: pg.ClientBase,
  conversations: readonly CountedConversation[],
): Promise<ReadonlyMap<string, CountedBefore>> {
  const ids = conversations.filter(({ mayBeOpen }) => mayBeOpen).map(({ id }) => id);
  if (ids.length === 0) return new Map();
  const { rows } = await client.query<{ id: string; packets: number; bytes: number }>({
    name: 'nta-conversations-open',
    text: `DELETE FROM conversations_open WHERE id = ANY ($1::bigint[])
      RETURNING id::text AS id, (originator_packets::double precision + responder_packets) AS packets,
        (originator_bytes::double precision + responder_bytes) AS bytes`,
    values: [ids],
  });
  return new Map(rows.map(({ id, packets, bytes }) => [id, { packets, bytes }]));
}

const keyOf = ({ resolution, startSeconds, captureNode, kind }: Omit<RollupBucket, 'tallies'>): string =>
  `${resolution} ${startSeconds} ${kind} ${captureNode}`;

async function storeRollup(client: pg.ClientBase, buckets: readonly RollupBucket[]): Promise<void> {
  // The largest of a bucket are read, bounded and written: by one transaction at a time, of all sinks.
  await client.query("SELECT pg_advisory_xact_lock(hashtext('nta.traffic_conversations'))");
  const stored = await readStored(client, buckets);
  const added = new RollupColumns();
  const removed = new RollupColumns();
  for (const bucket of buckets) {
    const limit = LIMITS[bucket.kind][bucket.resolution === 1 ? 1 : 60];
    const { additions, removals } = boundTallies(stored.get(keyOf(bucket)) ?? new Map(), bucket.tallies, limit);
    for (const [name, tally] of additions) added.push(bucket, name, tally);
    for (const name of removals) removed.push(bucket, name, { conversations: 0, packets: 0, bytes: 0 });
  }
  if (removed.length > 0) {
    await client.query({
      name: 'nta-traffic-conversations-remove',
      text: `DELETE FROM traffic_conversations AS t
        USING unnest($1::smallint[], $2::double precision[], $3::text[], $4::text[], $5::text[])
          AS removed (resolution, start_seconds, capture_node, kind, name)
        WHERE t.resolution = removed.resolution AND t.bucket = to_timestamp(removed.start_seconds)
          AND t.capture_node = removed.capture_node AND t.kind = removed.kind AND t.name = removed.name`,
      values: removed.keys(),
    });
  }
  await client.query({
    name: 'nta-traffic-conversations-add',
    text: `INSERT INTO traffic_conversations
        (resolution, bucket, capture_node, kind, name, conversations, packets, bytes)
      SELECT resolution, to_timestamp(start_seconds), capture_node, kind, name, conversations, packets, bytes
      FROM unnest($1::smallint[], $2::double precision[], $3::text[], $4::text[], $5::text[], $6::bigint[], $7::bigint[], $8::bigint[])
        AS added (resolution, start_seconds, capture_node, kind, name, conversations, packets, bytes)
      ON CONFLICT (resolution, bucket, capture_node, kind, name) DO UPDATE SET
        conversations = traffic_conversations.conversations + excluded.conversations,
        packets = traffic_conversations.packets + excluded.packets, bytes = traffic_conversations.bytes + excluded.bytes`,
    values: added.all(),
  });
}

/** The stored names of the buckets, without those of the rest, by `keyOf`. */
async function readStored(
  client: pg.ClientBase,
  buckets: readonly RollupBucket[],
): Promise<ReadonlyMap<string, ReadonlyMap<string, ConversationTally>>> {
  const starts = buckets.map(({ startSeconds }) => startSeconds);
  const { rows } = await client.query<unknown[], unknown[]>({
    name: 'nta-traffic-conversations-read',
    rowMode: 'array',
    text: `SELECT t.resolution, wanted.start_seconds, t.capture_node, t.kind, t.name,
        t.conversations::double precision, t.packets::double precision, t.bytes::double precision
      FROM unnest($1::smallint[], $2::double precision[], $3::text[], $4::text[]) AS wanted (resolution, start_seconds, capture_node, kind)
      JOIN traffic_conversations AS t ON t.resolution = wanted.resolution AND t.bucket = to_timestamp(wanted.start_seconds)
        AND t.capture_node = wanted.capture_node AND t.kind = wanted.kind
      WHERE t.bucket BETWEEN to_timestamp($5::double precision) AND to_timestamp($6::double precision) AND t.name <> 'other'`,
    values: [
      buckets.map(({ resolution }) => resolution),
      starts,
      buckets.map(({ captureNode }) => captureNode),
      buckets.map(({ kind }) => kind),
      // The bounds let Postgres leave out the partitions of other months.
      starts.reduce((least, start) => Math.min(least, start), Infinity),
      starts.reduce((greatest, start) => Math.max(greatest, start), Number.NEGATIVE_INFINITY),
    ],
  });
  const stored = new Map<string, Map<string, ConversationTally>>();
  for (const row of rows) {
    const [resolution, startSeconds, captureNode, kind, name, conversations, packets, bytes] = row as [
      number,
      number,
      string,
      RollupKind,
      string,
      number,
      number,
      number,
    ];
    const key = keyOf({ resolution, startSeconds, captureNode, kind });
    let names = stored.get(key);
    if (names === undefined) {
      names = new Map();
      stored.set(key, names);
    }
    names.set(name, { conversations, packets, bytes });
  }
  return stored;
}

/** Rows as columns, the form that unnest takes. */
class RollupColumns {
  private readonly columns: [number[], number[], string[], string[], string[]] = [[], [], [], [], []];
  private readonly tallies: [number[], number[], number[]] = [[], [], []];

  get length(): number {
    return this.columns[0].length;
  }

  push({ resolution, startSeconds, captureNode, kind }: RollupBucket, name: string, tally: ConversationTally): void {
    const [resolutions, starts, nodes, kinds, names] = this.columns;
    resolutions.push(resolution);
    starts.push(startSeconds);
    nodes.push(captureNode);
    kinds.push(kind);
    names.push(name);
    this.tallies[0].push(tally.conversations);
    this.tallies[1].push(tally.packets);
    this.tallies[2].push(tally.bytes);
  }

  keys(): unknown[] {
    return [...this.columns];
  }

  all(): unknown[] {
    return [...this.columns, ...this.tallies];
  }
}
