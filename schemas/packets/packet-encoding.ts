/**
 * A row of columns to Avro, field by field in the order of packet-batch-1.avsc. Hot: it runs once a packet, so it is flat
 * and allocates nothing, and most fields are written four bytes at once, of which the next field overwrites what is too
 * much: byte by byte it took twice the time.
 */
import { putInt, putLong, putString } from './avro-bytes.js';
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
import { EXTRA_BYTES_MAX, putExtra } from './packet-extra-codec.js';

/** More bytes than a packet without extra can take, those written too much included. */
export const PACKET_BYTES_MAX = 192;
/** Fewer bytes than any packet takes: 25 fields of at least one byte. */
export const PACKET_BYTES_MIN = 25;
/** The longest name of a decode failure, bytes. */
export const FAILURE_NAME_MAX = 64;

const INT_MAX = 0x7fffffff;

/** The room that a row needs, bytes. */
export function packetBytesMax(block: PacketBlock, row: number): number {
  const hasExtra = block.extra[row]! >= 0 || block.applicationLength[row] !== 0;
  return hasExtra ? PACKET_BYTES_MAX + EXTRA_BYTES_MAX : PACKET_BYTES_MAX;
}

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

/** Writes the packets of one block into one buffer. */
export class PacketEncoder {
  private readonly view: DataView;
  private readonly macs: DataView;
  private readonly ipv6: DataView;

  constructor(
    private readonly block: PacketBlock,
    private readonly bytes: Buffer,
  ) {
    this.view = viewOf(bytes);
    this.macs = viewOf(block.macs);
    this.ipv6 = viewOf(block.ipv6);
  }

  /**
   * Writes the packet of a row at `start`, where there are `packetBytesMax` of it, and returns where it ends.
   *
   * @param offset µs since the first packet of the record: as a small number, for which V8 needs no object
   */
  put(start: number, row: number, offset: number): number {
    const { block, view, macs } = this;
    const present = block.present[row]!;
    let at = this.putOffset(start, offset);
    at = this.putLength(at, block.frameLength[row]!);
    at = this.putLength(at, block.capturedLength[row]!);
    if ((present & HAS_MACS) !== 0) {
      const from = row * 12;
      view.setUint8(at, 12);
      view.setUint32(at + 1, macs.getUint32(from));
      view.setUint16(at + 5, macs.getUint16(from + 4));
      view.setUint8(at + 7, 12);
      view.setUint32(at + 8, macs.getUint32(from + 6));
      view.setUint16(at + 12, macs.getUint16(from + 10));
      at += 14;
    } else at = putTwoZeros(view, at);
    at = put16(view, at, block.vlan[row]!);
    at = put16(view, at, block.innerVlan[row]!);
    at = put16(view, at, block.etherType[row]!);
    at = this.putDestination(at, row);
    at = this.putOptionalFields(at, row, present);
    view.setUint8(at++, block.role[row]! << 1);
    if (block.extra[row]! >= 0 || block.applicationLength[row] !== 0 || block.failure[row] !== 0) {
      return this.putRareParts(at, row);
    }
    view.setUint32(at, 0);
    view.setUint8(at + 4, 0);
    return at + 5;
  }

  private putOffset(at: number, offset: number): number {
    if (offset >= 0 && offset < 0x10000) return put16(this.view, at, offset);
    if (offset < 0 || offset >= 0x100000) return putLong(this.bytes, at, offset);
    this.view.setUint32(at, 0x8080 | sevenBitGroups(offset), true);
    return at + 3;
  }

  private putLength(at: number, length: number): number {
    return length < 0x10000 ? put16(this.view, at, length) : putInt(this.bytes, at, Math.min(length, INT_MAX));
  }

