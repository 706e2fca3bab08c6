/**
 * Leaves out a packet that another capture node has already shown: two taps on one path see everything twice. A packet
 * is the same when what routers leave alone is the same: addresses, ports, protocol, IPv4 identification, fragment, TCP
 * sequence number and flags, ICMP type, length. What the same node shows again is a retransmission and counts.
 *
 * The memory is fixed: sets of four entries, the oldest of a set giving way. Where that happens within the window, a
 * repeat is counted twice rather than a packet left out.
 */
import {
  ADDRESS_IPV6,
  HAS_FRAGMENT,
  HAS_ICMP,
  HAS_IP,
  HAS_IP_ID,
  HAS_PORTS,
  HAS_TCP,
  type PacketBlock,
} from '../../schemas/packet-block.js';

const WAYS = 4;
const SETS = 65_536;

export class DuplicateFilter {
  private readonly tags = new Uint32Array(SETS * WAYS);
  private readonly times = new Float64Array(SETS * WAYS).fill(Number.NEGATIVE_INFINITY);
  private readonly nodes = new Uint16Array(SETS * WAYS);
  private first = 0;
  private second = 0;

  constructor(private readonly windowMicros: number) {}

  get bytes(): number {
    return this.tags.byteLength + this.times.byteLength + this.nodes.byteLength;
  }

  /** Whether another node showed the packet within the window; otherwise the packet is remembered. */
  repeats(block: PacketBlock, row: number, timeline: number, node: number): boolean {
    if ((block.present[row]! & HAS_IP) === 0) return false; // ARP is broadcast: everyone hears it, and it is counted by MAC
    this.identify(block, row, timeline);
    const time = block.timestamp[row]!;
    const start = (this.first & (SETS - 1)) * WAYS;
    let oldest = start;
    for (let entry = start; entry < start + WAYS; entry++) {
      if (this.tags[entry] === this.second && Math.abs(time - this.times[entry]!) <= this.windowMicros) {
        if (this.nodes[entry] !== node) return true;
        oldest = entry;
        break;
      }
      if (this.times[entry]! < this.times[oldest]!) oldest = entry;
    }
    this.tags[oldest] = this.second;
    this.times[oldest] = time;
    this.nodes[oldest] = node;
    return false;
  }

  private identify(block: PacketBlock, row: number, timeline: number): void {
    this.first = timeline ^ 0x9e3779b9;
    this.second = 0x85ebca6b;
    this.mixAddress(block, block.sourceKind[row]!, block.sourceAddress[row]!);
    this.mixAddress(block, block.destinationKind[row]!, block.destinationAddress[row]!);
    const present = block.present[row]!;
    this.mix(block.ipProtocol[row]! | (block.frameLength[row]! << 8));
    if ((present & HAS_IP_ID) !== 0) this.mix(block.ipId[row]!);
    if ((present & HAS_FRAGMENT) !== 0) this.mix(block.fragmentOffset[row]!);
    if ((present & HAS_PORTS) !== 0) this.mix(block.sourcePort[row]! | (block.destinationPort[row]! << 16));
    if ((present & HAS_TCP) !== 0) {
      this.mix(block.tcpSequence[row]!);
      this.mix(block.tcpFlags[row]!);
    }
    if ((present & HAS_ICMP) !== 0) this.mix(block.icmpType[row]! | (block.icmpCode[row]! << 8));
    this.first = finish(this.first);
    this.second = finish(this.second);
  }

  private mixAddress(block: PacketBlock, kind: number, address: number): void {
    if (kind !== ADDRESS_IPV6) {
      this.mix(address);
      return;
    }
    const { ipv6 } = block;
    for (let at = address * 16; at < address * 16 + 16; at += 4) {
      this.mix((ipv6[at]! << 24) | (ipv6[at + 1]! << 16) | (ipv6[at + 2]! << 8) | ipv6[at + 3]!);
    }
  }

  private mix(word: number): void {
    this.first = Math.imul(this.first ^ word, 0xcc9e2d51);
    this.first ^= this.first >>> 15;
    this.second = Math.imul(this.second ^ word, 0x1b873593);
    this.second ^= this.second >>> 13;
  }
}

function finish(hash: number): number {
  const h = Math.imul(hash ^ (hash >>> 16), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}
