/**
 * Writes up to 256 packets of one origin and one ten seconds as a row of packet_segments
 * (schemas/tables/segment-columns.ts says what each column holds), column by column.
 */
import {
  HAS_FRAGMENT,
  HAS_ICMP,
  HAS_IP,
  HAS_IP_ID,
  HAS_MACS,
  HAS_PORTS,
  HAS_TCP,
  type PacketBlock,
} from '../../schemas/packets/packet-block.js';
import { KEYS_MAX, portRangeKey, SEGMENT_PACKETS } from '../../schemas/tables/packet-table.js';
import {
  ENDPOINT_ROLE_SHIFT,
  ENDPOINT_SOURCE_SHIFT,
  HEADER_IP,
  HEADER_IP_ID,
  HEADER_PORTS,
  HEADER_TCP,
  HEADER_TCP_FLAGS_SHIFT,
  HEADER_TTL_SHIFT,
  ICMP_TYPE_SHIFT,
  PAIR_SHIFT,
  SEGMENT_COLUMNS,
} from '../../schemas/tables/segment-columns.js';
import { ADDRESSES_BYTES_MAX, AddressDictionary } from './address-dictionary.js';
import type { CopyBuffer } from './copy-buffer.js';
import { MacDictionary } from './mac-dictionary.js';
import { packetDetails } from './packet-details.js';

/** µs from 1970-01-01 to 2000-01-01 UTC, where timestamptz counts from. */
const POSTGRES_EPOCH_MICROS = 946_684_800_000_000;
/** Greatest integer of Postgres; only a damaged capture has a longer frame. */
const INT32_MAX = 0x7fffffff;
const SMALLINT_OID = 21;
const JSONB_OID = 3802;
/** Upper bound of a row without its details: hosts, keys of both sides, MACs, 18 arrays of integers, the rest. */
const ROW_BYTES_MAX = 3 * ADDRESSES_BYTES_MAX + (32 + SEGMENT_PACKETS * 2 * 10) + 18 * (32 + SEGMENT_PACKETS * 8) + 256;

/** Bits of `sides`. */
const SOURCE = 1;
const DESTINATION = 2;

/** Columns that few packets have anything for. */
const RARE_VLAN = 1 << 0;
const RARE_FRAGMENT = 1 << 1;
const RARE_ICMP = 1 << 2;
const RARE_FAILURE = 1 << 3;
const RARE_EXTRA = 1 << 4;

const column = (): Int32Array => new Int32Array(SEGMENT_PACKETS);

/** Writes segments, one after the other; what is kept here is used again for the next. */
export class SegmentEncoder {
  private packets = 0;
  private readonly hosts = new AddressDictionary();
  private readonly keys = new AddressDictionary();
  /** Which hosts are sources (bit 0) and which destinations (bit 1), by their numbers. */
  private readonly sides = new Uint8Array(2 * SEGMENT_PACKETS + 1);
  private readonly macs = new MacDictionary();
  private readonly timeOffsets = column();
  private readonly headers = column();
  private readonly endpoints = column();
  private readonly ports = column();
  private readonly macPairs = column();
  private readonly etherTypes = column();
  private readonly frameLengths = column();
  private readonly capturedLengths = column();
  private readonly tcpSequences = column();
  private readonly ipIds = column();
  /** The rare column at hand. */
  private readonly rare = column();
  private readonly arpOperations = column();
  private readonly details: string[] = [];
  private readonly distinct = column();
  /** A bit a port; all 0 in between. */
  private readonly portsSeen = new Uint32Array(65_536 / 32);
  private readonly order = new Uint32Array(SEGMENT_PACKETS);
  private readonly unsorted = new Uint32Array(SEGMENT_PACKETS);

