/**
 * Avro to a row of columns: any packet, field by field in the order of packet-batch-1.avsc, every value checked. Nearly
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
import { readExtra, TUNNEL_TYPES_1 } from './packet-extra-codec.js';

/**
 * Reads one packet into row `row`, every column of it but `origin` and the source. Faults are left in `reader`; an
 * address added to `block.ipv6`, an extra or an application is for the caller to take back then.
 */
export function readPacket(reader: AvroReader, block: PacketBlock, row: number, firstTimestamp: number): void {
  let present = 0;
  const timestamp = firstTimestamp + reader.long();
  if (!Number.isSafeInteger(timestamp)) reader.fail('invalid');
  block.timestamp[row] = timestamp;
  const frameLength = reader.int();
  const capturedLength = reader.int();
  block.frameLength[row] = frameLength;
  block.capturedLength[row] = capturedLength;
  present |= readMac(reader, block.macs, row * 12);
  present |= readMac(reader, block.macs, row * 12 + 6);
  const vlan = reader.int();
  const innerVlan = reader.int();
  const etherType = reader.int();
  block.vlan[row] = vlan;
  block.innerVlan[row] = innerVlan;
  block.etherType[row] = etherType;
  readDestination(reader, block, row);

  let outside = (vlan | innerVlan | etherType) >>> 16;
  // Fields that one bit of `present` stands for are null together or not at all; `outside` catches the rest.
  if (reader.some()) {
    present |= HAS_IP;
    const ipProtocol = reader.int();
    outside |= someAgain(reader);
    const ttl = reader.int();
    outside |= (ipProtocol | ttl) >>> 8;
    block.ipProtocol[row] = ipProtocol;
    block.ttl[row] = ttl;
  } else outside |= reader.int();
  if (reader.some()) {
    present |= HAS_IP_ID;
    block.ipId[row] = reader.unsigned32();
  }
  if (reader.some()) {
    present |= HAS_FRAGMENT;
    const fragmentOffset = reader.int();
    outside |= fragmentOffset >>> 16;
    block.fragmentOffset[row] = fragmentOffset;
  }
  if (reader.some()) {
    present |= HAS_PORTS;
    const sourcePort = reader.int();
    outside |= someAgain(reader);
    const destinationPort = reader.int();
    outside |= (sourcePort | destinationPort) >>> 16;
    block.sourcePort[row] = sourcePort;
    block.destinationPort[row] = destinationPort;
  } else outside |= reader.int();
  if (reader.some()) {
    present |= HAS_TCP;
    const tcpFlags = reader.int();
    outside |= someAgain(reader) | (tcpFlags >>> 16);
    block.tcpFlags[row] = tcpFlags;
    block.tcpSequence[row] = reader.unsigned32();
  } else outside |= reader.int();
  if (reader.some()) {
    present |= HAS_ICMP;
    const icmpType = reader.int();
    outside |= someAgain(reader);
    const icmpCode = reader.int();
    outside |= (icmpType | icmpCode) >>> 8;
    block.icmpType[row] = icmpType;
    block.icmpCode[row] = icmpCode;
  } else outside |= reader.int();

  const role = reader.int();
  block.role[row] = role;
  readRareParts(reader, block, row);
  block.present[row] = present;
  if (outside !== 0 || frameLength < 0 || capturedLength < 0 || role >>> 0 >= ROLE_NAMES.length) reader.fail('invalid');
}

/** 0 when the next union has its value, too. */
function someAgain(reader: AvroReader): number {
  return reader.int() ^ 1;
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

/** Reads the four unions of the extra and `failure` into a row: nearly always five zero bytes. */
export function readRareParts(reader: AvroReader, block: PacketBlock, row: number): void {
  const { bytes, at } = reader;
  block.extra[row] = NO_EXTRA;
  block.applicationLength[row] = 0;
  block.failure[row] = 0;
  if (reader.end - at >= 5 && (bytes[at]! | bytes[at + 1]! | bytes[at + 2]! | bytes[at + 3]! | bytes[at + 4]!) === 0) {
    reader.at = at + 5;
    return;
  }
  readExtra(reader, block, row, TUNNEL_TYPES_1);
  if (reader.some()) block.failure[row] = decodeFailureCode(reader.string(FAILURE_NAME_MAX) as DecodeFailureName);
}
