/**
 * The views of packets in SQL, made from the definition of what a segment holds (schemas/tables/segment-columns.ts): setting up
 * replaces them after every migration, so that they never lag behind. A new field comes last, as replacing a view asks.
 */
import { SEGMENT_SECONDS } from '../../schemas/tables/packet-table.js';
import {
  SEGMENT_ARRAY_NAMES,
  SEGMENT_ARRAYS,
  SEGMENT_FIELDS,
  type SegmentArray,
  typedFieldSql,
} from '../../schemas/tables/segment-columns.js';

/** What the index finds a segment by stands beside each of its packets. */
const FOUND_BY = 'first_at, last_at, sources, destinations, source_ports, destination_ports, ip_protocols';

const elementOf = (array: SegmentArray): string => SEGMENT_ARRAYS[array];
const PACKET_FIELDS = ['captured_at', 'id', ...SEGMENT_FIELDS].join(', ');

/** An array of one element stands for all packets; there are details of few packets, so that they never do. */
function filledSql(array: SegmentArray): string {
  const element = elementOf(array);
  return array === 'details' ? element : `coalesce(${element}, ${array}[1]) AS ${element}`;
}

const list = (lines: readonly string[]): string => lines.map((line) => `  ${line}`).join(',\n');

/** The arrays are unpacked side by side. */
export function packetViewsSql(): string {
  return `CREATE OR REPLACE VIEW unpacked_packets AS
SELECT
  ${FOUND_BY},
  first_at + ${elementOf('time_offsets')} * interval '1 microsecond' AS captured_at,
  first_id + place AS id,
${list(SEGMENT_FIELDS.map((name) => `${typedFieldSql(name, elementOf)} AS ${name}`))}
FROM (
  SELECT ${FOUND_BY}, first_id, origin_id, captured_limit, hosts, macs, place,
${list(SEGMENT_ARRAY_NAMES.map(filledSql))}
  FROM (
    SELECT *, generate_series(0, packets - 1) AS place,
${list(SEGMENT_ARRAY_NAMES.map((array) => `unnest(${array}) AS ${elementOf(array)}`))}
    FROM packet_segments
  ) AS side_by_side
) AS filled;

CREATE OR REPLACE VIEW packets AS
SELECT ${PACKET_FIELDS}
FROM unpacked_packets;

-- A segment is of one ten seconds, so it begins at most ten seconds before it ends.
CREATE OR REPLACE FUNCTION packets_between(earliest timestamptz, behind timestamptz) RETURNS SETOF packets
LANGUAGE sql STABLE
AS $$
  SELECT ${PACKET_FIELDS}
  FROM unpacked_packets
  WHERE last_at >= earliest AND last_at < behind + interval '${SEGMENT_SECONDS} seconds'
    AND first_at > earliest - interval '${SEGMENT_SECONDS} seconds' AND first_at < behind
    AND captured_at >= earliest AND captured_at < behind
$$;
`;
}
