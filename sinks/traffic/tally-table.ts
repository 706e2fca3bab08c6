/**
 * Packets and bytes by a whole number (a port, a protocol, the number of a source): a table of open addressing over
 * columns, since nearly every packet looks one up.
 */

/** At first; most minutes of most nodes have few protocols, and a minute of an old capture has little of anything. */
const ENTRIES = 8;

export class TallyTable {
  /** Entries in use, in the order in which their keys came. */
  size = 0;
  keys = new Int32Array(ENTRIES);
  packets = new Float64Array(ENTRIES);
  bytes = new Float64Array(ENTRIES);
  /** Number of the entry in each slot, from 1; 0 is free. A power of two, at most half full. */
  private slots = new Int32Array(2 * ENTRIES);

  /** The entry of a key, or -1. */
  find(key: number): number {
    return this.slots[this.slotOf(key)]! - 1;
  }

  add(key: number, packets: number, bytes: number): void {
    const slot = this.slotOf(key);
    let entry = this.slots[slot]! - 1;
    if (entry < 0) entry = this.append(slot, key);
    this.packets[entry]! += packets;
    this.bytes[entry]! += bytes;
  }

  addAll(other: TallyTable): void {
    const { keys, packets, bytes, size } = other;
    for (let entry = 0; entry < size; entry++) this.add(keys[entry]!, packets[entry]!, bytes[entry]!);
  }

  /** Where the key is, or where it belongs. */
  private slotOf(key: number): number {
    const { slots, keys } = this;
    const mask = slots.length - 1;
    const hash = Math.imul(key, 0x9e3779b1);
    for (let slot = (hash ^ (hash >>> 15)) & mask; ; slot = (slot + 1) & mask) {
      const entry = slots[slot]! - 1;
      if (entry < 0 || keys[entry] === key) return slot;
    }
  }

  private append(slot: number, key: number): number {
    const entry = this.size++;
    this.slots[slot] = entry + 1;
    this.keys[entry] = key;
    if (this.size === this.keys.length) this.grow();
    return entry;
  }

  private grow(): void {
    const entries = 2 * this.keys.length;
    this.keys = enlarged(this.keys, new Int32Array(entries));
    this.packets = enlarged(this.packets, new Float64Array(entries));
    this.bytes = enlarged(this.bytes, new Float64Array(entries));
    this.slots = new Int32Array(2 * entries);
    for (let entry = 0; entry < this.size; entry++) this.slots[this.slotOf(this.keys[entry]!)] = entry + 1;
  }
}

function enlarged<Column extends Int32Array | Float64Array>(from: Column, to: Column): Column {
  to.set(from);
  return to;
}
