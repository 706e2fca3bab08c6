/**
 * What packets carry above TCP, UDP or ICMP, of the few packets that have been decoded and not looked at by the conversations
 * yet: how long it was on the wire, and where its begin lies (of ICMP from its header on). That is the buffer that the
 * frames came in, as long as it holds still: nearly all payloads say nothing new, and copying each would cost more than
 * reading those that do. Whoever owns the buffer says when it is about to be used again (`FrameHandler.onFramesRead`);
 * only what has not been looked at by then is copied.
 */
import { HAS_ICMP, type PacketBlock } from '../../schemas/packets/packet-block.js';
import type { Dissection } from '../protocols/dissection.js';

/** Packets at once. */
export const PAYLOADS_MAX = 64;
/** Bytes of a payload: as many as a ClientHello put together from several segments has at most. */
const KEPT_MAX = 4096;
/** Of ICMP: its header, and of a packet that an error quotes all headers. */
const KEPT_MAX_ICMP = 128;
const ICMP_HEADER_LENGTH = 8;
const NOTHING: Uint8Array = Buffer.alloc(0);

export class Payloads {
  /** Bytes `start … end - 1` of `bufferOf` are the begin of a payload. */
  readonly start: Uint32Array = new Uint32Array(PAYLOADS_MAX);
  readonly end: Uint32Array = new Uint32Array(PAYLOADS_MAX);
  /** Length on the wire, bytes; of ICMP without its header. */
  readonly length: Uint32Array = new Uint32Array(PAYLOADS_MAX);
  /** Copies of payloads, one behind the other. */
  private readonly copies: Uint8Array = Buffer.allocUnsafeSlow(PAYLOADS_MAX * KEPT_MAX);
  private copied = 0;
  /** Which payloads are copies; the others lie in `frames`. */
  private readonly isCopy = new Uint8Array(PAYLOADS_MAX);
  private frames: Uint8Array = NOTHING;
  private count = 0;

  bufferOf(index: number): Uint8Array {
    return this.isCopy[index] === 0 ? this.frames : this.copies;
  }

  /**
   * Takes over what the frame just decoded into `row` carries, as payload number `index`; 0 begins anew.
   *
   * @param frames the buffer that the frame lies in
   */
  keep(index: number, block: PacketBlock, row: number, dissection: Dissection, frames: Uint8Array): void {
    if (index === 0) this.copied = this.count = 0;
    if (frames !== this.frames) {
      this.secure();
      this.frames = frames;
    }
    this.count = index + 1;
    this.isCopy[index] = 0;
    if ((block.present[row]! & HAS_ICMP) !== 0) {
      const { icmpBuffer, icmpStart, icmpEnd } = dissection;
      this.length[index] = Math.max(0, dissection.icmpWireLength - ICMP_HEADER_LENGTH);
      this.start[index] = icmpStart;
      this.end[index] = Math.min(icmpEnd, icmpStart + KEPT_MAX_ICMP);
      if (icmpBuffer !== frames) this.copy(index, icmpBuffer);
      return;
    }
    const { payloadStart, payloadEnd } = dissection;
    this.length[index] = dissection.payloadLength;
    this.start[index] = payloadStart;
    this.end[index] = Math.max(payloadStart, Math.min(payloadEnd, payloadStart + KEPT_MAX));
    if (payloadStart < payloadEnd && dissection.payloadBuffer !== frames) this.copy(index, dissection.payloadBuffer);
  }

  /** Copies what lies in the buffer of frames, which is about to be used again. */
  secure(): void {
    for (let index = 0; index < this.count; index++) if (this.isCopy[index] === 0) this.copy(index, this.frames);
  }

  private copy(index: number, buffer: Uint8Array): void {
    const to = this.copied;
    const from = this.start[index]!;
    const length = this.end[index]! - from;
    if (length > 0) this.copies.set(buffer.subarray(from, from + length), to);
    this.isCopy[index] = 1;
    this.start[index] = to;
    this.end[index] = this.copied = to + length;
  }
}
