/**
 * What packets carry above TCP, UDP or ICMP, of the few packets that have been decoded and not looked at by the conversations
 * yet: how long it was on the wire, and a copy of its begin (of ICMP from its header on), for the buffer it was in may
 * be used again. Nothing is copied of directions of which the conversations have read enough.
 */
import { ADDRESS_IPV4, HAS_ICMP, type PacketBlock } from '../../schemas/packets/packet-block.js';
import type { Dissection } from '../protocols/dissection.js';

/** Packets at once. */
export const PAYLOADS_MAX = 64;
/** Bytes kept of a payload: as many as a ClientHello put together from several segments has at most. */
const KEPT_MAX = 4096;
/** Of ICMP: its header, and of a packet that an error quotes all headers. */
const KEPT_MAX_ICMP = 128;
const ICMP_HEADER_LENGTH = 8;
/** Below this a loop is faster than a call. */
const SHORT = 64;
const SETTLED_SLOTS = 16_384;

export class Payloads {
  readonly bytes: Buffer = Buffer.allocUnsafeSlow(PAYLOADS_MAX * KEPT_MAX);
  /** Bytes `start … end - 1` of `bytes` are the begin of a payload. */
  readonly start: Uint32Array = new Uint32Array(PAYLOADS_MAX);
  readonly end: Uint32Array = new Uint32Array(PAYLOADS_MAX);
  /** Length on the wire, bytes; of ICMP without its header. */
  readonly length: Uint32Array = new Uint32Array(PAYLOADS_MAX);
  private used = 0;
  /** Directions of which nothing more is to be kept: the latest of those that fall into a slot. */
  private readonly settled = new Int32Array(SETTLED_SLOTS);

  /** Takes over what the frame just decoded into `row` carries, as payload number `index`; 0 begins anew. */
  keep(index: number, block: PacketBlock, row: number, dissection: Dissection): void {
    if (index === 0) this.used = 0;
    this.start[index] = this.end[index] = this.used;
    if ((block.present[row]! & HAS_ICMP) !== 0) {
      this.length[index] = Math.max(0, dissection.icmpWireLength - ICMP_HEADER_LENGTH);
      const { icmpBuffer, icmpStart, icmpEnd } = dissection;
      this.copy(index, icmpBuffer, icmpStart, Math.min(icmpEnd, icmpStart + KEPT_MAX_ICMP));
      return;
    }
    const { payloadStart, payloadEnd } = dissection;
    this.length[index] = dissection.payloadLength;
    if (payloadStart < payloadEnd && !this.isSettled(block, row)) {
      this.copy(index, dissection.payloadBuffer, payloadStart, Math.min(payloadEnd, payloadStart + KEPT_MAX));
    }
  }

  private copy(index: number, buffer: Uint8Array, start: number, end: number): void {
    const { bytes } = this;
    let at = this.used;
    if (end - start <= SHORT) for (let from = start; from < end; from++) bytes[at++] = buffer[from]!;
    else {
      bytes.set(buffer.subarray(start, end), at);
      at += end - start;
    }
    this.end[index] = this.used = at;
  }

  /** Nothing more is kept of what the sender of this packet sends in its conversation. */
  settle(block: PacketBlock, row: number): void {
    const direction = directionHash(block, row, false);
    this.settled[direction & (SETTLED_SLOTS - 1)] = direction;
  }

  /** A conversation begins: what was settled of an earlier one of the same ends is so no more. */
  unsettle(block: PacketBlock, row: number): void {
    const { settled } = this;
    const forth = directionHash(block, row, false);
    if (settled[forth & (SETTLED_SLOTS - 1)] === forth) settled[forth & (SETTLED_SLOTS - 1)] = 0;
    const back = directionHash(block, row, true);
    if (settled[back & (SETTLED_SLOTS - 1)] === back) settled[back & (SETTLED_SLOTS - 1)] = 0;
  }

  private isSettled(block: PacketBlock, row: number): boolean {
    const direction = directionHash(block, row, false);
    return this.settled[direction & (SETTLED_SLOTS - 1)] === direction;
  }
}

function directionHash(block: PacketBlock, row: number, isBack: boolean): number {
  let source = block.sourceAddress[row]!;
  let destination = block.destinationAddress[row]!;
  if (block.sourceKind[row] !== ADDRESS_IPV4) {
    source = block.ipv6Words[source * 4 + 3]! ^ block.ipv6Words[source * 4 + 1]!;
    destination = block.ipv6Words[destination * 4 + 3]! ^ block.ipv6Words[destination * 4 + 1]!;
  }
  const sourcePort = block.sourcePort[row]!;
  const destinationPort = block.destinationPort[row]!;
  const from = isBack ? destination : source;
  const to = isBack ? source : destination;
  const ports = isBack ? (destinationPort << 16) | sourcePort : (sourcePort << 16) | destinationPort;
  const hash = Math.imul(from, 0x85ebca6b) + Math.imul(to ^ 0x3c6ef372, 0xc2b2ae35) + Math.imul(ports, 0x9e3779b1);
  return (hash ^ (hash >>> 15) ^ block.ipProtocol[row]!) | 0 || 1;
}
