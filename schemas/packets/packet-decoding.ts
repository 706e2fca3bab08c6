/**
 * Avro to a row of columns: any packet, field by field in the order of packet-batch-2.avsc, every value checked. Nearly
 * all packets go through plain-packet-decoding.ts instead, which is faster and leaves what is not plain to this.
 */
import type { AvroReader } from './avro-bytes.js';
import { type DecodeFailureName, decodeFailureCode } from './decode-failure.js';
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
  ROLE_NAMES,
} from './packet-block.js';
import { FAILURE_NAME_MAX } from './packet-encoding.js';
import { readExtra } from './packet-extra-codec.js';

const UNSIGNED_32_MAX = 0xffffffff;

/**
 * Reads the packet at the reader into a row that is not yet counted in `block`; a `fault` of the reader tells that it could
 * not. What was added to the block's addresses, extras or applications is for the caller to take back then.
 *
 * @param time the host's, from which offsets are counted
 * @param isFirst whether there is no packet before in the row before, of which link and flow could be
 */
export function readPacket(reader: AvroReader, block: PacketBlock, row: number, time: number, isFirst: boolean): void {
  const timestamp = time + reader.long();
  if (!Number.isSafeInteger(timestamp)) reader.fail('invalid');
  block.timestamp[row] = timestamp;
  const frameLength = reader.int();
  const capturedLength = frameLength - reader.int();
  block.frameLength[row] = frameLength;
  block.capturedLength[row] = capturedLength;
  if (frameLength < 0 || capturedLength < 0 || capturedLength > 0x7fffffff) reader.fail('invalid');
  let present = 0;
  if (reader.some()) present |= readLink(reader, block, row);
  else if (isFirst) reader.fail('invalid');
  else present |= copyLink(block, row);
  if (reader.some()) present |= readFlow(reader, block, row);
  else if (isFirst) reader.fail('invalid');
  else present |= copyFlow(block, row);
  const ipId = reader.long();
  if (ipId >= 0) {
    present |= HAS_IP_ID;
    block.ipId[row] = ipId;
  }
  const tcpFlags = readOptional(reader, 0xffff);
  const tcpSequence = reader.long();
  if (tcpFlags >= 0) {
    present |= HAS_TCP;
    block.tcpFlags[row] = tcpFlags;
    block.tcpSequence[row] = tcpSequence;
    if (tcpSequence < 0 || tcpSequence > UNSIGNED_32_MAX) reader.fail('invalid');
  } else if (tcpSequence !== 0) reader.fail('invalid');
  const role = reader.int();
  block.role[row] = role;
  if (ipId < -1 || ipId > UNSIGNED_32_MAX || role >>> 0 >= ROLE_NAMES.length) reader.fail('invalid');
  block.present[row] = present;
  readMore(reader, block, row);
}

/** Reads the union `more`, whose branch is next; the row is whole but for that. */
export function readMore(reader: AvroReader, block: PacketBlock, row: number): void {
  block.extra[row] = NO_EXTRA;
  block.applicationLength[row] = 0;
  block.failure[row] = 0;
  if (!reader.some()) return;
  const fragmentOffset = readOptional(reader, 0xffff);
  if (fragmentOffset >= 0) {
    block.present[row]! |= HAS_FRAGMENT;
    block.fragmentOffset[row] = fragmentOffset;
  }
  const icmpType = readOptional(reader, 0xff);
  const icmpCode = readOptional(reader, 0xff);
  if (icmpType < 0 !== icmpCode < 0) reader.fail('invalid');
  if (icmpType >= 0) {
    block.present[row]! |= HAS_ICMP;
    block.icmpType[row] = icmpType;
    block.icmpCode[row] = icmpCode;
  }
  readExtra(reader, block, row);
  if (reader.some()) block.failure[row] = decodeFailureCode(reader.string(FAILURE_NAME_MAX) as DecodeFailureName);
}

