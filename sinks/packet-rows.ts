/**
 * Packets as rows of binary COPY, straight from the columns of a block.
 *
 * Rows come in two shapes, each with a COPY of its own: `plain` leaves out the columns that few packets have, because
 * Postgres pays 31 ns for each column of a row even when it is null, and Node as much to write it; `full` has them all.
 *
 * Binary formats as the receive functions of PostgreSQL's sources read them: integers are big-endian; timestamptz is µs since
 * 2000-01-01 (timestamptz_recv); inet is family (2 IPv4, 3 IPv6), prefix length, cidr flag, address length, address
 * (network_recv); macaddr is six bytes (macaddr_recv); jsonb is a version byte 1 and text (jsonb_recv).
 */
import {
  ADDRESS_IPV4,
  ADDRESS_IPV6,
  HAS_FRAGMENT,
  HAS_ICMP,
  HAS_IP,
  HAS_IP_ID,
  HAS_MACS,
  HAS_PORTS,
  HAS_TCP,
  type PacketBlock,
} from '../schemas/packet-block.js';
import { CopyBuffer } from './copy-buffer.js';
import { packetDetails } from './packet-details.js';

const PLAIN_COLUMNS = [
  'captured_at',
  'id',
  'origin_id',
  'frame_length',
  'captured_length',
  'role',
  'ether_type',
  'source_mac',
  'destination_mac',
  'source',
  'destination',
  'ip_protocol',
  'ttl',
  'ip_id',
  'source_port',
  'destination_port',
  'tcp_flags',
  'tcp_sequence',
] as const;
const RARE_COLUMNS = [
  'vlan',
  'inner_vlan',
  'fragment_offset',
  'icmp_type',
  'icmp_code',
  'arp_operation',
  'failure',
  'details',
] as const;

const copySql = (columns: readonly string[]): string =>
  `COPY packets (${columns.join(', ')}) FROM STDIN (FORMAT binary)`;
export const PLAIN_COPY_SQL = copySql(PLAIN_COLUMNS);
export const FULL_COPY_SQL = copySql([...PLAIN_COLUMNS, ...RARE_COLUMNS]);

/** Upper bound of a row without its details: 26 lengths, the count, and the widest value of each column. */
const ROW_BYTES_MAX = 2 + 26 * 4 + 4 * 8 + 10 * 4 + 2 * 6 + 12 * 2 + 2 * 20;
/** µs from 1970-01-01 to 2000-01-01 UTC. */
const POSTGRES_EPOCH_MICROS = 946_684_800_000_000;
const TWO_32 = 4_294_967_296;
/** Greatest integer of Postgres; only a damaged capture has a longer frame. */
const INT32_MAX = 0x7fffffff;

export class PacketRows {
  readonly plain = new CopyBuffer(1 << 22, 1 << 15);
  readonly full = new CopyBuffer(1 << 20, 1 << 12);

  get rows(): number {
    return this.plain.rows + this.full.rows;
  }

  get bytes(): number {
    return this.plain.length + this.full.length;
  }

  reset(): void {
    this.plain.reset();
    this.full.reset();
  }

