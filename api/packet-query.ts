/** Packets of a filter, newest first, by page. */
import type pg from 'pg';
import { secondOf } from '../schemas/packet-table.js';
import type { PacketConditions } from './packet-filter.js';
import type { PacketRow } from './packet-view.js';
import { query } from './pool.js';
import { allOf, type Condition, QueryParameters } from './query-parameters.js';
import type { TimeRange } from './time-range.js';

export interface PacketPosition {
  readonly time: string;
  /** packets.id, beyond 2^53. */
  readonly id: string;
}

export interface PacketQuery extends PacketConditions {
  readonly range: TimeRange;
  readonly after: PacketPosition | null;
  readonly limit: number;
}

const COLUMNS = `captured_at, id, origin_id, frame_length, captured_length, ether_type, source_mac, destination_mac,
  vlan, inner_vlan, ip_protocol, ttl, ip_id, fragment_offset, source_port, destination_port, tcp_flags, tcp_sequence,
  icmp_type, icmp_code, arp_operation, role, failure, source, destination, details`;

/** The time bounds; those of the second are for the index alone, which knows of no captured_at. */
function rangeConditions({ range, after }: Pick<PacketQuery, 'range' | 'after'>, bySecond: boolean): Condition[] {
  const conditions: Condition[] = [];
  const bound = (time: string, operator: '>=' | '<' | '<='): void => {
    conditions.push((p) => {
      const bounded = p.add(time, 'timestamptz');
      const seconds = ` AND ${secondOf('captured_at')} ${operator === '>=' ? '>=' : '<='} ${secondOf(bounded)}`;
      return `captured_at ${operator} ${bounded}${bySecond ? seconds : ''}`;
    });
  };
  const { from, to } = range;
  if (from !== null) bound(from, '>=');
  if (to !== null) bound(to, '<');
  if (after !== null) {
    // The row comparison alone would neither prune partitions nor bound the index scan.
    bound(after.time, '<=');
    conditions.push((p) => `(captured_at, id) < (${p.add(after.time, 'timestamptz')}, ${p.add(after.id, 'bigint')})`);
  }
  return conditions;
}

/**
 * The statement. Where either side may match, each side is asked for in the order of its own index and the two are merged:
 * as one OR, Postgres would fetch and sort every packet of a busy host. A packet that matches on both sides comes twice and
 * UNION keeps it once; were the second side told to leave out what the first has, it would read all there is of a service
 * whose both ports are the same (NTP, mDNS) and find nothing.
 */
export function packetStatement(wanted: PacketQuery): { text: string; values: unknown[] } {
  const parameters = new QueryParameters();
  const { eitherSide, rest, restBySecond } = wanted;
  const branch = (side: Condition | null) => {
    const bySecond = restBySecond || side?.bySecond === true;
    const conditions = [...(side === null ? [] : [side]), ...rangeConditions(wanted, bySecond), rest];
    return {
      where: allOf(conditions)(parameters),
      order: `${bySecond ? `${secondOf('captured_at')} DESC, ` : ''}captured_at DESC, id DESC`,
    };
  };
  const branches = (eitherSide?.alternatives ?? [eitherSide]).map(branch);
  const limit = parameters.add(wanted.limit, 'integer');
  const page = branches
    .map(({ where, order }) => `(SELECT ${COLUMNS} FROM packets WHERE ${where} ORDER BY ${order} LIMIT ${limit})`)
    .join(' UNION ');
  const text = `SELECT page.captured_at, page.id::text AS id, page.frame_length, page.captured_length, page.ether_type,
  page.source_mac, page.destination_mac, page.vlan, page.inner_vlan, page.ip_protocol, page.ttl, page.ip_id,
  page.fragment_offset, page.source_port, page.destination_port, page.tcp_flags, page.tcp_sequence, page.icmp_type,
  page.icmp_code, page.arp_operation, page.role, page.failure, host(page.source) AS source,
  host(page.destination) AS destination, page.details, origins.capture_node, origins.interface, origins.timeline,
  origins.sampling_rate
FROM (${page}) AS page LEFT JOIN origins ON origins.id = page.origin_id
ORDER BY page.captured_at DESC, page.id DESC LIMIT ${limit}`;
  return { text, values: parameters.values };
}

export async function findPackets(pool: pg.Pool, wanted: PacketQuery): Promise<PacketRow[]> {
  const { text, values } = packetStatement(wanted);
  return (await query<PacketRow>(pool, text, values)).rows;
}