  /**
   * Writes the packets in `rows[0 … packets)` of the block as a row. The rows are brought into order of time, those of one
   * microsecond as they come: readers search in it.
   */
  put(
    copy: CopyBuffer,
    block: PacketBlock,
    rows: Uint32Array,
    packets: number,
    firstId: number,
    originId: number,
  ): void {
    this.packets = packets;
    this.sort(block, rows);
    const rarities = this.readHeaders(block, rows);
    this.readEndpoints(block, rows);
    this.readMacs(block, rows);
    const detailsLength = (rarities & RARE_EXTRA) === 0 ? 0 : this.readDetails(block, rows);
    const limit = this.capturedLimit();

    copy.beginRow(SEGMENT_COLUMNS.length, ROW_BYTES_MAX + packets * 5 + 3 * detailsLength);
    this.putTimes(copy, block, rows);
    copy.putBigint(firstId);
    copy.putInteger(originId);
    copy.putInteger(packets);
    copy.putInteger(limit ?? 0);
    this.putAddressKeys(copy, SOURCE);
    this.putAddressKeys(copy, DESTINATION);
    this.putPortSet(copy, PAIR_SHIFT);
    this.putPortSet(copy, 0);
    this.putProtocolSet(copy);
    this.hosts.put(copy);
    this.macs.put(copy);
    putColumn(copy, this.timeOffsets, packets);
    putColumn(copy, this.headers, packets);
    putColumn(copy, this.endpoints, packets);
    putColumn(copy, this.ports, packets);
    putColumn(copy, this.macPairs, packets);
    putColumn(copy, this.etherTypes, packets);
    putColumn(copy, this.frameLengths, packets);
    putColumn(copy, this.tcpSequences, packets);
    putColumn(copy, this.ipIds, packets);
    if (limit === null) putColumn(copy, this.capturedLengths, packets);
    else copy.putNull();
    this.putRare(copy, block, rows, rarities);
    copy.endRow();
  }

  private sort({ timestamp }: PacketBlock, rows: Uint32Array): void {
    const { packets, order, unsorted } = this;
    let ascending = 1;
    while (ascending < packets && timestamp[rows[ascending]!]! >= timestamp[rows[ascending - 1]!]!) ascending++;
    if (ascending >= packets) return;
    let first = timestamp[rows[0]!]!;
    for (let at = 1; at < packets; at++) if (timestamp[rows[at]!]! < first) first = timestamp[rows[at]!]!;
    // Ten seconds of microseconds leave eight bits for the place: as numbers they sort without a function to compare them.
    for (let at = 0; at < packets; at++) {
      unsorted[at] = rows[at]!;
      order[at] = (timestamp[rows[at]!]! - first) * SEGMENT_PACKETS + at;
    }
    order.subarray(0, packets).sort();
    for (let at = 0; at < packets; at++) rows[at] = unsorted[order[at]! & (SEGMENT_PACKETS - 1)]!;
  }

  /** @returns the rare columns that a packet has something for */
  private readHeaders(block: PacketBlock, rows: Uint32Array): number {
    const { packets, headers, ports, tcpSequences, ipIds, etherTypes, frameLengths, capturedLengths } = this;
    let presentInAny = 0;
    let vlanInAny = 0;
    let failureInAny = 0;
    let extraInAny = false;
    for (let at = 0; at < packets; at++) {
      const row = rows[at]!;
      const present = block.present[row]!;
      presentInAny |= present;
      vlanInAny |= block.vlan[row]! | block.innerVlan[row]!;
      failureInAny |= block.failure[row]!;
      if (block.extra[row]! >= 0 || block.applicationLength[row] !== 0) extraInAny = true;
      let header = 0;
      if ((present & HAS_IP) !== 0) header = HEADER_IP | block.ipProtocol[row]! | (block.ttl[row]! << HEADER_TTL_SHIFT);
      if ((present & HAS_TCP) !== 0) header |= HEADER_TCP | ((block.tcpFlags[row]! & 0xfff) << HEADER_TCP_FLAGS_SHIFT);
      if ((present & HAS_PORTS) !== 0) header |= HEADER_PORTS;
      if ((present & HAS_IP_ID) !== 0) header |= HEADER_IP_ID;
      headers[at] = header;
      ports[at] =
        (present & HAS_PORTS) === 0 ? 0 : (block.sourcePort[row]! << PAIR_SHIFT) | block.destinationPort[row]!;
      tcpSequences[at] = (present & HAS_TCP) === 0 ? 0 : block.tcpSequence[row]!;
      ipIds[at] = (present & HAS_IP_ID) === 0 ? 0 : block.ipId[row]!;
      etherTypes[at] = block.etherType[row]!;
      frameLengths[at] = Math.min(block.frameLength[row]!, INT32_MAX);
      capturedLengths[at] = Math.min(block.capturedLength[row]!, INT32_MAX);
    }
    return (
      (vlanInAny === 0 ? 0 : RARE_VLAN) |
      ((presentInAny & HAS_FRAGMENT) === 0 ? 0 : RARE_FRAGMENT) |
      ((presentInAny & HAS_ICMP) === 0 ? 0 : RARE_ICMP) |
      (failureInAny === 0 ? 0 : RARE_FAILURE) |
      (extraInAny ? RARE_EXTRA : 0)
    );
  }

