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
import { KEYS_MAX, portRangeKey, SEGMENT_PACKETS } from '../schemas/packet-table.js';
import { ADDRESSES_BYTES_MAX, AddressDictionary } from './address-dictionary.js';
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
  'hosts',
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
/** Upper bound of a row without its details: hosts, keys of both sides, MACs, 18 arrays of integers, the rest. */
const ROW_BYTES_MAX = 3 * ADDRESSES_BYTES_MAX + (32 + SEGMENT_PACKETS * 2 * 10) + 18 * (32 + SEGMENT_PACKETS * 8) + 256;

/** Bits of `headers` above the protocol, the TTL and the TCP flags. */
const HEADER_IP = 1 << 28;
const HEADER_PORTS = 1 << 29;
const HEADER_TCP = 1 << 30;
const HEADER_IP_ID = 1 << 31;

/** Bits of `sides`. */
const SOURCE = 1;
const DESTINATION = 2;

const column = (): Int32Array => new Int32Array(SEGMENT_PACKETS);

export class PacketSegment {
  packets = 0;
  /** The caller's number of each packet. */
  readonly tags = new Uint32Array(SEGMENT_PACKETS);
  private readonly hosts = new AddressDictionary();
  private readonly keys = new AddressDictionary();
  /** Which hosts are sources (bit 0) and which destinations (bit 1), by their numbers. */
  private readonly sides = new Uint8Array(2 * SEGMENT_PACKETS + 1);
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
  private readonly vlans = new RareColumn(0);
  private readonly fragmentOffsets = new RareColumn(-1);
  private readonly icmp = new RareColumn(-1);
  private readonly arpOperations = new RareColumn(-1);
  private readonly failures = new RareColumn(0);
  private readonly details: string[] = [];
  private readonly sorted = new Uint16Array(SEGMENT_PACKETS);
  private readonly distinct = column();
  private readonly order = new Uint32Array(SEGMENT_PACKETS);
  private readonly scratch = column();
  private detailsLength = 0;

  reset(): void {
    this.packets = 0;
    this.sides.fill(0, 0, this.hosts.size + 1);
    this.hosts.reset();
    this.macs.reset();
    this.details.length = 0;
    this.vlans.reset();
    this.fragmentOffsets.reset();
    this.icmp.reset();
    this.arpOperations.reset();
    this.failures.reset();
    this.detailsLength = 0;
  }

  append(block: PacketBlock, row: number, tag: number): void {
    const at = this.packets++;
    const present = block.present[row]!;
    this.tags[at] = tag;
    this.times[at] = block.timestamp[row]!;
    let header = 0;
    let ports = 0;
    if ((present & HAS_IP) !== 0) header = HEADER_IP | block.ipProtocol[row]! | (block.ttl[row]! << 8);
    if ((present & HAS_TCP) !== 0) {
      header |= HEADER_TCP | ((block.tcpFlags[row]! & 0xfff) << 16);
      this.tcpSequences[at] = block.tcpSequence[row]!;
    } else {
      this.tcpSequences[at] = 0;
    }
    if ((present & HAS_PORTS) !== 0) {
      header |= HEADER_PORTS;
      ports = (block.sourcePort[row]! << 16) | block.destinationPort[row]!;
    }
    if ((present & HAS_IP_ID) !== 0) {
      header |= HEADER_IP_ID;
      this.ipIds[at] = block.ipId[row]!;
    } else {
      this.ipIds[at] = 0;
    }
    this.headers[at] = header;
    this.ports[at] = ports;
    const source = this.hosts.numberOf(block, block.sourceKind[row]!, block.sourceAddress[row]!);
    const destination = this.hosts.numberOf(block, block.destinationKind[row]!, block.destinationAddress[row]!);
    this.sides[source]! |= SOURCE;
    this.sides[destination]! |= DESTINATION;
    this.endpoints[at] = (block.role[row]! << 24) | (source << 12) | destination;
    this.macPairs[at] =
      (present & HAS_MACS) === 0
        ? 0
        : (this.macs.numberOf(block.macs, row * 12) << 16) | this.macs.numberOf(block.macs, row * 12 + 6);
    this.etherTypes[at] = block.etherType[row]!;
    this.frameLengths[at] = Math.min(block.frameLength[row]!, INT32_MAX);
    this.capturedLengths[at] = Math.min(block.capturedLength[row]!, INT32_MAX);
    this.appendRare(block, row, at, present);
  }

  /** What few packets have; a column is filled from the first packet that has something for it. */
  private appendRare(block: PacketBlock, row: number, at: number, present: number): void {
    if ((present & HAS_FRAGMENT) !== 0) this.fragmentOffsets.set(at, block.fragmentOffset[row]!);
    if ((present & HAS_ICMP) !== 0) this.icmp.set(at, (block.icmpType[row]! << 8) | block.icmpCode[row]!);
    const vlan = (block.vlan[row]! << 16) | block.innerVlan[row]!;
    if (vlan !== 0) this.vlans.set(at, vlan);
    const failure = block.failure[row]!;
    if (failure !== 0) this.failures.set(at, failure);
    if (block.extra[row]! < 0 && block.applicationLength[row] === 0) return;
    const extra = block.extraOf(row);
    if (extra === null) return;
    if (extra.arp !== null) this.arpOperations.set(at, Math.min(extra.arp.operation, 0x7fff));
    const details = packetDetails(extra);
    if (details === '') return;
    while (this.details.length < at) this.details.push('');
    this.details.push(details);
    this.detailsLength += details.length;
  }

