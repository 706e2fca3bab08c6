/**
 * The SQL of an export of packets: a ten seconds at a time, as packet_segments has them, so that neither the first row nor the
 * memory depends on how many there are. COPY takes no parameters, so values are quoted as literals of their type.
 */
import { allOf, type PacketCondition } from '../../schemas/tables/packet-condition.js';
import { PACKET_FILTER_NAMES, parsePacketField } from '../../schemas/tables/packet-fields.js';
import { readPacketSearch } from '../../schemas/tables/packet-search.js';
import { SEGMENT_SECONDS } from '../../schemas/tables/packet-table.js';
import type { AddressColumn, PacketColumn, PacketTerms } from '../../schemas/tables/packet-terms.js';
import { QuotedValues } from '../../schemas/tables/sql-values.js';
import { type FieldText, parseFields, readSearch } from './export-filter.js';

/** The columns of a packet as the view has them. */
class ViewTerms extends QuotedValues implements PacketTerms {
  column(name: PacketColumn): string {
    return name;
  }

  columnOrZero(name: PacketColumn): string {
    return name;
  }

  ipProtocolIs(protocol: number): string {
    return `ip_protocol = ${this.add(protocol, 'integer')}`;
  }

  tcpFlagsAre(mask: number, flags: number): string {
    return `tcp_flags & ${this.add(mask, 'integer')} = ${this.add(flags, 'integer')}`;
  }

  addressIs(column: AddressColumn, address: string): string {
    return `${column} = ${this.add(address, column.endsWith('_mac') ? 'macaddr' : 'inet')}`;
  }

  address(column: AddressColumn, test: (address: string) => string): string {
    return test(column);
  }
}

/**
 * What packets of conditions and of a search meet; an empty search asks nothing.
 *
 * @throws Failure `EXPORT_FILTER`
 */
export function packetFilter(fields: readonly FieldText[], search: string): PacketCondition {
  return allOf([
    ...parseFields(fields, PACKET_FILTER_NAMES, 'packets', parsePacketField),
    ...readSearch(search, readPacketSearch),
  ]);
}

const SPAN = `interval '${SEGMENT_SECONDS} seconds'`;
const binOf = (time: string): string => `date_bin(${SPAN}, ${time}, '2000-01-01Z'::timestamptz)`;

/**
 * Packets of a time joined with their origins, in the order of capture time and id. Empty texts select everything.
 *
 * @param columns of unpacked_packets and origins.
 */
export function packetQuery(columns: string, from: string, to: string, filter: PacketCondition): string {
  const { packet, times, keys } = conditions(from, to, filter);
  const inBin = ['last_at >= bin', `last_at < bin + ${SPAN}`, 'first_at >= bin', `first_at < bin + ${SPAN}`];
  // The bins come in their order, those of a bin sorted: a nested loop, all that a LATERAL with an order can be, keeps both.
  return `WITH RECURSIVE bins AS ${keys.length === 0 ? stepwiseBins(times) : selectedBins([...times, ...keys])}
SELECT selected.* FROM bins CROSS JOIN LATERAL (
  SELECT ${columns} FROM unpacked_packets AS packets JOIN origins ON origins.id = origin_id
  ${where([...inBin, ...keys, ...packet])} ORDER BY captured_at, packets.id
) AS selected`;
}

/** Those that have segments, one by one: the first is there at once. */
function stepwiseBins(times: readonly string[]): string {
  const first = (conditions: readonly string[]): string =>
    `(SELECT ${binOf('last_at')} AS bin FROM packet_segments ${where(conditions)} ORDER BY last_at LIMIT 1)`;
  const behind = `bin + ${SPAN}`;
  return `(
  ${first(times)} UNION ALL
  SELECT ${first([...times, `last_at >= ${behind}`, `first_at >= ${behind}`])} FROM bins WHERE bin IS NOT NULL
)`;
}

/** Those that have segments with the keys: what is rare is found by its index, all at once. */
function selectedBins(conditions: readonly string[]): string {
  return `MATERIALIZED (SELECT DISTINCT ${binOf('last_at')} AS bin FROM packet_segments ${where(conditions)} ORDER BY bin)`;
}

function where(conditions: readonly string[]): string {
  return conditions.length === 0 ? '' : `WHERE ${conditions.join(' AND ')}`;
}

interface Conditions {
  /** What a packet meets. */
  readonly packet: string[];
  /** What its segment does then: in time, and in what the index of keys has. */
  readonly times: string[];
  readonly keys: string[];
}

function conditions(from: string, to: string, filter: PacketCondition): Conditions {
  const terms = new ViewTerms();
  const packet = [`(${filter.packet(terms)})`];
  const times: string[] = [];
  const keys = filter.keys ? [`(${filter.keys(terms)})`] : [];
  if (from !== '') {
    const earliest = terms.add(from, 'timestamptz');
    packet.push(`captured_at >= ${earliest}`);
    times.push(`last_at >= ${earliest}`, `first_at > ${earliest} - ${SPAN}`);
  }
  if (to !== '') {
    const behind = terms.add(to, 'timestamptz');
    packet.push(`captured_at < ${behind}`);
    times.push(`first_at < ${behind}`, `last_at < ${behind} + ${SPAN}`);
  }
  return { packet, times, keys };
}