  private readEndpoints(block: PacketBlock, rows: Uint32Array): void {
    const { packets, hosts, sides, endpoints } = this;
    sides.fill(0, 0, hosts.size + 1);
    hosts.reset();
    for (let at = 0; at < packets; at++) {
      const row = rows[at]!;
      const source = hosts.numberOf(block, block.sourceKind[row]!, block.sourceAddress[row]!);
      const destination = hosts.numberOf(block, block.destinationKind[row]!, block.destinationAddress[row]!);
      sides[source]! |= SOURCE;
      sides[destination]! |= DESTINATION;
      endpoints[at] = (block.role[row]! << ENDPOINT_ROLE_SHIFT) | (source << ENDPOINT_SOURCE_SHIFT) | destination;
    }
  }

  private readMacs({ present, macs: bytes, macView }: PacketBlock, rows: Uint32Array): void {
    const { packets, macs, macPairs } = this;
    macs.reset();
    // Nearly always those of the packet before.
    let first = 0;
    let second = 0;
    let third = 0;
    let pair = -1;
    for (let at = 0; at < packets; at++) {
      const from = rows[at]! * 12;
      if ((present[rows[at]!]! & HAS_MACS) === 0) {
        macPairs[at] = 0;
        continue;
      }
      const w0 = macView.getInt32(from);
      const w1 = macView.getInt32(from + 4);
      const w2 = macView.getInt32(from + 8);
      if (pair < 0 || w0 !== first || w1 !== second || w2 !== third) {
        pair = (macs.numberOf(bytes, from) << PAIR_SHIFT) | macs.numberOf(bytes, from + 6);
        first = w0;
        second = w1;
        third = w2;
      }
      macPairs[at] = pair;
    }
  }

  /** ARP operations, and JSON or nothing for each packet. @returns characters of JSON */
  private readDetails(block: PacketBlock, rows: Uint32Array): number {
    const { packets, details, arpOperations } = this;
    let length = 0;
    for (let at = 0; at < packets; at++) {
      const row = rows[at]!;
      const hasExtra = block.extra[row]! >= 0 || block.applicationLength[row] !== 0;
      const extra = hasExtra ? block.extraOf(row) : null;
      arpOperations[at] = extra?.arp ? Math.min(extra.arp.operation, 0x7fff) : -1;
      details[at] = extra === null ? '' : packetDetails(extra);
      length += details[at]!.length;
    }
    return length;
  }

  private putTimes(copy: CopyBuffer, { timestamp }: PacketBlock, rows: Uint32Array): void {
    const { packets, timeOffsets } = this;
    const first = timestamp[rows[0]!]!;
    for (let at = 0; at < packets; at++) timeOffsets[at] = timestamp[rows[at]!]! - first;
    copy.putBigint(first - POSTGRES_EPOCH_MICROS);
    copy.putBigint(first + timeOffsets[packets - 1]! - POSTGRES_EPOCH_MICROS);
  }

  /** How many bytes were captured of each frame or all it has, or null when it is not that simple. */
  private capturedLimit(): number | null {
    const { packets, capturedLengths, frameLengths } = this;
    let limit = 0;
    for (let at = 0; at < packets; at++) limit = Math.max(limit, capturedLengths[at]!);
    for (let at = 0; at < packets; at++) {
      if (capturedLengths[at] !== Math.min(frameLengths[at]!, limit)) return null;
    }
    return limit;
  }

  private putAddressKeys(copy: CopyBuffer, side: number): void {
    const { hosts, keys, sides } = this;
    let addresses = 0;
    for (let number = 1; number <= hosts.size; number++) if ((sides[number]! & side) !== 0) addresses++;
    keys.reset();
    for (let number = 1; number <= hosts.size; number++) {
      if ((sides[number]! & side) === 0) continue;
      if (addresses > KEYS_MAX) {
        keys.addWidest(hosts, number - 1);
      } else {
        keys.addAddress(hosts, number - 1);
        keys.addNetworks(hosts, number - 1);
      }
    }
    keys.put(copy);
  }

