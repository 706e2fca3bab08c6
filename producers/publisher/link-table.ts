/**
 * Links of packets (MACs, VLANs, EtherType), so that a record says each once: encoded when they are first seen, and kept from
 * flush to flush, for they hardly change. Typed arrays that are used again.
 */
import { HAS_MACS, type PacketBlock } from '../../schemas/packets/packet-block.js';
import { LINK_BYTES_MAX, PacketEncoder } from '../../schemas/packets/packet-encoding.js';
import { copyRun, type Memory, memoryOf } from './copy-run.js';
import { emptied, enter, SLOTS_MIN, widen } from './slots.js';

const LINK_WORDS = 8;
const EMPTY = -1;
/** In place of a link: none. */
export const NO_LINK = -1;
/** Links that are kept for the next flush; of more all are forgotten. */
const KEPT_MAX = 8192;

export class LinkTable {
  /** Links there can be at once. */
  readonly capacity: number;
  private count = 0;
  private readonly links: Int32Array;
  private readonly slots: Int32Array;
  /** How many slots are in use, less one. */
  private mask = SLOTS_MIN - 1;
  /** Hashes, with which slots are given anew when there are more of them. */
  private readonly hashes: Int32Array;
  private readonly memory: Memory;
  private readonly lengths: Uint8Array;
  private readonly encoder: PacketEncoder;

  /** @param most links that a flush can have; a power of two, and not below half of `SLOTS_MIN` */
  constructor(
    private readonly block: PacketBlock,
    most: number,
  ) {
    this.capacity = most + KEPT_MAX;
    this.links = new Int32Array(this.capacity * LINK_WORDS);
    this.slots = new Int32Array(4 * most).fill(EMPTY);
    this.hashes = new Int32Array(this.capacity);
    this.memory = memoryOf(this.capacity * LINK_BYTES_MAX);
    this.lengths = new Uint8Array(this.capacity);
    this.encoder = new PacketEncoder(block, this.memory.bytes);
  }

  /** The link of a row. @param likely one that it may be, or `NO_LINK` */
  find(row: number, likely: number): number {
    if (likely !== NO_LINK && this.is(likely, row)) return likely;
    const { block, slots, mask } = this;
    const { macWords } = block;
    const from = row * 3;
    const vlans = block.vlan[row]! | (block.innerVlan[row]! << 16);
    const hasMacs = block.present[row]! & HAS_MACS;
    let hash = vlans ^ Math.imul(block.etherType[row]! | (hasMacs << 16), 0x9e3779b1);
    if (hasMacs !== 0) {
      hash = Math.imul(macWords[from]! ^ Math.imul(macWords[from + 1]!, 0x9e3779b1), 0x85ebca6b) ^ hash;
      hash = Math.imul(hash ^ (hash >>> 15), 0xc2b2ae35) ^ macWords[from + 2]!;
    }
    hash = Math.imul(hash ^ (hash >>> 13), 0x85ebca6b);
    hash ^= hash >>> 16;
    for (let slot = hash & mask; ; slot = (slot + 1) & mask) {
      const link = slots[slot]!;
      if (link === EMPTY) return this.add(row, hash);
      if (this.is(link, row)) return link;
    }
  }

  /** Whether a row has this link. */
  is(link: number, row: number): boolean {
    const { links, block } = this;
    const at = link * LINK_WORDS;
    const hasMacs = block.present[row]! & HAS_MACS;
    if (links[at + 3] !== (block.vlan[row]! | (block.innerVlan[row]! << 16))) return false;
    if (links[at + 4] !== (block.etherType[row]! | (hasMacs << 16))) return false;
    if (hasMacs === 0) return true;
    const { macWords } = block;
    const from = row * 3;
    return (
      (links[at]! ^ macWords[from]!) === 0 &&
      (links[at + 1]! ^ macWords[from + 1]!) === 0 &&
      (links[at + 2]! ^ macWords[from + 2]!) === 0
    );
  }

  private add(row: number, hash: number): number {
    const { block, links } = this;
    const link = this.count++;
    const at = link * LINK_WORDS;
    const hasMacs = block.present[row]! & HAS_MACS;
    for (let word = 0; word < 3; word++) links[at + word] = hasMacs === 0 ? 0 : block.macWords[row * 3 + word]!;
    links[at + 3] = block.vlan[row]! | (block.innerVlan[row]! << 16);
    links[at + 4] = block.etherType[row]! | (hasMacs << 16);
    this.hashes[link] = hash;
    if (2 * link < this.mask) enter(this.slots, this.mask, hash, link);
    else this.mask = widen(this.slots, this.mask, this.hashes, this.count);
    const start = link * LINK_BYTES_MAX;
    this.lengths[link] = this.encoder.putLink(start, row) - start;
    return link;
  }

  put(to: Memory, at: number, link: number): number {
    const from = link * LINK_BYTES_MAX;
    return copyRun(this.memory, from, from + this.lengths[link]!, to, at);
  }

  /** A flush is over: numbers of links mean nothing any more when there were too many to keep. */
  clear(): void {
    if (this.count <= KEPT_MAX) return;
    this.mask = emptied(this.slots, this.mask, this.count);
    this.count = 0;
  }
}
