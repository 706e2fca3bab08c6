/**
 * Flows of a flush, source by source: what packets share (destination, protocol, TTL, ports and link), so that a record says
 * it once. A packet with ports finds its flow by the direction of the conversation that it was found to belong to; the others,
 * and those of whom nobody looked for conversations, by a hash. Typed arrays that are used again after a flush.
 */
import {
  ADDRESS_IPV4,
  ADDRESS_IPV6,
  HAS_IP,
  HAS_PORTS,
  LITTLE_ENDIAN,
  type PacketBlock,
} from '../../schemas/packets/packet-block.js';
import { put16, putTwoMinusOnes } from '../../schemas/packets/packet-encoding.js';
import { LinkTable } from './link-table.js';
import { emptied, enter, SLOTS_MIN, widen } from './slots.js';
import { IDENTITY, ADDRESS as SOURCE_ADDRESS } from './source-words.js';

const FLOW_WORDS = 8;
/** Words of a flow. */
const OWNER = 0;
const LINK = 1;
const ADDRESS = 2;
const PORTS = 6;
/** Kind of the destination, above it protocol, TTL and the bits of `present` that tell whether it has these. */
const REST = 7;
const EMPTY = -1;
/** In place of a flow: none. */
export const NO_FLOW = -1;
/** In place of a direction: the packet has none. */
export const NO_DIRECTION = -1;
/**
 * Flows of one direction that are looked at: those of another TTL or link. Only who makes them up sends more, and each packet of his has
 * a flow of its own then.
 */
const VARIANTS_MAX = 16;

export class FlowTable {
  /** Flows since the last flush. */
  count = 0;
  /** Of the flow that was found last: whether it was new. */
  isNew = false;
  readonly links: LinkTable;
  private readonly flows: Int32Array;
  /** Those that are found by a hash: by slot which of them, their hashes, and which flow each is. */
  private readonly slots: Int32Array;
  private readonly hashes: Int32Array;
  private readonly hashedFlows: Int32Array;
  private hashed = 0;
  /** How many slots are in use, less one. */
  private mask = SLOTS_MIN - 1;
  /** By direction: the number of its newest flow, counted from the first flow of all, so that those of flushes before are none. */
  private readonly newest: Int32Array;
  private base = 1;
  /** The flow of the same direction before. */
  private readonly before: Int32Array;
  /** The next flow of the same source, and the flow's number there. */
  readonly next: Int32Array;
  readonly numbers: Int32Array;

  /**
   * @param sources what is known of each source, in words
   * @param flows at most; a power of two, and not below half of `SLOTS_MIN`
   * @param directions there can be
   */
  constructor(
    private readonly block: PacketBlock,
    private readonly sources: Int32Array,
    flows: number,
    directions: number,
  ) {
    this.links = new LinkTable(block, flows);
    this.flows = new Int32Array(flows * FLOW_WORDS);
    this.slots = new Int32Array(2 * flows).fill(EMPTY);
    this.hashes = new Int32Array(flows);
    this.hashedFlows = new Int32Array(flows);
    this.newest = new Int32Array(directions);
    this.before = new Int32Array(flows);
    this.next = new Int32Array(flows);
    this.numbers = new Int32Array(flows);
  }

  /**
   * The flow of a row as its direction tells at once; `NO_FLOW` when there is none yet, or another one of the direction came last.
   *
   * @param identity that of the row's source
   */
  latest(row: number, direction: number, identity: number): number {
    const flow = this.newestOf(direction);
    return flow !== NO_FLOW && this.is(flow, row) && this.isFrom(flow, row, identity) ? flow : NO_FLOW;
  }

  private newestOf(direction: number): number {
    const flow = (this.newest[direction]! - this.base) | 0;
    return flow >= 0 && flow < this.count ? flow : NO_FLOW;
  }

  ownerOf(flow: number): number {
    return this.flows[flow * FLOW_WORDS + OWNER]!;
  }

  linkOf(flow: number): number {
    return this.flows[flow * FLOW_WORDS + LINK]!;
  }

  /** The flow of a row of `owner` in a direction, which is new when it is none of the direction's newest. */
  findInDirection(row: number, owner: number, direction: number, likelyLink: number): number {
    const newest = this.newestOf(direction);
    let flow = newest;
    for (let variant = 0; flow !== NO_FLOW && variant < VARIANTS_MAX; variant++) {
      if (this.ownerOf(flow) === owner && this.is(flow, row)) {
        this.isNew = false;
        return flow;
      }
      flow = this.before[flow]!;
    }
    const added = this.add(row, owner, this.links.find(row, likelyLink));
    this.before[added] = newest;
    this.newest[direction] = (this.base + added) | 0;
    return added;
  }

  /** The flow of a row of `owner`, which is new when the owner did not have it. Each is looked for in this way, or in its direction. */
  find(row: number, owner: number, likelyLink: number): number {
    const { block } = this;
    const link = this.links.find(row, likelyLink);
    let hash = Math.imul(owner ^ Math.imul(link, 0x9e3779b1), 0x85ebca6b) ^ portsOf(block, row);
    hash = Math.imul(hash ^ (hash >>> 15), 0xc2b2ae35) ^ restOf(block, row);
    hash = Math.imul(hash ^ (hash >>> 13), 0x85ebca6b) ^ lastWord(block, row);
    hash = Math.imul(hash ^ (hash >>> 16), 0xc2b2ae35);
    hash ^= hash >>> 15;
    const { slots, mask, hashedFlows } = this;
    for (let slot = hash & mask; ; slot = (slot + 1) & mask) {
      const entry = slots[slot]!;
      if (entry === EMPTY) break;
      const flow = hashedFlows[entry]!;
      if (this.ownerOf(flow) === owner && this.is(flow, row)) {
        this.isNew = false;
        return flow;
      }
    }
    const flow = this.add(row, owner, link);
    const entry = this.hashed++;
    hashedFlows[entry] = flow;
    this.hashes[entry] = hash;
    if (2 * entry < mask) enter(slots, mask, hash, entry);
    else this.mask = widen(slots, mask, this.hashes, this.hashed);
    return flow;
  }

