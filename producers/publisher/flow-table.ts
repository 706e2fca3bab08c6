/**
 * What packets of a flush share, so that it is said once: links (MACs, VLANs, EtherType) of all sources, and flows
 * (destination, protocol, TTL, ports and link) source by source. Both are encoded when they are first seen. Typed arrays that
 * are used again after a flush.
 */
import {
  ADDRESS_IPV4,
  ADDRESS_IPV6,
  HAS_IP,
  HAS_MACS,
  HAS_PORTS,
  type PacketBlock,
} from '../../schemas/packets/packet-block.js';
import { FLOW_BYTES_MAX, LINK_BYTES_MAX, PacketEncoder } from '../../schemas/packets/packet-encoding.js';
import { copyRun } from './copy-run.js';

const LINK_WORDS = 5;
const FLOW_WORDS = 8;
/** Words of a flow. */
const OWNER = 0;
const LINK = 1;
const ADDRESS = 2;
const PORTS = 6;
const REST = 7;
const EMPTY = -1;
/**
 * Slots that are in use at first, and two an entry at least from there on: of few flows all stay in the processor's caches, where of
 * as many as there can be each one looked at would be waited for.
 */
const SLOTS_MIN = 4096;
/** In place of a flow or a link: none. */
export const NO_FLOW = -1;

export class FlowTable {
  /** Of the flow that was found last: whether it was new. */
  isNew = false;
  private readonly links: Uint32Array;
  private readonly linkSlots: Int32Array;
  private readonly linkBytes: Buffer;
  private readonly linkLengths: Uint8Array;
  private linkCount = 0;
  private readonly flows: Uint32Array;
  private readonly flowSlots: Int32Array;
  private readonly flowBytes: Buffer;
  private readonly flowLengths: Uint8Array;
  /** Hashes, with which slots are given anew when there are more of them. */
  private readonly flowHashes: Int32Array;
  private readonly linkHashes: Int32Array;
  private flowCount = 0;
  private readonly linkEncoder: PacketEncoder;
  private readonly flowEncoder: PacketEncoder;
  /** How many slots are in use, less one. */
  private flowMask: number;
  private linkMask: number;
  /** The next flow of the same source, and the flow's number there. */
  readonly next: Int32Array;
  readonly numbers: Uint32Array;

  /** @param flows at most; a power of two, and not below half of `SLOTS_MIN` */
  constructor(
    private readonly block: PacketBlock,
    flows: number,
  ) {
    this.links = new Uint32Array(flows * LINK_WORDS);
    this.linkSlots = new Int32Array(2 * flows).fill(EMPTY);
    this.linkBytes = Buffer.allocUnsafeSlow(flows * LINK_BYTES_MAX);
    this.linkLengths = new Uint8Array(flows);
    this.flows = new Uint32Array(flows * FLOW_WORDS);
    this.flowSlots = new Int32Array(2 * flows).fill(EMPTY);
    this.flowBytes = Buffer.allocUnsafeSlow(flows * FLOW_BYTES_MAX);
    this.flowLengths = new Uint8Array(flows);
    this.flowHashes = new Int32Array(flows);
    this.linkHashes = new Int32Array(flows);
    this.next = new Int32Array(flows);
    this.numbers = new Uint32Array(flows);
    this.flowMask = this.linkMask = SLOTS_MIN - 1;
    this.linkEncoder = new PacketEncoder(block, this.linkBytes);
    this.flowEncoder = new PacketEncoder(block, this.flowBytes);
  }

