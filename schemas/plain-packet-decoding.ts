/**
 * Avro to columns for packets of the plain shape, which nearly all have: no extra, no application, no failure, lengths and
 * identification of 16 bits, near in time, and not at the very end of the bytes. Without a call a field and a check of
 * the end a byte it is three times as fast as packet-decoding.ts, which takes whatever this leaves; a test holds both to
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
  NO_EXTRA,
  type PacketBlock,
} from './packet-block.js';
import { PACKET_BYTES_MAX } from './packet-encoding.js';

/** The largest results of `peek16` that are numbers of 8 bits, and of the two bits of a role. */
const PEEKED_8_MAX = (0xff << 2) | 3;
const ROLE_ZIGZAG_MAX = 6;

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
 * `reader` stands at its packet then, and of that row nothing counts.
 */
export function readPlainPackets(
  reader: AvroReader,
  block: PacketBlock,
  firstRow: number,
  end: number,
  firstTimestamp: number,
): number {
  const { bytes } = reader;
  // Bytes behind the record's own may be read, but for nothing.
  const lastStart = bytes.length - PACKET_BYTES_MAX;
  let row = firstRow;
  while (row < end && reader.at <= lastStart) {
    const next = readPlainPacket(bytes, reader.at, reader.end, block, row, firstTimestamp);
    if (next < 0) break;
    reader.at = next;
    row++;
  }
  return row;
}

/** Where the packet ends, or a negative number when it is not plain; no more than `PACKET_BYTES_MAX` bytes are read. */
function readPlainPacket(
  bytes: Buffer,
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
    if (shift > 21) return -1;
    byte = bytes[at++]!;
    zigzag |= (byte & 0x7f) << shift;
  }
  block.timestamp[row] = firstTimestamp + ((zigzag >>> 1) ^ -(zigzag & 1));
  const frameLength = peek16(bytes, at);
  at += frameLength & 3;
  const capturedLength = peek16(bytes, at);
  at += capturedLength & 3;
  block.frameLength[row] = frameLength >>> 2;
  block.capturedLength[row] = capturedLength >>> 2;

  let present = 0;
  const { macs } = block;
  const to = row * 12;
  if (bytes[at] === 12 && bytes[at + 7] === 12) {
    present = HAS_MACS;
    for (let i = 0; i < 6; i++) macs[to + i] = bytes[at + 1 + i]!;
    for (let i = 6; i < 12; i++) macs[to + i] = bytes[at + 2 + i]!;
    at += 14;
  } else {
    if ((bytes[at]! | bytes[at + 1]!) !== 0) return -1;
    for (let i = 0; i < 12; i++) macs[to + i] = 0;
    at += 2;
  }
  const vlan = peek16(bytes, at);
  at += vlan & 3;
  const innerVlan = peek16(bytes, at);
  at += innerVlan & 3;
  const etherType = peek16(bytes, at);
  at += etherType & 3;
  block.vlan[row] = vlan >>> 2;
  block.innerVlan[row] = innerVlan >>> 2;
  block.etherType[row] = etherType >>> 2;
  if ((frameLength | capturedLength | vlan | innerVlan | etherType) < 0) return -1;

  const destination = at;
  const zigzagLength = bytes[at]!;
  if (zigzagLength === 8) {
    block.destinationAddress[row] =
      (bytes[at + 1]! << 24) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 8) | bytes[at + 4]!;
  } else if (zigzagLength !== 32 && zigzagLength !== 0) return -1;
  at += 1 + (zigzagLength >>> 1);
  at = readOptionalFields(bytes, at, block, row, present);
  if (at < 0 || at + 6 > end || bytes[at]! > ROLE_ZIGZAG_MAX || (bytes[at]! & 1) !== 0) return -1;
  block.role[row] = bytes[at]! >>> 1;
  if ((bytes[at + 1]! | bytes[at + 2]! | bytes[at + 3]! | bytes[at + 4]! | bytes[at + 5]!) !== 0) return -1;
  block.extra[row] = NO_EXTRA;
  block.applicationLength[row] = 0;
  block.failure[row] = 0;
  // The address is added last: a packet that turns out not to be plain must leave none behind.
  if (zigzagLength === 8) block.destinationKind[row] = ADDRESS_IPV4;
  else if (zigzagLength === 32) {
    block.destinationKind[row] = ADDRESS_IPV6;
    block.destinationAddress[row] = block.addIpv6(bytes, destination + 1);
  } else block.destinationKind[row] = ADDRESS_NONE;
  return at + 6;
}

