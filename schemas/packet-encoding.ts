/**
 * Rows of columns to Avro, field by field in the order of packet-batch-1.avsc. Hot: it runs once a packet, so it is flat
 * and allocates nothing.
 */
import { putInt, putLong, putString, putUnsigned32 } from './avro-bytes.js';
import { DECODE_FAILURES } from './decode-failure.js';
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
} from './packet-block.js';
import { putExtra } from './packet-extra-codec.js';

/** More bytes than a packet without extra can take. */
export const PACKET_BYTES_MAX = 192;
/** Fewer bytes than any packet takes: 25 fields of at least one byte. */
export const PACKET_BYTES_MIN = 25;
/** The longest name of a decode failure, bytes. */
export const FAILURE_NAME_MAX = 64;

const INT_MAX = 0x7fffffff;

/**
 * The encodings of 0 to 65,535: up to three bytes, the first the lowest, and their number in the highest. Looked up
 * rather than computed: most fields are such numbers, and the loop with its branches took twice the time.
 */
const VARINT_16 = new Uint32Array(0x10000);
for (let value = 0; value < VARINT_16.length; value++) {
  const bytes = new Uint8Array(4);
  bytes[3] = putInt(bytes, 0, value);
  VARINT_16[value] = bytes[0]! | (bytes[1]! << 8) | (bytes[2]! << 16) | (bytes[3]! << 24);
}

/** Writes 0 to 65,535; up to two bytes after it are overwritten. */
function put16(bytes: Buffer, at: number, value: number): number {
  const encoding = VARINT_16[value]!;
  bytes[at] = encoding;
  bytes[at + 1] = encoding >>> 8;
  bytes[at + 2] = encoding >>> 16;
  return at + (encoding >>> 24);
}

/**
 * Writes the rows `rows[from … to)` at `start` and returns where they end; the caller has reserved `PACKET_BYTES_MAX`
 * for each and one more, and `EXTRA_BYTES_MAX` for each that has an extra.
 */
export function putPackets(
  bytes: Buffer,
  start: number,
  block: PacketBlock,
  rows: ArrayLike<number>,
  from: number,
  to: number,
  firstTimestamp: number,
): number {
  const { timestamp, frameLength, capturedLength, macs, vlan, innerVlan, etherType, role, extra, failure } = block;
  let at = start;
  for (let index = from; index < to; index++) {
    const row = rows[index]!;
    const present = block.present[row]!;
    at = putOffset(bytes, at, timestamp[row]!, firstTimestamp);
    at = putLength(bytes, at, frameLength[row]!);
    at = putLength(bytes, at, capturedLength[row]!);
    at = (present & HAS_MACS) !== 0 ? putMacs(bytes, at, macs, row * 12) : putTwoZeros(bytes, at);
    at = put16(bytes, at, vlan[row]!);
    at = put16(bytes, at, innerVlan[row]!);
    at = put16(bytes, at, etherType[row]!);
    at = putDestination(bytes, at, block, row);
    at = putOptionalFields(bytes, at, block, row, present);
    bytes[at++] = role[row]! << 1;
    if (extra[row]! < 0 && failure[row] === 0) {
      bytes[at] = bytes[at + 1] = bytes[at + 2] = bytes[at + 3] = bytes[at + 4] = 0;
      at += 5;
    } else at = putRareParts(bytes, at, block, row);
  }
  return at;
}