  /** Brings the packets into order of time, those of one microsecond as they came: readers search in it. */
  sort(): void {
    const { packets, times, order, scratch } = this;
    let ascending = 1;
    while (ascending < packets && times[ascending]! >= times[ascending - 1]!) ascending++;
    if (ascending >= packets) return;
    let first = times[0]!;
    for (let at = 1; at < packets; at++) if (times[at]! < first) first = times[at]!;
    // Ten seconds of microseconds leave eight bits for the place: as numbers they sort without a function to compare them.
    for (let at = 0; at < packets; at++) order[at] = (times[at]! - first) * SEGMENT_PACKETS + at;
    order.subarray(0, packets).sort();
    for (let at = 0; at < packets; at++) {
      times[at] = first + Math.floor(order[at]! / SEGMENT_PACKETS);
      order[at] = order[at]! % SEGMENT_PACKETS;
    }
    arrange(this.tags, order, scratch, packets);
    arrange(this.headers, order, scratch, packets);
    arrange(this.endpoints, order, scratch, packets);
    arrange(this.ports, order, scratch, packets);
    arrange(this.macPairs, order, scratch, packets);
    arrange(this.etherTypes, order, scratch, packets);
    arrange(this.frameLengths, order, scratch, packets);
    arrange(this.capturedLengths, order, scratch, packets);
    arrange(this.tcpSequences, order, scratch, packets);
    arrange(this.ipIds, order, scratch, packets);
    this.vlans.arrange(order, scratch, packets);
    this.fragmentOffsets.arrange(order, scratch, packets);
    this.icmp.arrange(order, scratch, packets);
    this.arpOperations.arrange(order, scratch, packets);
    this.failures.arrange(order, scratch, packets);
    if (this.details.length > 0) {
      const details = this.details.slice();
      for (let at = 0; at < packets; at++) this.details[at] = details[order[at]!] ?? '';
    }
  }

  /** Writes the row, its packets in order of time; it has nothing to be reset for. */
  put(copy: CopyBuffer, firstId: number, originId: number): void {
    const { packets } = this;
    copy.beginRow(SEGMENT_COLUMNS.length, ROW_BYTES_MAX + packets * 5 + 3 * this.detailsLength);
    this.putTimes(copy);
    copy.putBigint(firstId);
    copy.putInteger(originId);
    copy.putInteger(packets);
    const limit = this.capturedLimit();
    copy.putInteger(limit ?? 0);
    this.putAddressKeys(copy, SOURCE);
    this.putAddressKeys(copy, DESTINATION);
    this.putPortSet(copy, 16);
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
    this.vlans.put(copy, packets);
    this.fragmentOffsets.put(copy, packets);
    this.icmp.put(copy, packets);
    this.arpOperations.put(copy, packets);
    this.failures.put(copy, packets);
    this.putDetails(copy);
    copy.endRow();
  }

  private putTimes(copy: CopyBuffer): void {
    const first = this.times[0]!;
    const last = this.times[this.packets - 1]!;
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
    if (found > KEYS_MAX) {
      const ports = found;
      found = 0;
      for (let at = 0; at < ports; at++) {
        const key = portRangeKey(distinct[at]!);
        if (found === 0 || distinct[found - 1] !== key) distinct[found++] = key;
      }
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

/** One element where all are the same. */
function putColumn(copy: CopyBuffer, values: Int32Array, packets: number): void {
  const first = values[0]!;
  let at = 1;
  while (at < packets && values[at] === first) at++;
  copy.putIntegers(values, at === packets ? 1 : packets);
}

function arrange(values: Int32Array | Uint32Array, order: Uint32Array, scratch: Int32Array, packets: number): void {
  for (let at = 0; at < packets; at++) scratch[at] = values[at]!;
  for (let at = 0; at < packets; at++) values[at] = scratch[order[at]!]!;
}

/** A column that is null unless some packet has a value. */
class RareColumn {
  private readonly values = column();
  private used = false;

  /** @param empty of packets without a value */
  constructor(private readonly empty: number) {
    this.values.fill(empty);
  }

  reset(): void {
    if (this.used) this.values.fill(this.empty);
    this.used = false;
  }

  set(at: number, value: number): void {
    this.values[at] = value;
    this.used = true;
  }

  arrange(order: Uint32Array, scratch: Int32Array, packets: number): void {
    if (this.used) arrange(this.values, order, scratch, packets);
  }

  put(copy: CopyBuffer, packets: number): void {
    if (this.used) putColumn(copy, this.values, packets);
    else copy.putNull();
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
