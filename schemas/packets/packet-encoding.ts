/**
 * A row of columns to Avro, field by field in the order of packet-batch-2.avsc. Hot: it runs once a packet, so it is flat
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
/** Fewer bytes than any packet takes: 9 fields of at least one byte; and than any flow and any link does. */
export const PACKET_BYTES_MIN = 9;
export const FLOW_BYTES_MIN = 6;
export const LINK_BYTES_MIN = 5;
/** More bytes than a flow without its link can take, and than a link can, those written too much included. */
export const FLOW_BYTES_MAX = 32;
export const LINK_BYTES_MAX = 32;
/** The longest name of a decode failure, bytes. */
export const FAILURE_NAME_MAX = 64;

const INT_MAX = 0x7fffffff;

/** The encoding of -1, for a field that the packet does not have. */
const MINUS_ONE = 0x01;
/** Of TCP flags -1 and a sequence number of 0, one after the other. */
const NO_TCP = 0x0100;

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
   * @param offset µs after the packet before: as a small number, for which V8 needs no object
   * @param flow number of its flow in the host's
   */
  put(start: number, row: number, offset: number, flow: number): number {
    const { block, view } = this;
    const present = block.present[row]!;
    const frameLength = Math.min(block.frameLength[row]!, INT_MAX);
    const cutLength = frameLength - Math.min(block.capturedLength[row]!, INT_MAX);
    let at = this.putOffset(start, offset);
    at = this.putLength(at, frameLength);
    if (cutLength === 0) view.setUint8(at++, 0);
    else at = putInt(this.bytes, at, cutLength);
    at = put16(view, at, flow);
    if ((present & HAS_IP_ID) !== 0) at = put32(view, at, block.ipId[row]!);
    else view.setUint8(at++, MINUS_ONE);
    if ((present & HAS_TCP) !== 0) {
      at = put16(view, at, block.tcpFlags[row]!);
      at = put32(view, at, block.tcpSequence[row]!);
    } else {
      view.setUint16(at, NO_TCP);
      at += 2;
    }
    view.setUint8(at++, block.role[row]! << 1);
    const isPlain = (present & (HAS_ICMP | HAS_FRAGMENT)) === 0 && block.extra[row]! < 0 && block.failure[row] === 0;
    if (!isPlain || block.applicationLength[row] !== 0) return this.putMore(at, row, present);
    view.setUint8(at, 0);
    return at + 1;
  }

  /** Writes the link of a row, where there are `LINK_BYTES_MAX`. */
  putLink(start: number, row: number): number {
    const { block, view, macs } = this;
    let at = start;
    if ((block.present[row]! & HAS_MACS) !== 0) {
      const from = row * 12;
      view.setUint8(at, 12);
      view.setUint32(at + 1, macs.getUint32(from));
      view.setUint16(at + 5, macs.getUint16(from + 4));
      view.setUint8(at + 7, 12);
      view.setUint32(at + 8, macs.getUint32(from + 6));
      view.setUint16(at + 12, macs.getUint16(from + 10));
      at += 14;
    } else {
      view.setUint16(at, 0);
      at += 2;
    }
    at = put16(view, at, block.vlan[row]!);
    at = put16(view, at, block.innerVlan[row]!);
    return put16(view, at, block.etherType[row]!);
  }

  /** Writes the flow of a row without its link, where there are `FLOW_BYTES_MAX`. */
  putFlow(start: number, row: number): number {
    const { block, view } = this;
    const present = block.present[row]!;
    let at = this.putDestination(start, row);
    if ((present & HAS_IP) !== 0) {
      at = put16(view, at, block.ipProtocol[row]!);
      at = put16(view, at, block.ttl[row]!);
    } else at = putTwoMinusOnes(view, at);
    if ((present & HAS_PORTS) === 0) return putTwoMinusOnes(view, at);
    at = put16(view, at, block.sourcePort[row]!);
    return put16(view, at, block.destinationPort[row]!);
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

  private putMore(start: number, row: number, present: number): number {
    const { block, bytes, view } = this;
    let at = start;
    view.setUint8(at++, 2);
    if ((present & HAS_FRAGMENT) !== 0) at = put16(view, at, block.fragmentOffset[row]!);
    else view.setUint8(at++, MINUS_ONE);
    if ((present & HAS_ICMP) !== 0) {
      at = put16(view, at, block.icmpType[row]!);
      at = put16(view, at, block.icmpCode[row]!);
    } else at = putTwoMinusOnes(view, at);
    at = putExtra(bytes, at, block, row);
    const failure = block.failure[row]!;
    if (failure === 0) return putInt(bytes, at, 0);
    return putString(bytes, putInt(bytes, at, 1), DECODE_FAILURES[failure]!, FAILURE_NAME_MAX);
  }
}

function viewOf({ buffer, byteOffset, byteLength }: Uint8Array): DataView {
  return new DataView(buffer, byteOffset, byteLength);
}

/** Writes 0 to 65,535, and up to two bytes beyond it what does not matter. */
export function put16(view: DataView, at: number, value: number): number {
  const encoding = VARINT_16[value]!;
  view.setUint32(at, encoding, true);
  return at + (encoding >>> 24);
}

/** Writes an unsigned 32-bit number. */
function put32(view: DataView, at: number, value: number): number {
  if (value < 0x2000) return put16(view, at, value);
  if (value < 0x100000) {
    view.setUint32(at, 0x8080 | sevenBitGroups(value), true);
    return at + 3;
  }
  view.setUint32(at, 0x80808080 | sevenBitGroups(value), true);
  if (value >= 0x8000000) {
    view.setUint8(at + 4, value >>> 27);
    return at + 5;
  }
  view.setUint8(at + 3, value >>> 20);
  return at + 4;
}

/** The lowest 27 bits of the zigzag encoding, seven a byte. */
function sevenBitGroups(value: number): number {
  return ((value & 0x3f) << 1) | ((value & 0x1fc0) << 2) | ((value & 0xfe000) << 3) | ((value & 0x7f00000) << 4);
}

/** Capture files can claim any time; what no double holds exactly could not be read back. */
export function safeTimestamp(micros: number): number {
  return Math.max(Number.MIN_SAFE_INTEGER, Math.min(Number.MAX_SAFE_INTEGER, micros));
}

/** Writes two fields that the packet does not have. */
export function putTwoMinusOnes(view: DataView, at: number): number {
  view.setUint16(at, (MINUS_ONE << 8) | MINUS_ONE);
  return at + 2;
}