  /**
   * The flow of a row, which is new when it was not `owner`'s before.
   *
   * @param latest the flow of the owner's packet before, or `NO_FLOW`
   */
  find(row: number, owner: number, latest: number): number {
    const { block, flows } = this;
    const link = this.linkOf(row, latest === NO_FLOW ? NO_FLOW : flows[latest * FLOW_WORDS + LINK]!);
    const present = block.present[row]! & (HAS_IP | HAS_PORTS);
    const kind = block.destinationKind[row]!;
    const layer = (present & HAS_IP) === 0 ? 0 : (block.ipProtocol[row]! << 8) | (block.ttl[row]! << 16);
    const rest = (kind | layer | (present << 24)) >>> 0;
    const ports =
      (present & HAS_PORTS) === 0 ? 0 : ((block.sourcePort[row]! << 16) | block.destinationPort[row]!) >>> 0;
    if (latest !== NO_FLOW && this.isFlow(latest, owner, link, row, kind, ports, rest)) {
      this.isNew = false;
      return latest;
    }
    let hash = Math.imul(owner ^ Math.imul(link, 0x9e3779b1), 0x85ebca6b) ^ ports;
    hash = Math.imul(hash ^ (hash >>> 15), 0xc2b2ae35) ^ rest;
    hash = Math.imul(hash ^ (hash >>> 13), 0x85ebca6b) ^ this.lastWord(row, kind);
    hash = Math.imul(hash ^ (hash >>> 16), 0xc2b2ae35);
    hash ^= hash >>> 15;
    const { flowSlots, flowMask } = this;
    for (let slot = hash & flowMask; ; slot = (slot + 1) & flowMask) {
      const flow = flowSlots[slot]!;
      if (flow === EMPTY) break;
      if (this.isFlow(flow, owner, link, row, kind, ports, rest)) {
        this.isNew = false;
        return flow;
      }
    }
    return this.addFlow(row, owner, link, kind, ports, rest, hash);
  }

  private addFlow(
    row: number,
    owner: number,
    link: number,
    kind: number,
    ports: number,
    rest: number,
    hash: number,
  ): number {
    const { block, flows } = this;
    const flow = this.flowCount++;
    const at = flow * FLOW_WORDS;
    flows[at + OWNER] = owner;
    flows[at + LINK] = link;
    flows[at + PORTS] = ports;
    flows[at + REST] = rest;
    const address = block.destinationAddress[row]!;
    if (kind === ADDRESS_IPV4) flows[at + ADDRESS] = address;
    else if (kind === ADDRESS_IPV6) {
      for (let word = 0; word < 4; word++) flows[at + ADDRESS + word] = block.ipv6Words[address * 4 + word]!;
    }
    this.flowHashes[flow] = hash;
    if (2 * flow < this.flowMask) enter(this.flowSlots, this.flowMask, hash, flow);
    else this.flowMask = widen(this.flowSlots, this.flowMask, this.flowHashes, this.flowCount);
    const from = flow * FLOW_BYTES_MAX;
    this.flowLengths[flow] = this.flowEncoder.putFlow(from, row) - from;
    this.next[flow] = NO_FLOW;
    this.isNew = true;
    return flow;
  }

  private lastWord(row: number, kind: number): number {
    const address = this.block.destinationAddress[row]!;
    return kind === ADDRESS_IPV6 ? this.block.ipv6Words[address * 4 + 3]! : address;
  }

  private isFlow(
    flow: number,
    owner: number,
    link: number,
    row: number,
    kind: number,
    ports: number,
    rest: number,
  ): boolean {
    const { flows, block } = this;
    const at = flow * FLOW_WORDS;
    if (flows[at + PORTS] !== ports || flows[at + OWNER] !== owner) return false;
    if (flows[at + LINK] !== link || flows[at + REST] !== rest) return false;
    const address = block.destinationAddress[row]!;
    if (kind === ADDRESS_IPV4) return flows[at + ADDRESS] === address;
    if (kind !== ADDRESS_IPV6) return true;
    const { ipv6Words } = block;
    for (let word = 0; word < 4; word++) {
      if (flows[at + ADDRESS + word] !== ipv6Words[address * 4 + word]! >>> 0) return false;
    }
    return true;
  }

