/**
 * Up to 256 packets of one origin and one ten seconds, column by column, and how they are written as a row of
 * packet_segments (sinks/migrations/0009_packet_segments.sql says what each column holds).
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
} from '../schemas/packet-block.js';
import { SEGMENT_PACKETS } from '../schemas/packet-table.js';
import { AddressDictionary } from './address-dictionary.js';
import type { CopyBuffer } from './copy-buffer.js';
import { packetDetails } from './packet-details.js';

export const SEGMENT_COLUMNS = [
  'first_at',
  'last_at',
  'first_id',
  'origin_id',
  'packets',
  'captured_limit',
  'sources',
  'destinations',
  'source_ports',
  'destination_ports',
  'ip_protocols',
  'macs',
  'time_offsets',
  'headers',
  'endpoints',
  'ports',
  'mac_pairs',
  'ether_types',
  'frame_lengths',
  'tcp_sequences',
  'ip_ids',
  'captured_lengths',
  'vlans',
  'fragment_offsets',
  'icmp',
  'arp_operations',
  'failures',
  'details',
] as const;

/** µs from 1970-01-01 to 2000-01-01 UTC, where timestamptz counts from. */
const POSTGRES_EPOCH_MICROS = 946_684_800_000_000;
/** Greatest integer of Postgres; only a damaged capture has a longer frame. */
const INT32_MAX = 0x7fffffff;
const SMALLINT_OID = 21;
const MACADDR_OID = 829;
const JSONB_OID = 3802;
/** Upper bound of a row without its details: two dictionaries, the MACs, 16 arrays of integers, three sets, the rest. */
const ROW_BYTES_MAX =
  2 * (32 + 4 * SEGMENT_PACKETS * 24) + SEGMENT_PACKETS * 2 * 10 + 19 * (32 + SEGMENT_PACKETS * 8) + 256;

/** Bits of `headers` above the protocol, the TTL and the TCP flags. */
const HEADER_IP = 1 << 28;
const HEADER_PORTS = 1 << 29;
const HEADER_TCP = 1 << 30;
const HEADER_IP_ID = 1 << 31;

const column = (): Int32Array => new Int32Array(SEGMENT_PACKETS);

export class PacketSegment {
  packets = 0;
  /** The caller's number of each packet. */
  readonly tags = new Uint32Array(SEGMENT_PACKETS);
  private readonly sources = new AddressDictionary();
  private readonly destinations = new AddressDictionary();
  private readonly macs = new MacDictionary();
  private readonly times = new Float64Array(SEGMENT_PACKETS);
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
  private readonly vlans = column();
  private readonly fragmentOffsets = column();
  private readonly icmp = column();
  private readonly arpOperations = column();
  private readonly failures = column();
  private readonly details: string[] = [];
  private readonly sorted = new Uint16Array(SEGMENT_PACKETS);
  private readonly distinct = column();
  /** Bits of the above that any packet has. */
  private present = 0;
  private hasVlan = false;
  private hasArp = false;
  private hasFailure = false;
  private detailsLength = 0;

  reset(): void {
    this.packets = 0;
    this.sources.reset();
    this.destinations.reset();
    this.macs.reset();
    this.details.length = 0;
    this.present = 0;
    this.hasVlan = this.hasArp = this.hasFailure = false;
    this.detailsLength = 0;
  }