/** The unions from `ipProtocol` to `icmpCode`. */
function putOptionalFields(bytes: Buffer, start: number, block: PacketBlock, row: number, present: number): number {
  let at = start;
  if ((present & HAS_IP) !== 0) {
    bytes[at] = 2;
    at = put16(bytes, at + 1, block.ipProtocol[row]!);
    bytes[at] = 2;
    at = put16(bytes, at + 1, block.ttl[row]!);
  } else at = putTwoZeros(bytes, at);
  if ((present & HAS_IP_ID) !== 0) {
    bytes[at] = 2;
    at = putUnsigned32(bytes, at + 1, block.ipId[row]!);
  } else bytes[at++] = 0;
  if ((present & HAS_FRAGMENT) !== 0) {
    bytes[at] = 2;
    at = put16(bytes, at + 1, block.fragmentOffset[row]!);
  } else bytes[at++] = 0;
  if ((present & HAS_PORTS) !== 0) {
    bytes[at] = 2;
    at = put16(bytes, at + 1, block.sourcePort[row]!);
    bytes[at] = 2;
    at = put16(bytes, at + 1, block.destinationPort[row]!);
  } else at = putTwoZeros(bytes, at);
  if ((present & HAS_TCP) !== 0) {
    bytes[at] = 2;
    at = put16(bytes, at + 1, block.tcpFlags[row]!);
    bytes[at] = 2;
    at = putUnsigned32(bytes, at + 1, block.tcpSequence[row]!);
  } else at = putTwoZeros(bytes, at);
  if ((present & HAS_ICMP) === 0) return putTwoZeros(bytes, at);
  bytes[at] = 2;
  at = put16(bytes, at + 1, block.icmpType[row]!);
  bytes[at] = 2;
  return put16(bytes, at + 1, block.icmpCode[row]!);
}

function putOffset(bytes: Buffer, at: number, timestamp: number, firstTimestamp: number): number {
  const offset = timestamp - firstTimestamp;
  if (offset >= 0 && offset < 0x10000) return put16(bytes, at, offset);
  return putLong(bytes, at, safeTimestamp(timestamp) - firstTimestamp);
}

/** Capture files can claim any time; what no double holds exactly could not be read back. */
export function safeTimestamp(micros: number): number {
  return Math.max(Number.MIN_SAFE_INTEGER, Math.min(Number.MAX_SAFE_INTEGER, micros));
}

function putLength(bytes: Buffer, at: number, length: number): number {
  return length < 0x10000 ? put16(bytes, at, length) : putInt(bytes, at, Math.min(length, INT_MAX));
}

function putRareParts(bytes: Buffer, start: number, block: PacketBlock, row: number): number {
  const extra = block.extra[row]!;
  const at = extra < 0 ? putTwoZeros(bytes, putTwoZeros(bytes, start)) : putExtra(bytes, start, block.extras[extra]!);
  const failure = block.failure[row]!;
  if (failure === 0) return putInt(bytes, at, 0);
  return putString(bytes, putInt(bytes, at, 1), DECODE_FAILURES[failure]!, FAILURE_NAME_MAX);
}

function putTwoZeros(bytes: Buffer, at: number): number {
  bytes[at] = 0;
  bytes[at + 1] = 0;
  return at + 2;
}

function putMacs(bytes: Buffer, at: number, macs: Uint8Array, from: number): number {
  bytes[at] = 12;
  for (let i = 0; i < 6; i++) bytes[at + 1 + i] = macs[from + i]!;
  bytes[at + 7] = 12;
  for (let i = 6; i < 12; i++) bytes[at + 2 + i] = macs[from + i]!;
  return at + 14;
}

function putDestination(bytes: Buffer, at: number, block: PacketBlock, row: number): number {
  const kind = block.destinationKind[row]!;
  const address = block.destinationAddress[row]!;
  if (kind === ADDRESS_IPV4) {
    bytes[at] = 8;
    bytes[at + 1] = address >>> 24;
    bytes[at + 2] = address >>> 16;
    bytes[at + 3] = address >>> 8;
    bytes[at + 4] = address;
    return at + 5;
  }
  if (kind === ADDRESS_IPV6) {
    bytes[at] = 32;
    for (let i = 0; i < 16; i++) bytes[at + 1 + i] = block.ipv6[address * 16 + i]!;
    return at + 17;
  }
  bytes[at] = 0;
  return at + 1;
}
