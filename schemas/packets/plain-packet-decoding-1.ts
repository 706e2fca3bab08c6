/**
 * Avro to columns for packets of the plain shape, which nearly all have: lengths and identification of 16 bits, near in
 * time, and not at the very end of the bytes. Without a call a field and a check of
 * the end a byte, and with several bytes at once where they are mostly the same, it is four times as fast as packet-decoding.ts, which takes whatever this leaves; a test holds both to
 * the same rows.
 */
import type { AvroReader } from './avro-bytes.js';
import {
  ADDRESS_IPV4,
  ADDRESS_IPV6,
  ADDRESS_NONE,
  HAS_FRAGMENT,
  HAS_ICMP,
  HAS_IP,
  HAS_IP_ID,
  HAS_MACS,
  HAS_PORTS,
  HAS_TCP,
  LITTLE_ENDIAN,
  NO_EXTRA,
  type PacketBlock,
} from './packet-block.js';
import { readRareParts } from './packet-decoding-1.js';
import { PACKET_BYTES_MAX } from './packet-encoding.js';

/** The largest results of `peek16` that are numbers of 8 bits, and of the two bits of a role. */
const PEEKED_8_MAX = (0xff << 2) | 3;
const ROLE_ZIGZAG_MAX = 6;
/** Four bytes at once, the first the lowest: no VLAN, no inner VLAN, and EtherType 0x0800. */
const UNTAGGED_IPV4 = 0x2080_0000;
/** The same with EtherType 0x86dd, whose last byte is the fifth. */
const UNTAGGED_IPV6 = 0x9bba_0000 | 0;
const UNTAGGED_IPV6_END = 0x04;

/** Answer for a packet that is left to packet-decoding.ts. */
const NOT_PLAIN = -1;

/** Of each of four bytes the bit that says that the number goes on. */
const CONTINUED = 0x8080_8080 | 0;

/** The bytes that were read last, mostly those of many records, and a view of them: to make one costs as much as a packet. */
let lastBytes: Buffer | null = null;
let lastView: DataView = new DataView(new ArrayBuffer(0));

/**
 * The `int` at `at`: the number in the upper bits, its length of 1 to 3 bytes in the lowest two. Negative when it is not
 * a number of 16 bits.
 */
function peek16(bytes: Buffer, at: number): number {
  const first = bytes[at]!;
  if ((first & 1) !== 0) return -1;
  if (first < 0x80) return (first << 1) | 1;
  const second = bytes[at + 1]!;
  if (second < 0x80) return ((first & 0x7e) << 1) | (second << 8) | 2;
  const third = bytes[at + 2]!;
  return third < 8 ? ((first & 0x7e) << 1) | ((second & 0x7f) << 8) | (third << 15) | 3 : -1;
}

/**
 * Reads packets into the rows `firstRow … end - 1` as long as they are plain, and returns the first row it left:
 * `reader` stands at its packet then, or has a fault, and of that row nothing counts.
 */
export function readPlainPackets(
  reader: AvroReader,
  block: PacketBlock,
  firstRow: number,
  end: number,
  firstTimestamp: number,
): number {
  const { bytes } = reader;
  if (bytes !== lastBytes) {
    lastView = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    lastBytes = bytes;
  }
  const view = lastView;
  // Bytes behind the record's own may be read, but for nothing.
  const lastStart = bytes.length - PACKET_BYTES_MAX;
  let row = firstRow;
  while (row < end && reader.at <= lastStart) {
    const next = readPlainPacket(bytes, view, reader.at, reader.end, block, row, firstTimestamp);
    if (next === NOT_PLAIN) break;
    if (next > 0) reader.at = next;
    else {
      reader.at = ~next;
      readRareParts(reader, block, row);
      if (reader.fault !== null) break;
    }
    row++;
  }
  return row;
}

/**
 * Reads one packet, at most `PACKET_BYTES_MAX` bytes.
 *
 * @returns where it ends, or the complement of where its rare parts begin, which are left, or `NOT_PLAIN`.
 *
 * Columns are written through typed arrays only, and nearly nothing is called: V8 forgets all that it knows of every
 * array at a write through a DataView and at a call, and looks it up again for each access that follows.
 */