  append(block: PacketBlock, row: number, tag: number): void {
    const at = this.packets++;
    const present = block.present[row]!;
    this.present |= present;
    this.tags[at] = tag;
    this.times[at] = block.timestamp[row]!;
    let header = 0;
    if ((present & HAS_IP) !== 0) header = HEADER_IP | block.ipProtocol[row]! | (block.ttl[row]! << 8);
    if ((present & HAS_TCP) !== 0) header |= HEADER_TCP | ((block.tcpFlags[row]! & 0xfff) << 16);
    if ((present & HAS_PORTS) !== 0) header |= HEADER_PORTS;
    if ((present & HAS_IP_ID) !== 0) header |= HEADER_IP_ID;
    this.headers[at] = header;
    const source = this.sources.numberOf(block, block.sourceKind[row]!, block.sourceAddress[row]!);
    const destination = this.destinations.numberOf(block, block.destinationKind[row]!, block.destinationAddress[row]!);
    this.endpoints[at] = (block.role[row]! << 24) | (source << 12) | destination;
    this.ports[at] = (present & HAS_PORTS) === 0 ? 0 : (block.sourcePort[row]! << 16) | block.destinationPort[row]!;
    this.macPairs[at] =
      (present & HAS_MACS) === 0
        ? 0
        : (this.macs.numberOf(block.macs, row * 12) << 16) | this.macs.numberOf(block.macs, row * 12 + 6);
    this.etherTypes[at] = block.etherType[row]!;
    this.frameLengths[at] = Math.min(block.frameLength[row]!, INT32_MAX);
    this.capturedLengths[at] = Math.min(block.capturedLength[row]!, INT32_MAX);
    this.tcpSequences[at] = (present & HAS_TCP) === 0 ? 0 : block.tcpSequence[row]!;
    this.ipIds[at] = (present & HAS_IP_ID) === 0 ? 0 : block.ipId[row]!;
    this.appendRare(block, row, at, present);
  }

  /** What few packets have. */
  private appendRare(block: PacketBlock, row: number, at: number, present: number): void {
    this.vlans[at] = (block.vlan[row]! << 16) | block.innerVlan[row]!;
    if (this.vlans[at] !== 0) this.hasVlan = true;
    this.fragmentOffsets[at] = (present & HAS_FRAGMENT) === 0 ? -1 : block.fragmentOffset[row]!;
    this.icmp[at] = (present & HAS_ICMP) === 0 ? -1 : (block.icmpType[row]! << 8) | block.icmpCode[row]!;
    this.failures[at] = block.failure[row]!;
    if (this.failures[at] !== 0) this.hasFailure = true;
    this.arpOperations[at] = -1;
    if (block.extra[row]! < 0 && block.applicationLength[row] === 0) return;
    const extra = block.extraOf(row);
    if (extra === null) return;
    if (extra.arp !== null) {
      this.arpOperations[at] = Math.min(extra.arp.operation, 0x7fff);
      this.hasArp = true;
    }
    const details = packetDetails(extra);
    if (details === '') return;
    while (this.details.length < at) this.details.push('');
    this.details.push(details);
    this.detailsLength += details.length;
  }

  /** Writes the row; it has nothing to be reset for. */
  put(copy: CopyBuffer, firstId: number, originId: number): void {
    const { packets } = this;
    copy.beginRow(SEGMENT_COLUMNS.length, ROW_BYTES_MAX + packets * 5 + 3 * this.detailsLength);
    this.putTimes(copy);
    copy.putBigint(firstId);
    copy.putInteger(originId);
    copy.putInteger(packets);
    const limit = this.capturedLimit();
    copy.putInteger(limit ?? 0);
    this.sources.addNetworks();
    this.sources.put(copy);
    this.destinations.addNetworks();
    this.destinations.put(copy);
    this.putPortSet(copy, 16);
    this.putPortSet(copy, 0);
    this.putProtocolSet(copy);
    this.macs.put(copy);
    this.putColumn(copy, this.timeOffsets);
    this.putColumn(copy, this.headers);
    this.putColumn(copy, this.endpoints);
    this.putColumn(copy, this.ports);
    this.putColumn(copy, this.macPairs);
    this.putColumn(copy, this.etherTypes);
    this.putColumn(copy, this.frameLengths);
    this.putColumn(copy, this.tcpSequences);
    this.putColumn(copy, this.ipIds);
    this.putRare(copy, this.capturedLengths, limit === null);
    this.putRare(copy, this.vlans, this.hasVlan);
    this.putRare(copy, this.fragmentOffsets, (this.present & HAS_FRAGMENT) !== 0);
    this.putRare(copy, this.icmp, (this.present & HAS_ICMP) !== 0);
    this.putRare(copy, this.arpOperations, this.hasArp);
    this.putRare(copy, this.failures, this.hasFailure);
    this.putDetails(copy);
    copy.endRow();
  }

