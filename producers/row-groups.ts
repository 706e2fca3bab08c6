/**
 * Groups the rows of a block by source and origin: the rows of a group become one record. Open addressing over typed
 * arrays that are reused from block to block, because a Map keyed by text cost more than decoding the packets.
 */
import { ADDRESS_IPV6, ADDRESS_MAC, ADDRESS_NONE, type PacketBlock } from '../schemas/packet-block.js';

const EMPTY = -1;

export class RowGroups {
  /** Rows with a source, group by group, in each group in the order of the block. */
  readonly rows: Uint32Array;
  /** Group `g` is `rows[starts[g] … starts[g + 1])`. */
  readonly starts: Uint32Array;
  /** Groups, in the order in which their sources first appear. */
  count = 0;
  /** Rows without any source, which belong to no group. */
  sourceless = 0;

  private readonly groupOfRow: Int32Array;
  private readonly firstRow: Uint32Array;
  private readonly hashOfGroup: Uint32Array;
  private readonly slotOfGroup: Uint32Array;
  private readonly slots: Int32Array;
  private readonly mask: number;

  /** @param capacity rows of the largest block that will be grouped */
  constructor(capacity: number) {
    this.rows = new Uint32Array(capacity);
    this.starts = new Uint32Array(capacity + 2);
    this.groupOfRow = new Int32Array(capacity);
    this.firstRow = new Uint32Array(capacity);
    this.hashOfGroup = new Uint32Array(capacity);
    this.slotOfGroup = new Uint32Array(capacity);
    const slots = 2 ** Math.ceil(Math.log2(Math.max(16, capacity * 2)));
    this.slots = new Int32Array(slots).fill(EMPTY);
    this.mask = slots - 1;
  }

  group(block: PacketBlock): void {
    const rows = block.count;
    const { groupOfRow, starts } = this;
    this.clear();
    for (let row = 0; row < rows; row++) {
      if (block.sourceKind[row] === ADDRESS_NONE) {
        groupOfRow[row] = EMPTY;
        this.sourceless++;
        continue;
      }
      const group = this.find(block, row);
      groupOfRow[row] = group;
      starts[group + 2]!++;
    }
    // Counting sort: starts[g + 2] holds the size of g; summed up, starts[g + 1] walks from the start of g to its end.
    for (let group = 0; group < this.count; group++) starts[group + 2]! += starts[group + 1]!;
    for (let row = 0; row < rows; row++) {
      const group = groupOfRow[row]!;
      if (group !== EMPTY) this.rows[starts[group + 1]!++] = row;
    }
  }

  /** Only the slots in use are emptied: a block of few sources costs no pass over the table. */
  private clear(): void {
    for (let group = 0; group < this.count; group++) this.slots[this.slotOfGroup[group]!] = EMPTY;
    this.starts.fill(0, 0, this.count + 2);
    this.count = 0;
    this.sourceless = 0;
  }

  private find(block: PacketBlock, row: number): number {
    const hash = hashSource(block, row);
    let slot = hash & this.mask;
    for (;;) {
      const group = this.slots[slot]!;
      if (group === EMPTY) break;
      if (this.hashOfGroup[group] === hash && sameSource(block, row, this.firstRow[group]!)) return group;
      slot = (slot + 1) & this.mask;
    }
    const group = this.count++;
    this.slots[slot] = group;
    this.slotOfGroup[group] = slot;
    this.hashOfGroup[group] = hash;
    this.firstRow[group] = row;
    this.starts[group + 2] = 0;
    return group;
  }
}

function hashSource(block: PacketBlock, row: number): number {
  const kind = block.sourceKind[row]!;
  let hash = Math.imul(block.origin[row]! ^ (kind << 16), 0x9e3779b1);
  if (kind === ADDRESS_IPV6) hash = hashBytes(hash, block.ipv6, block.sourceAddress[row]! * 16, 16);
  else if (kind === ADDRESS_MAC) hash = hashBytes(hash, block.macs, row * 12, 6);
  else hash = Math.imul(hash ^ block.sourceAddress[row]!, 0x85ebca6b);
  // The finish of MurmurHash3: neighbouring addresses must not fall into neighbouring slots.
  hash = Math.imul(hash ^ (hash >>> 16), 0xc2b2ae35);
  return (hash ^ (hash >>> 13)) >>> 0;
}

function hashBytes(seed: number, bytes: Uint8Array, from: number, length: number): number {
  let hash = seed;
  for (let i = from; i < from + length; i++) hash = Math.imul(hash ^ bytes[i]!, 0x01000193);
  return hash;
}

function sameSource(block: PacketBlock, row: number, other: number): boolean {
  const kind = block.sourceKind[row]!;
  if (kind !== block.sourceKind[other] || block.origin[row] !== block.origin[other]) return false;
  if (kind === ADDRESS_IPV6) {
    return sameBytes(block.ipv6, block.sourceAddress[row]! * 16, block.sourceAddress[other]! * 16, 16);
  }
  if (kind === ADDRESS_MAC) return sameBytes(block.macs, row * 12, other * 12, 6);
  return block.sourceAddress[row] === block.sourceAddress[other];
}

function sameBytes(bytes: Uint8Array, a: number, b: number, length: number): boolean {
  for (let i = 0; i < length; i++) if (bytes[a + i] !== bytes[b + i]) return false;
  return true;
}