/** The unions from `ipProtocol` to `icmpCode`, and `present`. */
function readOptionalFields(
  bytes: Buffer,
  start: number,
  block: PacketBlock,
  row: number,
  presentBefore: number,
): number {
  let at = start;
  let present = presentBefore;
  if (bytes[at] === 2) {
    present |= HAS_IP;
    const ipProtocol = peek16(bytes, at + 1);
    at += 1 + (ipProtocol & 3);
    const ttl = peek16(bytes, at + 1);
    if (bytes[at] !== 2 || (ipProtocol | ttl) < 0 || ipProtocol > PEEKED_8_MAX || ttl > PEEKED_8_MAX) return -1;
    at += 1 + (ttl & 3);
    block.ipProtocol[row] = ipProtocol >>> 2;
    block.ttl[row] = ttl >>> 2;
  } else {
    if ((bytes[at]! | bytes[at + 1]!) !== 0) return -1;
    at += 2;
  }
  if (bytes[at] === 2) {
    present |= HAS_IP_ID;
    const ipId = peek16(bytes, at + 1);
    if (ipId < 0) return -1;
    at += 1 + (ipId & 3);
    block.ipId[row] = ipId >>> 2;
  } else if (bytes[at++] !== 0) return -1;
  if (bytes[at] === 2) {
    present |= HAS_FRAGMENT;
    const fragmentOffset = peek16(bytes, at + 1);
    if (fragmentOffset < 0) return -1;
    at += 1 + (fragmentOffset & 3);
    block.fragmentOffset[row] = fragmentOffset >>> 2;
  } else if (bytes[at++] !== 0) return -1;
  if (bytes[at] === 2) {
    present |= HAS_PORTS;
    const sourcePort = peek16(bytes, at + 1);
    at += 1 + (sourcePort & 3);
    const destinationPort = peek16(bytes, at + 1);
    if (bytes[at] !== 2 || (sourcePort | destinationPort) < 0) return -1;
    at += 1 + (destinationPort & 3);
    block.sourcePort[row] = sourcePort >>> 2;
    block.destinationPort[row] = destinationPort >>> 2;
  } else {
    if ((bytes[at]! | bytes[at + 1]!) !== 0) return -1;
    at += 2;
  }
  if (bytes[at] === 2) {
    present |= HAS_TCP;
    const tcpFlags = peek16(bytes, at + 1);
    at += 1 + (tcpFlags & 3);
    if (bytes[at] !== 2 || tcpFlags < 0 || (bytes[at + 1]! & 1) !== 0) return -1;
    block.tcpFlags[row] = tcpFlags >>> 2;
    let byte = bytes[at + 1]!;
    let sequence = (byte & 0x7e) >>> 1;
    at += 2;
    for (let shift = 6; byte >= 0x80; shift += 7) {
      if (shift > 27) return -1;
      byte = bytes[at++]!;
      if (shift === 27 && byte > 0x1f) return -1;
      sequence |= (byte & 0x7f) << shift;
    }
    block.tcpSequence[row] = sequence;
  } else {
    if ((bytes[at]! | bytes[at + 1]!) !== 0) return -1;
    at += 2;
  }
  if (bytes[at] === 2) {
    present |= HAS_ICMP;
    const icmpType = peek16(bytes, at + 1);
    at += 1 + (icmpType & 3);
    const icmpCode = peek16(bytes, at + 1);
    if (bytes[at] !== 2 || (icmpType | icmpCode) < 0 || icmpType > PEEKED_8_MAX || icmpCode > PEEKED_8_MAX) return -1;
    at += 1 + (icmpCode & 3);
    block.icmpType[row] = icmpType >>> 2;
    block.icmpCode[row] = icmpCode >>> 2;
  } else {
    if ((bytes[at]! | bytes[at + 1]!) !== 0) return -1;
    at += 2;
  }
  block.present[row] = present;
  return at;
}