  private putTimes(copy: CopyBuffer): void {
    let first = this.times[0]!;
    let last = first;
    for (let at = 1; at < this.packets; at++) {
      const time = this.times[at]!;
      if (time < first) first = time;
      if (time > last) last = time;
    }
    for (let at = 0; at < this.packets; at++) this.timeOffsets[at] = this.times[at]! - first;
    copy.putBigint(first - POSTGRES_EPOCH_MICROS);
    copy.putBigint(last - POSTGRES_EPOCH_MICROS);
  }

  /** How many bytes were captured of each frame or all it has, or null when it is not that simple. */
  private capturedLimit(): number | null {
    let limit = 0;
    for (let at = 0; at < this.packets; at++) limit = Math.max(limit, this.capturedLengths[at]!);
    for (let at = 0; at < this.packets; at++) {
      if (this.capturedLengths[at] !== Math.min(this.frameLengths[at]!, limit)) return null;
    }
    return limit;
  }

  private putPortSet(copy: CopyBuffer, shift: number): void {
    const { sorted, distinct } = this;
    let count = 0;
    for (let at = 0; at < this.packets; at++) {
      if ((this.headers[at]! & HEADER_PORTS) !== 0) sorted[count++] = this.ports[at]! >>> shift;
    }
    sorted.subarray(0, count).sort();
    let found = 0;
    for (let at = 0; at < count; at++) {
      if (at === 0 || sorted[at] !== sorted[at - 1]) distinct[found++] = sorted[at]!;
    }
    copy.putIntegers(distinct, found);
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

  /** One element where all are the same. */
  private putColumn(copy: CopyBuffer, values: Int32Array): void {
    const first = values[0]!;
    let at = 1;
    while (at < this.packets && values[at] === first) at++;
    copy.putIntegers(values, at === this.packets ? 1 : this.packets);
  }

  private putRare(copy: CopyBuffer, values: Int32Array, present: boolean): void {
    if (present) this.putColumn(copy, values);
    else copy.putNull();
  }

  private putDetails(copy: CopyBuffer): void {
    if (this.details.length === 0) {
      copy.putNull();
      return;
    }
    const start = copy.beginArray(JSONB_OID, this.packets, true);
    for (let at = 0; at < this.packets; at++) {
      const details = this.details[at] ?? '';
      if (details === '') copy.putNull();
      else copy.putJson(details);
    }
    copy.endField(start);
  }
}

/** The distinct MACs of a segment, numbered from 1. There are few: those of routers, or of the hosts of one link. */
class MacDictionary {
  private count = 0;
  private readonly bytes = new Uint8Array(SEGMENT_PACKETS * 2 * 6);

  reset(): void {
    this.count = 0;
  }

  numberOf(macs: Uint8Array, from: number): number {
    const { bytes } = this;
    for (let index = this.count - 1; index >= 0; index--) {
      const at = index * 6;
      // The last bytes differ first.
      if (
        bytes[at + 5] === macs[from + 5] &&
        bytes[at + 4] === macs[from + 4] &&
        bytes[at + 3] === macs[from + 3] &&
        bytes[at + 2] === macs[from + 2] &&
        bytes[at + 1] === macs[from + 1] &&
        bytes[at] === macs[from]
      ) {
        return index + 1;
      }
    }
    for (let index = 0; index < 6; index++) bytes[this.count * 6 + index] = macs[from + index]!;
    return ++this.count;
  }

  put(copy: CopyBuffer): void {
    const start = copy.beginArray(MACADDR_OID, this.count);
    for (let index = 0; index < this.count; index++) copy.putBytes(this.bytes, index * 6, index * 6 + 6);
    copy.endField(start);
  }
}