/** A number up to `max`, or -1. */
function readOptional(reader: AvroReader, max: number): number {
  const value = reader.int();
  if (value < -1 || value > max) reader.fail('invalid');
  return value;
}

function readLink(reader: AvroReader, block: PacketBlock, row: number): number {
  const present = readMac(reader, block.macs, row * 12) & readMac(reader, block.macs, row * 12 + 6);
  block.vlan[row] = reader.unsigned16();
  block.innerVlan[row] = reader.unsigned16();
  block.etherType[row] = reader.unsigned16();
  return present;
}

/** Link layer and EtherType of the row before. */
export function copyLink(block: PacketBlock, row: number): number {
  const { macWords } = block;
  const to = row * 3;
  macWords[to] = macWords[to - 3]!;
  macWords[to + 1] = macWords[to - 2]!;
  macWords[to + 2] = macWords[to - 1]!;
  block.vlan[row] = block.vlan[row - 1]!;
  block.innerVlan[row] = block.innerVlan[row - 1]!;
  block.etherType[row] = block.etherType[row - 1]!;
  return block.present[row - 1]! & HAS_MACS;
}

function readFlow(reader: AvroReader, block: PacketBlock, row: number): number {
  let present = 0;
  readDestination(reader, block, row);
  const ipProtocol = readOptional(reader, 0xff);
  const ttl = readOptional(reader, 0xff);
  if (ipProtocol < 0 !== ttl < 0) reader.fail('invalid');
  if (ipProtocol >= 0) {
    present |= HAS_IP;
    block.ipProtocol[row] = ipProtocol;
    block.ttl[row] = ttl;
  }
  const sourcePort = readOptional(reader, 0xffff);
  const destinationPort = readOptional(reader, 0xffff);
  if (sourcePort < 0 !== destinationPort < 0) reader.fail('invalid');
  if (sourcePort >= 0) {
    present |= HAS_PORTS;
    block.sourcePort[row] = sourcePort;
    block.destinationPort[row] = destinationPort;
  }
  return present;
}

/** Destination, protocol, TTL and ports of the row before. */
export function copyFlow(block: PacketBlock, row: number): number {
  block.destinationKind[row] = block.destinationKind[row - 1]!;
  block.destinationAddress[row] = block.destinationAddress[row - 1]!;
  block.ipProtocol[row] = block.ipProtocol[row - 1]!;
  block.ttl[row] = block.ttl[row - 1]!;
  block.sourcePort[row] = block.sourcePort[row - 1]!;
  block.destinationPort[row] = block.destinationPort[row - 1]!;
  return block.present[row - 1]! & (HAS_IP | HAS_PORTS);
}

function readMac(reader: AvroReader, macs: Uint8Array, to: number): number {
  const length = reader.int();
  if (length === 6) {
    const from = reader.skip(6);
    const bytes = reader.bytes;
    for (let i = 0; i < 6; i++) macs[to + i] = bytes[from + i]!;
    return HAS_MACS;
  }
  if (length !== 0) reader.fail('invalid');
  for (let i = 0; i < 6; i++) macs[to + i] = 0;
  return 0;
}

function readDestination(reader: AvroReader, block: PacketBlock, row: number): void {
  const length = reader.int();
  if (length === 4) {
    const from = reader.skip(4);
    const bytes = reader.bytes;
    block.destinationKind[row] = ADDRESS_IPV4;
    block.destinationAddress[row] =
      (bytes[from]! << 24) | (bytes[from + 1]! << 16) | (bytes[from + 2]! << 8) | bytes[from + 3]!;
  } else if (length === 16) {
    const from = reader.skip(16);
    block.destinationKind[row] = ADDRESS_IPV6;
    block.destinationAddress[row] = reader.fault === null ? block.addIpv6(reader.bytes, from) : 0;
  } else {
    if (length !== 0) reader.fail('invalid');
    block.destinationKind[row] = ADDRESS_NONE;
  }
}