  private putDestination(at: number, row: number): number {
    const { block, view, ipv6 } = this;
    const kind = block.destinationKind[row]!;
    const address = block.destinationAddress[row]!;
    if (kind === ADDRESS_IPV4) {
      view.setUint8(at, 8);
      view.setUint32(at + 1, address);
      return at + 5;
    }
    if (kind !== ADDRESS_IPV6) {
      view.setUint8(at, 0);
      return at + 1;
    }
    const from = address * 16;
    view.setUint8(at, 32);
    view.setUint32(at + 1, ipv6.getUint32(from));
    view.setUint32(at + 5, ipv6.getUint32(from + 4));
    view.setUint32(at + 9, ipv6.getUint32(from + 8));
    view.setUint32(at + 13, ipv6.getUint32(from + 12));
    return at + 17;
  }

  /** The unions from `ipProtocol` to `icmpCode`. */
  private putOptionalFields(start: number, row: number, present: number): number {
    const { block, view } = this;
    let at = start;
    if ((present & HAS_IP) !== 0) {
      at = putSome16(view, at, block.ipProtocol[row]!);
      at = putSome16(view, at, block.ttl[row]!);
    } else at = putTwoZeros(view, at);
    if ((present & HAS_IP_ID) !== 0) at = putSome32(view, at, block.ipId[row]!);
    else view.setUint8(at++, 0);
    if ((present & HAS_FRAGMENT) !== 0) at = putSome16(view, at, block.fragmentOffset[row]!);
    else view.setUint8(at++, 0);
    if ((present & HAS_PORTS) !== 0) {
      at = putSome16(view, at, block.sourcePort[row]!);
      at = putSome16(view, at, block.destinationPort[row]!);
    } else at = putTwoZeros(view, at);
    if ((present & HAS_TCP) !== 0) {
      at = putSome16(view, at, block.tcpFlags[row]!);
      at = putSome32(view, at, block.tcpSequence[row]!);
    } else at = putTwoZeros(view, at);
    if ((present & HAS_ICMP) === 0) return putTwoZeros(view, at);
    at = putSome16(view, at, block.icmpType[row]!);
    return putSome16(view, at, block.icmpCode[row]!);
  }

  private putRareParts(start: number, row: number): number {
    const { block, bytes } = this;
    const at = putExtra(bytes, start, block, row);
    const failure = block.failure[row]!;
    if (failure === 0) return putInt(bytes, at, 0);
    return putString(bytes, putInt(bytes, at, 1), DECODE_FAILURES[failure]!, FAILURE_NAME_MAX);
  }
}

function viewOf({ buffer, byteOffset, byteLength }: Uint8Array): DataView {
  return new DataView(buffer, byteOffset, byteLength);
}

/** Writes 0 to 65,535. */
function put16(view: DataView, at: number, value: number): number {
  const encoding = VARINT_16[value]!;
  view.setUint32(at, encoding, true);
  return at + (encoding >>> 24);
}

/** Writes 0 to 65,535 as the second branch of a union. */
function putSome16(view: DataView, at: number, value: number): number {
  const encoding = VARINT_16[value]!;
  view.setUint32(at, (encoding << 8) | 2, true);
  return at + 1 + (encoding >>> 24);
}

/** Writes an unsigned 32-bit number as the second branch of a union. */
function putSome32(view: DataView, at: number, value: number): number {
  if (value < 0x10000) return putSome16(view, at, value);
  view.setUint8(at, 2);
  view.setUint32(at + 1, 0x80808080 | sevenBitGroups(value), true);
  if (value >= 0x8000000) {
    view.setUint8(at + 5, value >>> 27);
    return at + 6;
  }
  const last = value < 0x100000 ? 3 : 4;
  view.setUint8(at + last, value >>> (7 * last - 8));
  return at + last + 1;
}

/** The lowest 27 bits of the zigzag encoding, seven a byte. */
function sevenBitGroups(value: number): number {
  return ((value & 0x3f) << 1) | ((value & 0x1fc0) << 2) | ((value & 0xfe000) << 3) | ((value & 0x7f00000) << 4);
}

/** Capture files can claim any time; what no double holds exactly could not be read back. */
export function safeTimestamp(micros: number): number {
  return Math.max(Number.MIN_SAFE_INTEGER, Math.min(Number.MAX_SAFE_INTEGER, micros));
}

function putTwoZeros(view: DataView, at: number): number {
  view.setUint16(at, 0);
  return at + 2;
}