  /**
   * Appends a row of the block. Its id is `stream` × 2^40 + `ordinal`; `tag` finds the packet again when Postgres
   * refuses the row.
   */
  append(block: PacketBlock, row: number, stream: number, ordinal: number, originId: number, tag: number): void {
    const present = block.present[row]!;
    if (
      (present & (HAS_FRAGMENT | HAS_ICMP)) === 0 &&
      block.extra[row]! < 0 &&
      block.applicationLength[row] === 0 &&
      block.vlan[row] === 0 &&
      block.innerVlan[row] === 0 &&
      block.failure[row] === 0
    ) {
      const to = this.plain;
      to.reserve(ROW_BYTES_MAX);
      to.endRow(putCommon(to.bytes, to.length, block, row, stream, ordinal, originId, PLAIN_COLUMNS.length), tag);
      return;
    }
    const to = this.full;
    const extra = block.extraOf(row);
    const details = extra === null ? '' : packetDetails(extra);
    to.reserve(ROW_BYTES_MAX + 1 + 3 * details.length);
    const { bytes } = to;
    let at = putCommon(
      bytes,
      to.length,
      block,
      row,
      stream,
      ordinal,
      originId,
      PLAIN_COLUMNS.length + RARE_COLUMNS.length,
    );
    at = putSmallOrNull(bytes, at, block.vlan[row]!, block.vlan[row] !== 0);
    at = putSmallOrNull(bytes, at, block.innerVlan[row]!, block.innerVlan[row] !== 0);
    at = (present & HAS_FRAGMENT) === 0 ? putNull(bytes, at) : putInteger(bytes, at, block.fragmentOffset[row]!);
    at = putSmallOrNull(bytes, at, block.icmpType[row]!, (present & HAS_ICMP) !== 0);
    at = putSmallOrNull(bytes, at, block.icmpCode[row]!, (present & HAS_ICMP) !== 0);
    at = extra?.arp ? putInteger2(bytes, at, Math.min(extra.arp.operation, 0x7fff)) : putNull(bytes, at);
    at = putSmallOrNull(bytes, at, block.failure[row]!, block.failure[row] !== 0);
    if (details === '') {
      at = putNull(bytes, at);
    } else {
      const length = 1 + bytes.write(details, at + 5, 'utf8');
      at = putLength(bytes, at, length);
      bytes[at] = 1;
      at += length;
    }
    to.endRow(at, tag);
  }
}

/** The field count and the columns that both shapes have, in the order of PLAIN_COLUMNS. */
function putCommon(
  bytes: Buffer,
  start: number,
  block: PacketBlock,
  row: number,
  stream: number,
  ordinal: number,
  originId: number,
  fields: number,
): number {
  const present = block.present[row]!;
  let at = start;
  bytes[at++] = 0;
  bytes[at++] = fields;
  at = putBigint(bytes, at, block.timestamp[row]! - POSTGRES_EPOCH_MICROS);
  at = putId(bytes, at, stream, ordinal);
  at = putInteger(bytes, at, originId);
  at = putInteger(bytes, at, Math.min(block.frameLength[row]!, INT32_MAX));
  at = putInteger(bytes, at, Math.min(block.capturedLength[row]!, INT32_MAX));
  at = putInteger2(bytes, at, block.role[row]!);
  at = block.etherType[row] === 0 ? putNull(bytes, at) : putInteger(bytes, at, block.etherType[row]!);
  if ((present & HAS_MACS) === 0) {
    at = putNull(bytes, putNull(bytes, at));
  } else {
    at = putMac(bytes, at, block.macs, row * 12);
    at = putMac(bytes, at, block.macs, row * 12 + 6);
  }
  at = putAddress(bytes, at, block, block.sourceKind[row]!, block.sourceAddress[row]!);
  at = putAddress(bytes, at, block, block.destinationKind[row]!, block.destinationAddress[row]!);
  if ((present & HAS_IP) === 0) {
    at = putNull(bytes, putNull(bytes, at));
  } else {
    at = putInteger2(bytes, at, block.ipProtocol[row]!);
    at = putInteger2(bytes, at, block.ttl[row]!);
  }
  at = (present & HAS_IP_ID) === 0 ? putNull(bytes, at) : putBigint(bytes, at, block.ipId[row]!);
  if ((present & HAS_PORTS) === 0) {
    at = putNull(bytes, putNull(bytes, at));
  } else {
    at = putInteger(bytes, at, block.sourcePort[row]!);
    at = putInteger(bytes, at, block.destinationPort[row]!);
  }
  if ((present & HAS_TCP) === 0) {
    at = putNull(bytes, putNull(bytes, at));
  } else {
    at = putInteger2(bytes, at, block.tcpFlags[row]!);
    at = putBigint(bytes, at, block.tcpSequence[row]!);
  }
  return at;
}

function putNull(bytes: Buffer, at: number): number {
  bytes[at] = 0xff;
  bytes[at + 1] = 0xff;
  bytes[at + 2] = 0xff;
  bytes[at + 3] = 0xff;
  return at + 4;
}