// biome-ignore lint/complexity/noExcessiveLinesPerFunction: nothing is called on the way, as said above
function readPlainPacket(
  bytes: Buffer,
  view: DataView,
  start: number,
  end: number,
  block: PacketBlock,
  row: number,
  firstTimestamp: number,
): number {
  let at = start;
  let byte = bytes[at++]!;
  let zigzag = byte & 0x7f;
  for (let shift = 7; byte >= 0x80; shift += 7) {
    if (shift > 21) return NOT_PLAIN;
    byte = bytes[at++]!;
    zigzag |= (byte & 0x7f) << shift;
  }
  block.timestamp[row] = firstTimestamp + ((zigzag >>> 1) ^ -(zigzag & 1));
  const frameLength = peek16(bytes, at);
  at += frameLength & 3;
  const capturedLength = peek16(bytes, at);
  at += capturedLength & 3;
  if ((frameLength | capturedLength) < 0) return NOT_PLAIN;
  block.frameLength[row] = frameLength >>> 2;
  block.capturedLength[row] = capturedLength >>> 2;

  let present = 0;
  const { macWords } = block;
  const to = row * 3;
  if (bytes[at] === 12 && bytes[at + 7] === 12) {
    present = HAS_MACS;
    const sourceEnd = view.getUint16(at + 5, LITTLE_ENDIAN);
    const destinationStart = view.getUint16(at + 8, LITTLE_ENDIAN);
    macWords[to] = view.getInt32(at + 1, LITTLE_ENDIAN);
    macWords[to + 1] = LITTLE_ENDIAN ? sourceEnd | (destinationStart << 16) : (sourceEnd << 16) | destinationStart;
    macWords[to + 2] = view.getInt32(at + 10, LITTLE_ENDIAN);
    at += 14;
  } else {
    if ((bytes[at]! | bytes[at + 1]!) !== 0) return NOT_PLAIN;
    macWords[to] = 0;
    macWords[to + 1] = 0;
    macWords[to + 2] = 0;
    at += 2;
  }
  const link = view.getInt32(at, true);
  if (link === UNTAGGED_IPV4) {
    block.vlan[row] = 0;
    block.innerVlan[row] = 0;
    block.etherType[row] = 0x0800;
    at += 4;
  } else if (link === UNTAGGED_IPV6 && bytes[at + 4] === UNTAGGED_IPV6_END) {
    block.vlan[row] = 0;
    block.innerVlan[row] = 0;
    block.etherType[row] = 0x86dd;
    at += 5;
  } else {
    const vlan = peek16(bytes, at);
    at += vlan & 3;
    const innerVlan = peek16(bytes, at);
    at += innerVlan & 3;
    const etherType = peek16(bytes, at);
    at += etherType & 3;
    if ((vlan | innerVlan | etherType) < 0) return NOT_PLAIN;
    block.vlan[row] = vlan >>> 2;
    block.innerVlan[row] = innerVlan >>> 2;
    block.etherType[row] = etherType >>> 2;
  }

  const destination = at;
  const zigzagLength = bytes[at]!;
  if (zigzagLength === 8) {
    block.destinationAddress[row] = view.getInt32(at + 1);
  } else if (zigzagLength !== 32 && zigzagLength !== 0) return NOT_PLAIN;
  at += 1 + (zigzagLength >>> 1);

  if (bytes[at] === 2) {
    present |= HAS_IP;
    const ipProtocol = peek16(bytes, at + 1);
    at += 1 + (ipProtocol & 3);
    const ttl = peek16(bytes, at + 1);
    if (bytes[at] !== 2 || (ipProtocol | ttl) < 0 || ipProtocol > PEEKED_8_MAX || ttl > PEEKED_8_MAX) return NOT_PLAIN;
    at += 1 + (ttl & 3);
    block.ipProtocol[row] = ipProtocol >>> 2;
    block.ttl[row] = ttl >>> 2;
  } else {
    if ((bytes[at]! | bytes[at + 1]!) !== 0) return NOT_PLAIN;
    at += 2;
  }
  if (bytes[at] === 2) {
    present |= HAS_IP_ID;
    const ipId = peek16(bytes, at + 1);
    if (ipId < 0) return NOT_PLAIN;
    at += 1 + (ipId & 3);
    block.ipId[row] = ipId >>> 2;
  } else if (bytes[at++] !== 0) return NOT_PLAIN;
  if (bytes[at] === 2) {
    present |= HAS_FRAGMENT;
    const fragmentOffset = peek16(bytes, at + 1);
    if (fragmentOffset < 0) return NOT_PLAIN;
    at += 1 + (fragmentOffset & 3);
    block.fragmentOffset[row] = fragmentOffset >>> 2;
  } else if (bytes[at++] !== 0) return NOT_PLAIN;
  if (bytes[at] === 2) {
    present |= HAS_PORTS;
    const sourcePort = peek16(bytes, at + 1);
    at += 1 + (sourcePort & 3);
    const destinationPort = peek16(bytes, at + 1);
    if (bytes[at] !== 2 || (sourcePort | destinationPort) < 0) return NOT_PLAIN;
    at += 1 + (destinationPort & 3);
    block.sourcePort[row] = sourcePort >>> 2;
    block.destinationPort[row] = destinationPort >>> 2;
  } else {
    if ((bytes[at]! | bytes[at + 1]!) !== 0) return NOT_PLAIN;
    at += 2;
  }
  if (bytes[at] === 2) {
    present |= HAS_TCP;
    const tcpFlags = peek16(bytes, at + 1);
    at += 1 + (tcpFlags & 3);
    if (bytes[at] !== 2 || tcpFlags < 0 || (bytes[at + 1]! & 1) !== 0) return NOT_PLAIN;
    block.tcpFlags[row] = tcpFlags >>> 2;
    const word = view.getInt32(at + 1, true);
    if ((word & CONTINUED) === CONTINUED) {
      const last = bytes[at + 5]!;
      if (last > 0x1f) return NOT_PLAIN;
      block.tcpSequence[row] =
        ((word & 0x7e) >>> 1) |
        ((word & 0x7f00) >>> 2) |
        ((word & 0x7f_0000) >>> 3) |
        ((word & 0x7f00_0000) >>> 4) |
        (last << 27);
      at += 6;
    } else {
      let byte = bytes[at + 1]!;
      let sequence = (byte & 0x7e) >>> 1;
      at += 2;
      for (let shift = 6; byte >= 0x80; shift += 7) {
        byte = bytes[at++]!;
        sequence |= (byte & 0x7f) << shift;
      }
      block.tcpSequence[row] = sequence;
    }
  } else {
    if ((bytes[at]! | bytes[at + 1]!) !== 0) return NOT_PLAIN;
    at += 2;
  }
  if (bytes[at] === 2) {
    present |= HAS_ICMP;
    const icmpType = peek16(bytes, at + 1);
    at += 1 + (icmpType & 3);
    const icmpCode = peek16(bytes, at + 1);
    if (bytes[at] !== 2 || (icmpType | icmpCode) < 0 || icmpType > PEEKED_8_MAX || icmpCode > PEEKED_8_MAX)
      return NOT_PLAIN;
    at += 1 + (icmpCode & 3);
    block.icmpType[row] = icmpType >>> 2;
    block.icmpCode[row] = icmpCode >>> 2;
  } else {
    if ((bytes[at]! | bytes[at + 1]!) !== 0) return NOT_PLAIN;
    at += 2;
  }
  block.present[row] = present;

  const role = bytes[at]!;
  if (at + 6 > end || role > ROLE_ZIGZAG_MAX || (role & 1) !== 0) return NOT_PLAIN;
  block.role[row] = role >>> 1;
  // The address is added once nothing can turn out not to be plain any more, which must leave none behind.
  if (zigzagLength === 8) block.destinationKind[row] = ADDRESS_IPV4;
  else if (zigzagLength === 32) {
    block.destinationKind[row] = ADDRESS_IPV6;
    block.destinationAddress[row] = block.addIpv6From(view, destination + 1);
  } else block.destinationKind[row] = ADDRESS_NONE;
  if ((view.getInt32(at + 1, true) | bytes[at + 5]!) !== 0) return ~(at + 1);
  block.extra[row] = NO_EXTRA;
  block.applicationLength[row] = 0;
  block.failure[row] = 0;
  return at + 6;
}
