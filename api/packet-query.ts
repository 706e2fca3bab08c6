/**
 * Packets of a filter, newest first, by page. A page is looked for from its newest time backwards, a window of time a round:
 * the segments that reach furthest forward are unpacked down to the time at which the next one begins to matter, so that
 * what a round finds is final and the next goes on below it.
 */
import type pg from 'pg';
import { SEGMENT_SECONDS } from '../schemas/packet-table.js';
import type { PacketCondition } from './packet-condition.js';
import { elementsAt, filled, PACKET_COLUMNS, PacketSql, unpacked } from './packet-sql.js';
import type { PacketRow } from './packet-view.js';
import { query } from './pool.js';
import { ApiProblem } from './problem.js';
import { allOf } from './query-parameters.js';
import type { TimeRange } from './time-range.js';

export interface PacketPosition {
  readonly time: string;
  /** packets.id, beyond 2^53. */
  readonly id: string;
}

export interface PacketQuery {
  readonly filter: PacketCondition;
  readonly range: TimeRange;
  readonly after: PacketPosition | null;
  readonly limit: number;
}

/** One look: at so many segments, for packets before a time. */
export interface PacketRound extends PacketQuery {
  readonly segments: number;
  /** Time below which the rounds before found nothing final, exclusive; null in the first. */
  readonly before: string | null;
}

/** The time that all packets are before, exclusive; null when there is none. */
function upperBound({ range, after, before }: PacketRound, sql: PacketSql): string | null {
  const bounds = [
    ...(range.to === null ? [] : [sql.add(range.to, 'timestamptz')]),
    ...(after === null ? [] : [`${sql.add(after.time, 'timestamptz')} + interval '1 microsecond'`]),
    ...(before === null ? [] : [sql.add(before, 'timestamptz')]),
  ];
  return bounds.length === 0 ? null : `least(${bounds.join(', ')})`;
}

/** How many packets of a segment are before a time behind its first: their offsets ascend. */
function packetsBefore(time: string): string {
  return `width_bucket((extract(epoch FROM ${time} - first_at) * 1000000)::integer - 1, time_offsets)`;
}

/**
 * A filter whose keys no more segments have is answered from these alone; with more, what it asks for is found on the way from
 * the newest. Postgres expects the keys of a filter to be spread evenly and to have nothing to do with each other: where it was
 * wrong it walked past every segment there is for a hundred that the index would have named.
 */
const MATCHES_MAX = 1_000;

/**
 * What goes before the statement: `segments`, those that have packets of the filter's keys, those with the newest packets
 * first. Those that end before the bound come by their end; those that it cuts are all looked at, by the newest packet that
 * they have before it.
 */
function segmentsBefore(wanted: PacketRound, sql: PacketSql, limit: string): string {
  const { filter, range } = wanted;
  const conditions = (more: readonly string[]): string =>
    allOf([...(filter.segment === null ? [] : [filter.segment]), ...more.map((condition) => () => condition)])(sql);
  const spans = `interval '${SEGMENT_SECONDS} seconds'`;
  const from = range.from === null ? null : sql.add(range.from, 'timestamptz');
  // What begins is what partitions go by.
  const since = from === null ? [] : [`last_at >= ${from}`, `first_at > ${from} - ${spans}`];
  const before = upperBound(wanted, sql);
  const ended = before === null ? since : [...since, `last_at < ${before}`, `first_at < ${before}`];
  const newest = `ORDER BY last_at DESC LIMIT ${limit}`;
  const walked = (more: readonly string[]): string =>
    `SELECT packet_segments.* FROM packet_segments WHERE ${conditions([...ended, ...more])} ${newest}`;
  const matches =
    filter.segment === null
      ? ''
      : `matches AS MATERIALIZED (
  SELECT packet_segments.* FROM packet_segments WHERE ${conditions(ended)} LIMIT ${MATCHES_MAX + 1}
),
known AS MATERIALIZED (SELECT count(*) <= ${MATCHES_MAX} AS whole FROM matches),
`;
  const found =
    filter.segment === null
      ? walked([])
      : `(SELECT * FROM matches WHERE (SELECT whole FROM known) ${newest})
    UNION ALL (${walked(['NOT (SELECT whole FROM known)'])})`;
  const whole = `SELECT found.*, packets AS packets_before, last_at AS newest_at FROM (${found}) AS found`;
  if (before === null) return `${matches}segments AS MATERIALIZED (${whole} ${newest})`;
  const cut = `SELECT cut.*, first_at + time_offsets[packets_before] * interval '1 microsecond'
    FROM (
      SELECT packet_segments.*, ${packetsBefore(before)} AS packets_before FROM packet_segments
      WHERE ${conditions([
        ...since,
        `last_at >= ${before}`,
        `last_at < ${before} + ${spans}`,
        `first_at < ${before}`,
        `first_at > ${before} - ${spans}`,
      ])}
      OFFSET 0
    ) AS cut`;
  return `${matches}segments AS MATERIALIZED (
  SELECT * FROM ((${whole}) UNION ALL (${cut})) AS either ORDER BY newest_at DESC LIMIT ${limit}
)`;
}

/**
 * The statement of a round. Its rows carry `searched_to`, the time down to which it looked; null when that is all there is.
 * Without packets it gives one row whose id is null.
 */
