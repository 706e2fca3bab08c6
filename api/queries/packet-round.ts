/**
 * One look for packets: at some segments, between two times. Unpacking is what reading packets costs, so each segment is
 * unpacked from its first packet of that time to its last, and only the arrays that the filter asks about; what else a page
 * shows is read of its packets alone.
 */

import { formatTimestamp } from '../../schemas/alerts/alert.js';
import type { PacketCondition } from '../../schemas/tables/packet-condition.js';
import { ARRAYS_IN_MEMORY, elementsAt, filled, PACKET_COLUMNS, PacketSql, unpacked } from './packet-sql.js';
import type { FoundSegment, MicrosRange } from './segment-search.js';

export interface PacketRound {
  readonly filter: PacketCondition;
  readonly segments: readonly FoundSegment[];
  /** µs. */
  readonly window: MicrosRange;
  /** Packets come behind this one; its id is beyond 2^53. */
  readonly after: { readonly micros: number; readonly id: string } | null;
  readonly limit: number;
}

/** Offsets of packets are integers. */
const OFFSET_MAX = 2_147_483_647;

/** What a segment is found by, and which times it is looked at: offsets from its first packet, null for its end. */
function segmentValues({ segments, window }: PacketRound, sql: PacketSql): string {
  return [
    sql.add(
      segments.map(({ id }) => id),
      'bigint[]',
    ),
    sql.add(
      segments.map(({ last }) => last),
      'bigint[]',
    ),
    sql.add(
      segments.map(({ first }) => first),
      'bigint[]',
    ),
    sql.add(
      segments.map(({ first }) => Math.max(0, Math.min(window.from - first, OFFSET_MAX))),
      'integer[]',
    ),
    sql.add(
      segments.map(({ first, last }) => (window.to > last ? null : window.to - first)),
      'integer[]',
    ),
  ].join(', ');
}

/** How many packets of a segment are before an offset: they ascend. */
const packetsBefore = (offset: string): string => `width_bucket(${offset} - 1, time_offsets)`;

/** Looked up of the packets that the filter takes: few of many, and these are unpacked only for what it asks about. */
const MICROS = 'first_micros + coalesce(time_offsets[place + 1], time_offsets[1])';

export function packetStatement(round: PacketRound): { text: string; values: unknown[] } {
  const sql = new PacketSql();
  const { filter, after } = round;
  const segments = segmentValues(round, sql);
  const conditions = [filter.packet(sql)];
  if (after !== null) {
    const position = `(${sql.add(after.micros, 'bigint')}, ${sql.add(after.id, 'bigint')})`;
    conditions.push(`(${MICROS}, first_id + place) < ${position}`);
  }
  const arrays = sql.arrays();
  // Keys of segments with many addresses say little.
  const content = filter.content ? `AND (${filter.content(sql)})` : '';
  let earliest = Infinity;
  let latest = Number.NEGATIVE_INFINITY;
  for (const { first } of round.segments) {
    earliest = Math.min(earliest, first);
    latest = Math.max(latest, first);
  }
  const partitions = `first_at >= ${sql.add(formatTimestamp(earliest), 'timestamptz')}
          AND first_at <= ${sql.add(formatTimestamp(latest), 'timestamptz')}`;
  const text = `WITH page AS MATERIALIZED (
  SELECT last_at, first_id, place, ${MICROS} AS micros FROM (
    SELECT last_at, first_id, first_micros, origin_id, time_offsets, place${sql.lookupNames()}${filled(arrays)} FROM (
      SELECT *, generate_series(packets_after, packets_before - 1) AS place
        ${unpacked(arrays, 'packets_after', 'packets_before')}
      FROM (
        SELECT last_at, first_id, first_micros, origin_id, packets, packets_after, packets_before,
          ${['time_offsets', ...arrays].join(', ')}${sql.lookups()}
        FROM (
          SELECT packet_segments.*, first_micros,
            CASE WHEN low = 0 THEN 0 ELSE ${packetsBefore('low')} END AS packets_after,
            CASE WHEN high IS NULL THEN packets ELSE ${packetsBefore('high')} END AS packets_before
          FROM unnest(${segments}) AS wanted (id, last_micros, first_micros, low, high) JOIN packet_segments
            ON last_at = timestamptz 'epoch' + last_micros * interval '1 microsecond' AND first_id = id
          WHERE ${partitions} ${content}
          OFFSET 0
        ) AS bounded
        WHERE packets_after < packets_before
        OFFSET 0
      ) AS looked_up
    ) AS side_by_side
  ) AS unpacked
  WHERE ${conditions.map((condition) => `(${condition})`).join(' AND ')}
  ORDER BY micros DESC, first_id + place DESC LIMIT ${sql.add(round.limit, 'integer')}
)
SELECT found.*, origins.capture_node, origins.interface, origins.timeline, origins.sampling_rate
FROM (
  SELECT captured_at, id AS packet_id, id::text AS id, ${PACKET_COLUMNS} FROM (
    SELECT first_at + coalesce(time_offsets[place + 1], time_offsets[1]) * interval '1 microsecond' AS captured_at,
      first_id + place AS id, origin_id, captured_limit, hosts, macs, ${elementsAt('place + 1')}
    FROM (
      SELECT first_at, first_id, origin_id, captured_limit, places, ${ARRAYS_IN_MEMORY}
      FROM (SELECT last_at, first_id, array_agg(place) AS places FROM page GROUP BY last_at, first_id) AS found
      JOIN packet_segments USING (last_at, first_id)
      WHERE ${partitions}
      OFFSET 0
    ) AS in_memory, unnest(places) AS place OFFSET 0
  ) AS elements
) AS found LEFT JOIN origins ON origins.id = found.origin_id
ORDER BY captured_at DESC, packet_id DESC`;
  return { text, values: sql.values };
}