  /** @param likely a link that it may be, or `NO_FLOW` */
  private linkOf(row: number, likely: number): number {
    const { block, links, linkSlots, linkMask } = this;
    const { macWords } = block;
    const hasMacs = block.present[row]! & HAS_MACS;
    const from = row * 3;
    const first = hasMacs === 0 ? 0 : macWords[from]! >>> 0;
    const second = hasMacs === 0 ? 0 : macWords[from + 1]! >>> 0;
    const third = hasMacs === 0 ? 0 : macWords[from + 2]! >>> 0;
    const vlans = (block.vlan[row]! | (block.innerVlan[row]! << 16)) >>> 0;
    const rest = (block.etherType[row]! | (hasMacs << 16)) >>> 0;
    if (likely !== NO_FLOW && this.isLink(likely, first, second, third, vlans, rest)) return likely;
    let hash = Math.imul(first ^ Math.imul(second, 0x9e3779b1), 0x85ebca6b) ^ third;
    hash = Math.imul(hash ^ (hash >>> 15), 0xc2b2ae35) ^ vlans;
    hash = Math.imul(hash ^ (hash >>> 13), 0x85ebca6b) ^ rest;
    hash ^= hash >>> 16;
    for (let slot = hash & linkMask; ; slot = (slot + 1) & linkMask) {
      const link = linkSlots[slot]!;
      if (link === EMPTY) break;
      if (this.isLink(link, first, second, third, vlans, rest)) return link;
    }
    const link = this.linkCount++;
    const at = link * LINK_WORDS;
    links[at] = first;
    links[at + 1] = second;
    links[at + 2] = third;
    links[at + 3] = vlans;
    links[at + 4] = rest;
    this.linkHashes[link] = hash;
    if (2 * link < linkMask) enter(linkSlots, linkMask, hash, link);
    else this.linkMask = widen(linkSlots, linkMask, this.linkHashes, this.linkCount);
    const start = link * LINK_BYTES_MAX;
    this.linkLengths[link] = this.linkEncoder.putLink(start, row) - start;
    return link;
  }

  private isLink(link: number, first: number, second: number, third: number, vlans: number, rest: number): boolean {
    const { links } = this;
    const at = link * LINK_WORDS;
    return (
      links[at] === first &&
      links[at + 1] === second &&
      links[at + 2] === third &&
      links[at + 3] === vlans &&
      links[at + 4] === rest
    );
  }

  get count(): number {
    return this.flowCount;
  }

  linkOfFlow(flow: number): number {
    return this.flows[flow * FLOW_WORDS + LINK]!;
  }

  /** Writes a flow without its link. */
  putFlow(bytes: Buffer, at: number, flow: number): number {
    const from = flow * FLOW_BYTES_MAX;
    return copyRun(this.flowBytes, from, from + this.flowLengths[flow]!, bytes, at);
  }

  putLink(bytes: Buffer, at: number, link: number): number {
    const from = link * LINK_BYTES_MAX;
    return copyRun(this.linkBytes, from, from + this.linkLengths[link]!, bytes, at);
  }

  clear(): void {
    this.flowMask = emptied(this.flowSlots, this.flowMask, this.flowCount);
    this.linkMask = emptied(this.linkSlots, this.linkMask, this.linkCount);
    this.flowCount = 0;
    this.linkCount = 0;
  }
}

function enter(slots: Int32Array, mask: number, hash: number, entry: number): void {
  let slot = hash & mask;
  while (slots[slot] !== EMPTY) slot = (slot + 1) & mask;
  slots[slot] = entry;
}

/** Takes twice the slots into use, as far as there are any, and gives each entry its own anew; returns how many there are, less one. */
function widen(slots: Int32Array, mask: number, hashes: Int32Array, count: number): number {
  const wider = Math.min(2 * mask + 1, slots.length - 1);
  slots.fill(EMPTY, 0, wider + 1);
  for (let entry = 0; entry < count; entry++) enter(slots, wider, hashes[entry]!, entry);
  return wider;
}

/** Empties the slots in use, and returns how many to use for a next flush like this one, less one. */
function emptied(slots: Int32Array, mask: number, count: number): number {
  slots.fill(EMPTY, 0, mask + 1);
  let next = SLOTS_MIN;
  while (next < 2 * count) next *= 2;
  return Math.min(next, slots.length) - 1;
}
