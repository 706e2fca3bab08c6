/**
 * The SQL of an export of packets: a ten seconds at a time, as packet_segments has them, so that neither the first row nor the
 * memory depends on how many there are. COPY takes no parameters, so values are quoted as literals of their type.
 */
import pg from 'pg';
import { Failure } from '../runtime/failure.js';
import { INDEXED_PREFIXES, portRangeKey, SEGMENT_SECONDS } from '../schemas/packet-table.js';
import { PROTOCOL_FORMS, parseProtocol } from '../schemas/protocols.js';

/** Empty texts and negative numbers select everything. */
export interface PacketSelection {
  readonly from: string;
  readonly to: string;
  readonly source: string;
  readonly destination: string;
  readonly port: number;
  readonly protocol: string;
}

const SPAN = `interval '${SEGMENT_SECONDS} seconds'`;
const binOf = (time: string): string => `date_bin(${SPAN}, ${time}, '2000-01-01Z'::timestamptz)`;

/** What a packet meets, and what its segment then does: in time, and in what the index of keys has. */
interface Conditions {
  readonly packet: string[];
  readonly times: string[];
  readonly keys: string[];
}

/**
 * Packets joined with their origins, in the order of capture time and id.
 *
 * @param columns of unpacked_packets and origins.
 * @throws Failure `EXPORT_FILTER` for a protocol that is none.
 */
export function packetQuery(columns: string, selection: PacketSelection): string {
  const { packet, times, keys } = conditions(selection);
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

function conditions({ from, to, source, destination, port, protocol }: PacketSelection): Conditions {
  const packet: string[] = [];
  const times: string[] = [];
  const keys: string[] = [];
  if (from !== '') {
    const earliest = `timestamptz ${pg.escapeLiteral(from)}`;
    packet.push(`captured_at >= ${earliest}`);
    times.push(`last_at >= ${earliest}`, `first_at > ${earliest} - ${SPAN}`);
  }
  if (to !== '') {
    const behind = `timestamptz ${pg.escapeLiteral(to)}`;
    packet.push(`captured_at < ${behind}`);
    times.push(`first_at < ${behind}`, `last_at < ${behind} + ${SPAN}`);
  }
  for (const [column, address] of Object.entries({ source, destination })) {
    if (address === '') continue;
    packet.push(`${column} ${address.includes('/') ? '<<=' : '='} inet ${pg.escapeLiteral(address)}`);
    const found = addressKeys(address);
    if (found !== null) keys.push(`${column}s && ${found}`);
  }
  if (port >= 0) {
    packet.push(`(source_port = ${port} OR destination_port = ${port})`);
    const found = `ARRAY[${port}, ${portRangeKey(port)}]`;
    keys.push(`(source_ports && ${found} OR destination_ports && ${found})`);
  }
  if (protocol !== '') {
    const match = parseProtocol(protocol);
    if (match === null) {
      throw new Failure('EXPORT_FILTER', `--protocol: "${protocol}" is no protocol known here; give ${PROTOCOL_FORMS}`);
    }
    packet.push('application' in match ? `details ? '${match.application}'` : `${match.column} = ${match.number}`);
    if ('column' in match && match.column === 'ip_protocol')
      keys.push(`ip_protocols @> ARRAY[${match.number}::smallint]`);
  }
  return { packet, times, keys };
}

/**
 * What segments have for an address, or for the indexed network around a network: one of an array; null where that is too
 * wide. The last is what those have that hold too many addresses.
 */
function addressKeys(address: string): string | null {
  const literal = `inet ${pg.escapeLiteral(address)}`;
  const [, prefix] = address.split('/');
  const indexed = address.includes(':') ? INDEXED_PREFIXES.ipv6 : INDEXED_PREFIXES.ipv4;
  const around = indexed.findLast((bits) => bits <= Number(prefix));
  if (prefix !== undefined && around === undefined) return null;
  const known = around === undefined ? literal : `network(set_masklen(${literal}, ${around}))::inet`;
  const widest = `set_masklen(${literal}, ${indexed[0]})`;
  return `ARRAY[${known}, set_masklen(broadcast(${widest}), ${indexed[0]})]`;
}
