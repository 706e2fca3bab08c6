/**
 * Writes generated packets as pcap records (little-endian, µs, Ethernet) into chunks, without an allocation a packet:
 * much faster than composing frames.ts, for which it is no substitute where a test needs odd frames.
 * Frames are padded to the 60 bytes that an Ethernet wire carries; checksums are right.
 */
import { TCP_SYN } from '../../schemas/packets/packet-block.js';
import { pcapHeader } from './capture-file.js';
import { internetSum } from './checksum.js';
import type { TrafficHost } from './traffic-host.js';

/** Bytes of the layer above, with their contribution to a checksum computed once. */
export interface TrafficPayload {
  readonly bytes: Uint8Array;
  /** Folded ones' complement sum. */
  readonly sum: number;
}

export function trafficPayload(bytes: Uint8Array): TrafficPayload {
  return { bytes, sum: internetSum(bytes) };
}

export const NO_PAYLOAD: TrafficPayload = trafficPayload(new Uint8Array(0));

/** Addresses of one packet: who sends to whom, over IPv4 or IPv6. */
export type IpVersion = 4 | 6;

const RECORD_HEADER = 16;
const ETHERNET_HEADER = 14;
const MINIMUM_FRAME = 60;
const LARGEST_RECORD = RECORD_HEADER + 65535;
const MSS_OPTION = 0x020405b4; // 1460 bytes; every SYN carries it
const PROTOCOL_ICMP = 1;
const PROTOCOL_TCP = 6;
const PROTOCOL_UDP = 17;
const PROTOCOL_ICMPV6 = 58;

export interface PacketWriterOptions {
  /** Frames are cut to it; 262,144 by default. */
  readonly snapLength?: number;
  readonly chunkBytes?: number;
}

export class PacketWriter {
  /** Packets written so far. */
  packets = 0;
  private readonly snapLength: number;
  private readonly chunkBytes: number;
  private chunk: Buffer;
  private used: number;
  private ipId = 1;

  constructor(options: PacketWriterOptions = {}) {
    this.snapLength = options.snapLength ?? 262144;
    this.chunkBytes = Math.max(options.chunkBytes ?? 1 << 20, 2 * LARGEST_RECORD);
    this.chunk = Buffer.allocUnsafe(this.chunkBytes);
    this.used = pcapHeader({ snapLength: this.snapLength }).copy(this.chunk);
  }

  /** Whether the chunk should be taken before the next packet is written. */
  get full(): boolean {
    return this.used > this.chunkBytes - LARGEST_RECORD;
  }

  /** What was written since the last call; the file header comes with the first. The caller owns the bytes. */
  take(): Buffer {
    const taken = this.chunk.subarray(0, this.used);
    this.chunk = Buffer.allocUnsafe(this.chunkBytes);
    this.used = 0;
    return taken;
  }

  /** `flags` as in schemas/packet-block; a SYN carries the MSS option. */
  tcp(
    time: number,
    version: IpVersion,
    source: TrafficHost,
    destination: TrafficHost,
    sourcePort: number,
    destinationPort: number,
    flags: number,
    sequence: number,
    acknowledgment: number,
    payload: TrafficPayload = NO_PAYLOAD,
  ): void {
    const headerLength = (flags & TCP_SYN) !== 0 ? 24 : 20;
    const length = headerLength + payload.bytes.length;
    const at = this.ip(time, version, source, destination, PROTOCOL_TCP, length);
    const { chunk } = this;
    const window = 64240;
    const word = (headerLength << 10) | flags;
    writeUint16(chunk, at, sourcePort);
    writeUint16(chunk, at + 2, destinationPort);
    writeUint32(chunk, at + 4, sequence);
    writeUint32(chunk, at + 8, acknowledgment);
    writeUint16(chunk, at + 12, word);
    writeUint16(chunk, at + 14, window);
    writeUint16(chunk, at + 18, 0);
    let sum = addressSum(version, source, destination) + PROTOCOL_TCP + length;
    sum += sourcePort + destinationPort + halves(sequence) + halves(acknowledgment) + word + window + payload.sum;
    if (headerLength === 24) {
      writeUint32(chunk, at + 20, MSS_OPTION);
      sum += halves(MSS_OPTION);
    }
    writeUint16(chunk, at + 16, inverted(sum));
    this.finish(at + headerLength, payload.bytes);
  }

  udp(
    time: number,
    version: IpVersion,
    source: TrafficHost,
    destination: TrafficHost,
    sourcePort: number,
    destinationPort: number,
    payload: TrafficPayload = NO_PAYLOAD,
  ): void {
    const length = 8 + payload.bytes.length;
    const at = this.ip(time, version, source, destination, PROTOCOL_UDP, length);
    const { chunk } = this;
    writeUint16(chunk, at, sourcePort);
    writeUint16(chunk, at + 2, destinationPort);
    writeUint16(chunk, at + 4, length);
    const sum = addressSum(version, source, destination) + PROTOCOL_UDP + length * 2 + sourcePort + destinationPort;
    writeUint16(chunk, at + 6, inverted(sum + payload.sum) || 0xffff);
    this.finish(at + 8, payload.bytes);
  }

  /** ICMP or, over IPv6, ICMPv6; `rest` are the four bytes after the checksum. */
  icmp(
    time: number,
    version: IpVersion,
    source: TrafficHost,
    destination: TrafficHost,
    type: number,
    code: number,
    rest: number,
    payload: TrafficPayload = NO_PAYLOAD,
  ): void {
    const protocol = version === 4 ? PROTOCOL_ICMP : PROTOCOL_ICMPV6;
    const length = 8 + payload.bytes.length;
    const at = this.ip(time, version, source, destination, protocol, length);
    const { chunk } = this;
    chunk[at] = type;
    chunk[at + 1] = code;
    writeUint32(chunk, at + 4, rest);
    let sum = ((type << 8) | code) + halves(rest) + payload.sum;
    if (version === 6) sum += addressSum(6, source, destination) + protocol + length;
    writeUint16(chunk, at + 2, inverted(sum));
    this.finish(at + 8, payload.bytes);
  }

