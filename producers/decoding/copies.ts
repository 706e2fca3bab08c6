/**
 * The same packet seen twice by one node: a mirror port that shows it before and after the router (TTL one lower, other MACs),
 * a container host captured on all its interfaces. A copy has the same addresses, ports, identification, sequence number,
 * flags and length, comes within the window, and came another way: other MACs, VLAN, TTL or interface; of `any` that is the
 * interface of the kernel's number, as what a bridge passes on is otherwise the same. What is sent again unchanged on the
 * same way is no copy. The latest packet of each of so many hashes is remembered, no more.
 */
import {
  ADDRESS_IPV4,
  HAS_FRAGMENT,
  HAS_ICMP,
  HAS_IP,
  HAS_IP_ID,
  HAS_MACS,
  HAS_PORTS,
  HAS_TCP,
  type PacketBlock,
  type PacketOrigin,
} from '../../schemas/packets/packet-block.js';

const SLOTS = 16_384;

/**
 * The window where none is asked for, µs: on `any`, where each packet of a container host is seen at every interface it
 * passes, and of captures that are replayed, of which nobody knows how they were made.
 */
export const COPY_WINDOW_DEFAULT = 10_000;
const LINKTYPE_LINUX_SLL = 113;
const LINKTYPE_LINUX_SLL2 = 276;
/** Origins told apart; more than a node has. */
const ORIGINS_MAX = 4096;

/** The window of an origin, µs; 0 is none. */
export function copyWindow(asked: number, { linkType, timeline }: PacketOrigin): number {
  if (asked > 0) return asked;
  return isCooked(linkType) || timeline !== '' ? COPY_WINDOW_DEFAULT : 0;
}

const isCooked = (linkType: number): boolean => linkType === LINKTYPE_LINUX_SLL || linkType === LINKTYPE_LINUX_SLL2;

/** What is looked at beside the row: fields of the dissection that decoded it. */
interface Layers {
  readonly payloadLength: number;
  /** Looked at where the link is that of `any`. */
  readonly cookedInterface: number;
}

export class CopyFilter {
  private readonly origins = new Map<PacketOrigin, number>();
  private readonly timelines = new Map<string, number>();
  private readonly packets = new Int32Array(SLOTS * 2);
  private readonly ways = new Int32Array(SLOTS);
  private readonly times = new Float64Array(SLOTS).fill(Number.NEGATIVE_INFINITY);

  /** Whether the packet of a row, just decoded, is a copy of one that came within `window` µs. */
  isCopy(block: PacketBlock, row: number, { payloadLength, cookedInterface }: Layers, window: number): boolean {
    const present = block.present[row]!;
    if ((present & HAS_IP) === 0 || (present & (HAS_IP_ID | HAS_TCP)) === 0) return false;
    // Two hashes of 32 bits each: one names the slot, both the packet.
    const origin = block.origins[block.origin[row]!]!;
    const timeline = this.timelineNumber(origin.timeline);
    const first = hashPacket(block, row, payloadLength, mix(0x9e3779b9, timeline));
    const second = hashPacket(block, row, payloadLength, mix(0x7f4a7c15, timeline));
    const way = hashWay(block, row, mix(this.numberOf(origin), isCooked(origin.linkType) ? cookedInterface : 0));
    const slot = first & (SLOTS - 1);
    const { packets, ways, times } = this;
    const time = block.timestamp[row]!;
    if (packets[2 * slot] === first && packets[2 * slot + 1] === second && ways[slot] !== way) {
      if (Math.abs(time - times[slot]!) <= window) return true;
    }
    packets[2 * slot] = first;
    packets[2 * slot + 1] = second;
    ways[slot] = way;
    times[slot] = time;
    return false;
  }

  /** Captures that are replayed side by side, or again, are no copies of each other, and none of what is captured now. */
  private timelineNumber(name: string): number {
    let number = this.timelines.get(name);
    if (number === undefined) {
      if (this.timelines.size === ORIGINS_MAX) this.timelines.clear();
      number = this.timelines.size + 1;
      this.timelines.set(name, number);
    }
    return number;
  }

  /** The same for the same origin from block to block. */
  private numberOf(origin: PacketOrigin): number {
    let number = this.origins.get(origin);
    if (number === undefined) {
      if (this.origins.size === ORIGINS_MAX) this.origins.clear();
      number = this.origins.size;
      this.origins.set(origin, number);
    }
    return number;
  }
}

function hashPacket(block: PacketBlock, row: number, payloadLength: number, seed: number): number {
  const present = block.present[row]!;
  let hash = seed;
  if (block.sourceKind[row] === ADDRESS_IPV4) {
    hash = mix(mix(hash, block.sourceAddress[row]!), block.destinationAddress[row]!);
  } else {
    const source = block.sourceAddress[row]! * 4;
    const destination = block.destinationAddress[row]! * 4;
    for (let word = 0; word < 4; word++) {
      hash = mix(mix(hash, block.ipv6Words[source + word]!), block.ipv6Words[destination + word]!);
    }
  }
  hash = mix(hash, (block.ipProtocol[row]! << 24) ^ payloadLength);
  if ((present & HAS_IP_ID) !== 0) hash = mix(hash, block.ipId[row]!);
  if ((present & HAS_FRAGMENT) !== 0) hash = mix(hash, block.fragmentOffset[row]!);
  if ((present & HAS_PORTS) !== 0) hash = mix(hash, (block.sourcePort[row]! << 16) | block.destinationPort[row]!);
  if ((present & HAS_TCP) !== 0) hash = mix(mix(hash, block.tcpSequence[row]!), block.tcpFlags[row]!);
  if ((present & HAS_ICMP) !== 0) hash = mix(hash, (block.icmpType[row]! << 8) | block.icmpCode[row]!);
  return hash ^ (hash >>> 15);
}

/** The way a packet came. */
function hashWay(block: PacketBlock, row: number, device: number): number {
  let hash = mix(mix(0x3c6ef372, block.ttl[row]!), device);
  hash = mix(hash, block.vlan[row]! | (block.innerVlan[row]! << 16));
  if ((block.present[row]! & HAS_MACS) !== 0) {
    for (let word = 0; word < 3; word++) hash = mix(hash, block.macWords[row * 3 + word]!);
  }
  return hash ^ (hash >>> 15);
}

function mix(hash: number, value: number): number {
  const mixed = Math.imul(hash ^ value, 0x85ebca6b);
  return Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
}