export function packetStatement(wanted: PacketRound): { text: string; values: unknown[] } {
  const sql = new PacketSql();
  const { filter, range, after } = wanted;
  const count = sql.add(wanted.segments, 'integer');
  const segments = segmentsBefore(wanted, sql, `${count} + 1`);
  const conditions = [filter.packet(sql)];
  if (after !== null) {
    const position = `(${sql.add(after.time, 'timestamptz')}, ${sql.add(after.id, 'bigint')})`;
    conditions.push(`(first_at + time_offset * interval '1 microsecond', first_id + place) < ${position}`);
  }
  const arrays = sql.arrays();
  const low = range.from === null ? 'searched_to' : `greatest(searched_to, ${sql.add(range.from, 'timestamptz')})`;
  const limit = sql.add(wanted.limit, 'integer');
  const text = `WITH ${segments},
searched AS MATERIALIZED (
  SELECT CASE WHEN count(*) > ${count} THEN min(newest_at) + interval '1 microsecond' END AS searched_to FROM segments
),
page AS MATERIALIZED (
  SELECT first_at + time_offset * interval '1 microsecond' AS captured_at, first_id, place FROM (
    SELECT first_at, first_id, origin_id, place${sql.lookupNames()}, ${filled(arrays)} FROM (
      SELECT *, generate_series(packets_after, packets_before - 1) AS place,
        ${unpacked(arrays, 'packets_after + 1', 'packets_before')}
      FROM (
        SELECT first_at, first_id, origin_id, packets_before, ${arrays.join(', ')},
          CASE WHEN low IS NULL OR low <= first_at THEN 0 ELSE ${packetsBefore('low')} END AS packets_after${sql.lookups()}
        FROM (SELECT segments.*, ${low} AS low FROM segments, searched) AS bounded
        WHERE low IS NULL OR newest_at >= low
        OFFSET 0
      ) AS looked_up
    ) AS side_by_side
  ) AS unpacked
  WHERE ${conditions.map((condition) => `(${condition})`).join(' AND ')}
  ORDER BY captured_at DESC, first_id + place DESC LIMIT ${limit}
)
SELECT searched_to, found.*, origins.capture_node, origins.interface, origins.timeline, origins.sampling_rate
FROM searched LEFT JOIN (
  SELECT captured_at, id AS packet_id, id::text AS id, ${PACKET_COLUMNS} FROM (
    SELECT captured_at, first_id + place AS id, origin_id, captured_limit, hosts, macs,
      ${elementsAt('place + 1')}
    FROM page JOIN segments USING (first_id) OFFSET 0
  ) AS elements
) AS found ON true LEFT JOIN origins ON origins.id = found.origin_id
ORDER BY captured_at DESC, packet_id DESC`;
  return { text, values: sql.values };
}

type RoundRow = { readonly searched_to: string | null } & (PacketRow | { readonly id: null });

/** Most segments of a round: a quarter of a million packets. */
const SEGMENTS_MAX = 1024;
const SEGMENTS_MIN = 16;
/**
 * Segments of the first round of a filter. A source fills its segments; of a port there may be a packet in each, and then the
 * first round says how many more it takes. Those that the index knows nothing of, such as TCP flags, take as many as overlap
 * at a hundred thousand packets a second.
 */
const SEGMENTS_MATCHED = 96;
const SEGMENTS_FILTERED = 512;

/** Each segment has a packet above the next, so that a page of all packets takes one round. */
function firstSegments({ filter, limit }: PacketQuery): number {
  if (filter.segment !== null) return SEGMENTS_MATCHED;
  return filter.packet(new PacketSql()) === 'true' ? limit : Math.max(limit, SEGMENTS_FILTERED);
}

/** As many as the rest of the page should take, a quarter more, after a round that gave `found` packets. */
function nextSegments(wanted: number, found: number, segments: number, stuck: boolean): number {
  // Where more segments end at one microsecond than a round has room for, only a larger one comes past it.
  if (stuck) return segments * 4;
  const expected = Math.ceil((segments * 1.25 * wanted) / found);
  return Math.max(SEGMENTS_MIN, Math.min(expected, segments * 4, SEGMENTS_MAX));
}

/**
 * A page. Each round is a statement with a snapshot of its own, as each page is; what is stored meanwhile may be missing
 * above a time and be there below it.
 */
export async function findPackets(pool: pg.Pool, wanted: PacketQuery): Promise<PacketRow[]> {
  const { statement_timeout: timeoutMs } = pool.options;
  const startedAt = performance.now();
  const found: PacketRow[] = [];
  let before: string | null = null;
  let segments = firstSegments(wanted);
  for (;;) {
    const { text, values } = packetStatement({ ...wanted, limit: wanted.limit - found.length, before, segments });
    const { rows } = await query<RoundRow>(pool, text, values);
    for (const row of rows) if (row.id !== null) found.push(row);
    const searchedTo: string | null = rows[0]?.searched_to ?? null;
    if (found.length >= wanted.limit || searchedTo === null) return found;
    if (typeof timeoutMs === 'number' && performance.now() - startedAt > timeoutMs) {
      throw new ApiProblem(
        503,
        'QUERY_TIMEOUT',
        'the query took too long and was ended; narrow the time range or the filter, or raise --api-statement-timeout',
      );
    }
    segments = nextSegments(wanted.limit - found.length, rows.length, segments, searchedTo === before);
    before = searchedTo;
  }
}