function putLength(bytes: Buffer, at: number, length: number): number {
  bytes[at] = length >>> 24;
  bytes[at + 1] = length >>> 16;
  bytes[at + 2] = length >>> 8;
  bytes[at + 3] = length;
  return at + 4;
}

/** A length below 256 and nothing else, which is that of every column but the details. */
function putShortLength(bytes: Buffer, at: number, length: number): number {
  bytes[at] = 0;
  bytes[at + 1] = 0;
  bytes[at + 2] = 0;
  bytes[at + 3] = length;
  return at + 4;
}

function putInteger2(bytes: Buffer, start: number, value: number): number {
  const at = putShortLength(bytes, start, 2);
  bytes[at] = value >>> 8;
  bytes[at + 1] = value;
  return at + 2;
}

function putSmallOrNull(bytes: Buffer, at: number, value: number, present: boolean): number {
  return present ? putInteger2(bytes, at, value) : putNull(bytes, at);
}

function putInteger(bytes: Buffer, start: number, value: number): number {
  const at = putShortLength(bytes, start, 4);
  bytes[at] = value >>> 24;
  bytes[at + 1] = value >>> 16;
  bytes[at + 2] = value >>> 8;
  bytes[at + 3] = value;
  return at + 4;
}

/** Eight bytes, two's complement, of a whole number within ±2^53. */
function putBigint(bytes: Buffer, start: number, value: number): number {
  const at = putShortLength(bytes, start, 8);
  const high = Math.floor(value / TWO_32);
  const low = value - high * TWO_32;
  bytes[at] = high >>> 24;
  bytes[at + 1] = high >>> 16;
  bytes[at + 2] = high >>> 8;
  bytes[at + 3] = high;
  bytes[at + 4] = low >>> 24;
  bytes[at + 5] = low >>> 16;
  bytes[at + 6] = low >>> 8;
  bytes[at + 7] = low;
  return at + 8;
}

function putId(bytes: Buffer, start: number, stream: number, ordinal: number): number {
  const at = putShortLength(bytes, start, 8);
  const high = stream * 256 + Math.floor(ordinal / TWO_32);
  bytes[at] = high >>> 24;
  bytes[at + 1] = high >>> 16;
  bytes[at + 2] = high >>> 8;
  bytes[at + 3] = high;
  bytes[at + 4] = ordinal >>> 24;
  bytes[at + 5] = ordinal >>> 16;
  bytes[at + 6] = ordinal >>> 8;
  bytes[at + 7] = ordinal;
  return at + 8;
}

function putMac(bytes: Buffer, start: number, macs: Uint8Array, from: number): number {
  const at = putShortLength(bytes, start, 6);
  bytes[at] = macs[from]!;
  bytes[at + 1] = macs[from + 1]!;
  bytes[at + 2] = macs[from + 2]!;
  bytes[at + 3] = macs[from + 3]!;
  bytes[at + 4] = macs[from + 4]!;
  bytes[at + 5] = macs[from + 5]!;
  return at + 6;
}

function putAddress(bytes: Buffer, start: number, block: PacketBlock, kind: number, address: number): number {
  if (kind === ADDRESS_IPV4) {
    const at = putShortLength(bytes, start, 8);
    bytes[at] = 2;
    bytes[at + 1] = 32;
    bytes[at + 2] = 0;
    bytes[at + 3] = 4;
    bytes[at + 4] = address >>> 24;
    bytes[at + 5] = address >>> 16;
    bytes[at + 6] = address >>> 8;
    bytes[at + 7] = address;
    return at + 8;
  }
  if (kind === ADDRESS_IPV6) {
    const at = putShortLength(bytes, start, 20);
    bytes[at] = 3;
    bytes[at + 1] = 128;
    bytes[at + 2] = 0;
    bytes[at + 3] = 16;
    const from = address * 16;
    for (let i = 0; i < 16; i++) bytes[at + 4 + i] = block.ipv6[from + i]!;
    return at + 20;
  }
  return putNull(bytes, start);
}
