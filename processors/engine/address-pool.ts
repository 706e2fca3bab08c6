/**
 * IPv6 addresses that windows refer to, each kept once and counted: 16 bytes here and a number there, where writing the
 * address into every sighting would double the state.
 */
import { grown, nextCapacity } from './growth.js';

const NONE = -1;

export class AddressPool {
  bytes: Uint8Array = new Uint8Array(0);
  private references = new Uint32Array(0);
  private chain = new Int32Array(0);
  private buckets = new Int32Array(256);
  private capacity = 0;
  private used = 0;
  private size = 0;
  private free = NONE;

  /** Columns begin with nothing and grow at once, for the reason that WindowStore gives. */
  constructor() {
    this.growTo(256);
    this.rehash();
    this.free = NONE;
  }

  get stateBytes(): number {
    return this.capacity * 24 + this.buckets.length * 4;
  }

  /** The number of the address at `offset`, held once more than before. */
  hold(from: Uint8Array, offset: number): number {
    const bucket = hash(from, offset) & (this.buckets.length - 1);
    for (let entry = this.buckets[bucket]!; entry !== NONE; entry = this.chain[entry]!) {
      if (this.equals(entry, from, offset)) {
        this.references[entry]!++;
        return entry;
      }
    }
    return this.add(from, offset);
  }

  /** Holds an address of the pool once more. */
  retain(entry: number): void {
    this.references[entry]!++;
  }

  release(entry: number): void {
    if (--this.references[entry]! > 0) return;
    const bucket = hash(this.bytes, entry * 16) & (this.buckets.length - 1);
    if (this.buckets[bucket] === entry) {
      this.buckets[bucket] = this.chain[entry]!;
    } else {
      let before = this.buckets[bucket]!;
      while (this.chain[before] !== entry) before = this.chain[before]!;
      this.chain[before] = this.chain[entry]!;
    }
    this.chain[entry] = this.free;
    this.free = entry;
    this.size--;
  }

  private equals(entry: number, from: Uint8Array, offset: number): boolean {
    const at = entry * 16;
    for (let i = 15; i >= 0; i--) {
      if (this.bytes[at + i] !== from[offset + i]) return false;
    }
    return true;
  }

  private add(from: Uint8Array, offset: number): number {
    if (this.size >= this.buckets.length) this.rehash();
    let entry = this.free;
    if (entry !== NONE) {
      this.free = this.chain[entry]!;
    } else {
      if (this.used === this.capacity) this.growTo(nextCapacity(this.capacity));
      entry = this.used++;
    }
    for (let i = 0; i < 16; i++) this.bytes[entry * 16 + i] = from[offset + i]!;
    this.references[entry] = 1;
    this.link(entry);
    this.size++;
    return entry;
  }

  private link(entry: number): void {
    const bucket = hash(this.bytes, entry * 16) & (this.buckets.length - 1);
    this.chain[entry] = this.buckets[bucket]!;
    this.buckets[bucket] = entry;
  }

  private rehash(): void {
    this.buckets = new Int32Array(this.buckets.length * 2).fill(NONE);
    for (let entry = 0; entry < this.used; entry++) {
      if (this.references[entry]! > 0) this.link(entry);
    }
  }

  private growTo(capacity: number): void {
    this.capacity = capacity;
    this.bytes = grown(this.bytes, this.capacity * 16);
    this.references = grown(this.references, this.capacity);
    this.chain = grown(this.chain, this.capacity);
  }
}

function hash(bytes: Uint8Array, offset: number): number {
  let h = 0x811c9dc5;
  for (let i = 0; i < 16; i++) h = Math.imul(h ^ bytes[offset + i]!, 0x01000193);
  return (h ^ (h >>> 15)) >>> 0;
}