  private add(row: number, owner: number, link: number): number {
    const { block, flows } = this;
    const flow = this.count++;
    const at = flow * FLOW_WORDS;
    flows[at + OWNER] = owner;
    flows[at + LINK] = link;
    flows[at + PORTS] = portsOf(block, row);
    flows[at + REST] = restOf(block, row);
    const kind = block.destinationKind[row]!;
    const address = block.destinationAddress[row]!;
    if (kind === ADDRESS_IPV4) flows[at + ADDRESS] = address;
    else if (kind === ADDRESS_IPV6) {
      for (let word = 0; word < 4; word++) flows[at + ADDRESS + word] = block.ipv6Words[address * 4 + word]!;
    }
    this.next[flow] = NO_FLOW;
    this.isNew = true;
    return flow;
  }

  /** Whether a row has this flow, whoever sent it. */
  private is(flow: number, row: number): boolean {
    const { flows, block } = this;
    const at = flow * FLOW_WORDS;
    if ((flows[at + PORTS]! ^ portsOf(block, row)) !== 0 || (flows[at + REST]! ^ restOf(block, row)) !== 0)
      return false;
    const kind = block.destinationKind[row]!;
    const address = block.destinationAddress[row]!;
    if (kind === ADDRESS_IPV4) {
      if ((flows[at + ADDRESS]! ^ address) !== 0) return false;
    } else if (kind === ADDRESS_IPV6) {
      if (!isIpv6(flows, at + ADDRESS, block.ipv6Words, address * 4)) return false;
    }
    return this.links.is(flows[at + LINK]!, row);
  }

  /** Whether the source of a row is that of a flow. */
  private isFrom(flow: number, row: number, identity: number): boolean {
    const { block, sources } = this;
    const owner = this.ownerOf(flow);
    if (sources[owner + IDENTITY] !== identity) return false;
    const address = block.sourceAddress[row]!;
    return block.sourceKind[row] === ADDRESS_IPV4
      ? (sources[owner + SOURCE_ADDRESS]! ^ address) === 0
      : isIpv6(sources, owner + SOURCE_ADDRESS, block.ipv6Words, address * 4);
  }

  /** Writes a flow without its link, and beyond its end what does not matter. */
  put(view: DataView, start: number, flow: number): number {
    const { flows } = this;
    const from = flow * FLOW_WORDS;
    const rest = flows[from + REST]!;
    const kind = rest & 0xff;
    let at = start;
    if (kind === ADDRESS_IPV4) {
      view.setUint8(at, 8);
      view.setUint32(at + 1, flows[from + ADDRESS]!);
      at += 5;
    } else if (kind === ADDRESS_IPV6) {
      view.setUint8(at, 32);
      for (let word = 0; word < 4; word++)
        view.setUint32(at + 1 + 4 * word, flows[from + ADDRESS + word]!, LITTLE_ENDIAN);
      at += 17;
    } else view.setUint8(at++, 0);
    if (((rest >>> 24) & HAS_IP) !== 0) {
      at = put16(view, at, (rest >>> 8) & 0xff);
      at = put16(view, at, (rest >>> 16) & 0xff);
    } else at = putTwoMinusOnes(view, at);
    if (((rest >>> 24) & HAS_PORTS) === 0) return putTwoMinusOnes(view, at);
    const ports = flows[from + PORTS]!;
    at = put16(view, at, ports >>> 16);
    return put16(view, at, ports & 0xffff);
  }

  clear(): void {
    this.mask = emptied(this.slots, this.mask, this.hashed);
    this.base = (this.base + this.count) | 0;
    this.count = this.hashed = 0;
    this.links.clear();
  }
}

function portsOf(block: PacketBlock, row: number): number {
  return (block.present[row]! & HAS_PORTS) === 0 ? 0 : (block.sourcePort[row]! << 16) | block.destinationPort[row]!;
}

function restOf(block: PacketBlock, row: number): number {
  const present = block.present[row]! & (HAS_IP | HAS_PORTS);
  const layer = (present & HAS_IP) === 0 ? 0 : (block.ipProtocol[row]! << 8) | (block.ttl[row]! << 16);
  return block.destinationKind[row]! | layer | (present << 24);
}

function lastWord(block: PacketBlock, row: number): number {
  const address = block.destinationAddress[row]!;
  if (block.destinationKind[row] === ADDRESS_IPV4) return address;
  return block.destinationKind[row] === ADDRESS_IPV6 ? block.ipv6Words[address * 4 + 3]! : 0;
}

function isIpv6(words: Int32Array, at: number, addresses: Int32Array, from: number): boolean {
  for (let word = 0; word < 4; word++) if ((words[at + word]! ^ addresses[from + word]!) !== 0) return false;
  return true;
}