  /** An ARP packet from `sender`, claiming its own addresses unless `claimed` is another host's IPv4 address. */
  arp(
    time: number,
    operation: 1 | 2,
    sender: TrafficHost,
    target: TrafficHost,
    claimedAddress: number = sender.ipv4,
  ): void {
    const frame = Buffer.alloc(MINIMUM_FRAME);
    if (operation === 1) frame.fill(0xff, 0, 6);
    else frame.set(target.mac, 0);
    frame.set(sender.mac, 6);
    writeUint16(frame, 12, 0x0806);
    frame.set([0, 1, 8, 0, 6, 4, 0, operation], 14);
    frame.set(sender.mac, 22);
    writeUint32(frame, 28, claimedAddress);
    if (operation === 2) frame.set(target.mac, 32);
    writeUint32(frame, 38, target.ipv4);
    this.frame(time, frame);
  }

  /** Any frame as it is. */
  frame(time: number, bytes: Uint8Array): void {
    const captured = Math.min(bytes.length, this.snapLength);
    const at = this.record(time, bytes.length, captured);
    this.chunk.set(bytes.subarray(0, captured), at);
    this.used = at + captured;
  }

  /** Writes record, Ethernet and IP headers, zeroes up to the smallest frame, and returns where the payload goes. */
  private ip(
    time: number,
    version: IpVersion,
    source: TrafficHost,
    destination: TrafficHost,
    protocol: number,
    length: number,
  ): number {
    const headerLength = version === 4 ? 20 : 40;
    const frameLength = Math.max(MINIMUM_FRAME, ETHERNET_HEADER + headerLength + length);
    const frameAt = this.record(time, frameLength, Math.min(frameLength, this.snapLength));
    const { chunk } = this;
    if (frameLength === MINIMUM_FRAME) chunk.fill(0, frameAt + 40, frameAt + MINIMUM_FRAME);
    for (let i = 0; i < 6; i++) chunk[frameAt + i] = destination.mac[i]!;
    for (let i = 0; i < 6; i++) chunk[frameAt + 6 + i] = source.mac[i]!;
    const at = frameAt + ETHERNET_HEADER;
    if (version === 4) {
      const total = 20 + length;
      const id = this.ipId;
      this.ipId = (id + 1) & 0xffff;
      writeUint16(chunk, frameAt + 12, 0x0800);
      writeUint16(chunk, at, 0x4500);
      writeUint16(chunk, at + 2, total);
      writeUint16(chunk, at + 4, id);
      writeUint16(chunk, at + 6, 0x4000); // don't fragment
      chunk[at + 8] = source.ttl;
      chunk[at + 9] = protocol;
      writeUint32(chunk, at + 12, source.ipv4);
      writeUint32(chunk, at + 16, destination.ipv4);
      const sum = 0x4500 + total + id + 0x4000 + ((source.ttl << 8) | protocol);
      writeUint16(chunk, at + 10, inverted(sum + halves(source.ipv4) + halves(destination.ipv4)));
      return at + 20;
    }
    writeUint16(chunk, frameAt + 12, 0x86dd);
    writeUint32(chunk, at, 0x60000000);
    writeUint16(chunk, at + 4, length);
    chunk[at + 6] = protocol;
    chunk[at + 7] = source.ttl;
    for (let i = 0; i < 16; i++) chunk[at + 8 + i] = source.ipv6[i]!;
    for (let i = 0; i < 16; i++) chunk[at + 24 + i] = destination.ipv6[i]!;
    return at + 40;
  }

  /** Writes a record header, moves `used` behind the captured bytes and returns where the frame goes. */
  private record(time: number, frameLength: number, captured: number): number {
    const { chunk } = this;
    const at = this.used;
    const seconds = Math.floor(time / 1e6);
    writeUint32Little(chunk, at, seconds);
    writeUint32Little(chunk, at + 4, time - seconds * 1e6);
    writeUint32Little(chunk, at + 8, captured);
    writeUint32Little(chunk, at + 12, frameLength);
    this.packets++;
    this.used = at + RECORD_HEADER + captured;
    return at + RECORD_HEADER;
  }

  /** Copies the payload. Headers may have run past a short snap length: `used` already stands where the record ends. */
  private finish(at: number, payload: Uint8Array): void {
    const room = this.used - at;
    if (room <= 0 || payload.length === 0) return;
    this.chunk.set(payload.length <= room ? payload : payload.subarray(0, room), at);
  }
}

function writeUint16(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 8;
  bytes[at + 1] = value;
}

function writeUint32(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 24;
  bytes[at + 1] = value >>> 16;
  bytes[at + 2] = value >>> 8;
  bytes[at + 3] = value;
}

function writeUint32Little(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value;
  bytes[at + 1] = value >>> 8;
  bytes[at + 2] = value >>> 16;
  bytes[at + 3] = value >>> 24;
}

function halves(value: number): number {
  return (value >>> 16) + (value & 0xffff);
}

function addressSum(version: IpVersion, source: TrafficHost, destination: TrafficHost): number {
  return version === 4 ? halves(source.ipv4) + halves(destination.ipv4) : source.ipv6Sum + destination.ipv6Sum;
}

/** Folds a sum of 16-bit words and inverts it. */
function inverted(sum: number): number {
  let folded = (sum & 0xffff) + (sum >>> 16);
  folded = (folded & 0xffff) + (folded >>> 16);
  return ~folded & 0xffff;
}