  private putPortSet(copy: CopyBuffer, shift: number): void {
    const { packets, headers, ports, portsSeen, distinct } = this;
    let found = 0;
    for (let at = 0; at < packets; at++) {
      if ((headers[at]! & HEADER_PORTS) === 0) continue;
      const port = (ports[at]! >>> shift) & 0xffff;
      const bit = 1 << (port & 31);
      if ((portsSeen[port >>> 5]! & bit) !== 0) continue;
      portsSeen[port >>> 5]! |= bit;
      distinct[found++] = port;
    }
    for (let index = 0; index < found; index++) portsSeen[distinct[index]! >>> 5] = 0;
    copy.putIntegers(distinct, found > KEYS_MAX ? toRangeKeys(distinct, found) : found);
  }

  private putProtocolSet(copy: CopyBuffer): void {
    const { distinct } = this;
    let found = 0;
    for (let at = 0; at < this.packets; at++) {
      const header = this.headers[at]!;
      if ((header & HEADER_IP) === 0) continue;
      let index = 0;
      while (index < found && distinct[index] !== (header & 0xff)) index++;
      if (index === found) distinct[found++] = header & 0xff;
    }
    const start = copy.beginArray(SMALLINT_OID, found);
    for (let index = 0; index < found; index++) copy.putSmall(distinct[index]!);
    copy.endField(start);
  }

  private putRare(copy: CopyBuffer, block: PacketBlock, rows: Uint32Array, rarities: number): void {
    const { packets, rare } = this;
    const { vlan, innerVlan, present, fragmentOffset, icmpType, icmpCode, failure } = block;
    if ((rarities & RARE_VLAN) === 0) {
      copy.putNull();
    } else {
      for (let at = 0; at < packets; at++) rare[at] = (vlan[rows[at]!]! << PAIR_SHIFT) | innerVlan[rows[at]!]!;
      putColumn(copy, rare, packets);
    }
    if ((rarities & RARE_FRAGMENT) === 0) {
      copy.putNull();
    } else {
      for (let at = 0; at < packets; at++) {
        const row = rows[at]!;
        rare[at] = (present[row]! & HAS_FRAGMENT) === 0 ? -1 : fragmentOffset[row]!;
      }
      putColumn(copy, rare, packets);
    }
    if ((rarities & RARE_ICMP) === 0) {
      copy.putNull();
    } else {
      for (let at = 0; at < packets; at++) {
        const row = rows[at]!;
        rare[at] = (present[row]! & HAS_ICMP) === 0 ? -1 : (icmpType[row]! << ICMP_TYPE_SHIFT) | icmpCode[row]!;
      }
      putColumn(copy, rare, packets);
    }
    const hasExtra = (rarities & RARE_EXTRA) !== 0;
    if (hasExtra && this.arpOperations.some((operation, at) => at < packets && operation >= 0)) {
      putColumn(copy, this.arpOperations, packets);
    } else {
      copy.putNull();
    }
    if ((rarities & RARE_FAILURE) === 0) {
      copy.putNull();
    } else {
      for (let at = 0; at < packets; at++) rare[at] = failure[rows[at]!]!;
      putColumn(copy, rare, packets);
    }
    if (hasExtra) this.putDetails(copy);
    else copy.putNull();
  }

  private putDetails(copy: CopyBuffer): void {
    const { packets, details } = this;
    let at = 0;
    while (at < packets && details[at] === '') at++;
    if (at === packets) {
      copy.putNull();
      return;
    }
    const start = copy.beginArray(JSONB_OID, packets, true);
    for (at = 0; at < packets; at++) {
      if (details[at] === '') copy.putNull();
      else copy.putJson(details[at]!);
    }
    copy.endField(start);
  }
}

/** Puts the keys of their ranges in the place of the ports. @returns how many these are */
function toRangeKeys(ports: Int32Array, count: number): number {
  const keys = new Set<number>();
  for (let index = 0; index < count; index++) keys.add(portRangeKey(ports[index]!));
  let found = 0;
  for (const key of keys) ports[found++] = key;
  return found;
}

/** One element where all are the same. */
function putColumn(copy: CopyBuffer, values: Int32Array, packets: number): void {
  const first = values[0]!;
  let at = 1;
  while (at < packets && values[at] === first) at++;
  copy.putIntegers(values, at === packets ? 1 : packets);
}
