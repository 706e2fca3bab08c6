/** Adds the seconds of a unit to traffic_seconds, within its transaction and after its minutes, and removes what has become old. */
import type pg from 'pg';
import type { SecondRow } from './second-rollup.js';

/** Whoever writes removes a bounded part of what is old; another sink's part is left to it. */
const REMOVE_SQL = `DELETE FROM traffic_seconds WHERE ctid = ANY (ARRAY(
  SELECT ctid FROM traffic_seconds WHERE second < now() - interval '75 minutes' LIMIT 20000 FOR UPDATE SKIP LOCKED))`;

export async function storeSeconds(client: pg.ClientBase, rows: readonly SecondRow[]): Promise<void> {
  if (rows.length === 0) return;
  await client.query({
    name: 'nta-traffic-seconds',
    text: `INSERT INTO traffic_seconds (second, capture_node, protocol, packets, bytes)
      SELECT to_timestamp(second), capture_node, protocol, packets, bytes
      FROM unnest($1::double precision[], $2::text[], $3::text[], $4::bigint[], $5::bigint[])
        AS added (second, capture_node, protocol, packets, bytes)
      ON CONFLICT (second, capture_node, protocol) DO UPDATE SET
        packets = traffic_seconds.packets + excluded.packets, bytes = traffic_seconds.bytes + excluded.bytes`,
    values: [
      rows.map(({ second }) => second),
      rows.map(({ captureNode }) => captureNode),
      rows.map(({ protocol }) => protocol),
      rows.map(({ packets }) => packets),
      rows.map(({ bytes }) => bytes),
    ],
  });
  // About once a minute of each node's traffic is often enough.
  if (rows.some(({ second }) => second % 60 === 0))
    await client.query({ name: 'nta-traffic-seconds-remove', text: REMOVE_SQL });
}
