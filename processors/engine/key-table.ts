/**
 * The keys an engine watches (hosts, by scope and address, or texts): flat columns under one open-addressing index, with a list from
 * the most to the least recently active for eviction. IPv4 and IPv6 share the layout: an address is four words.
 */
import { grown, nextCapacity, reservedFor } from './growth.js';

export const NONE = -1;

/** Added to the kind of an address that is watched as a target. */
export const KEY_TARGET = 16;
/** The key is a text; its words are a hash of it. */
export const KEY_TEXT = 64;

/** More than one in so many keys at once: then mending the index costs more than making it anew. */
const MANY = 8;

/** Bytes a key takes in the columns and, at its fullest, in the index. */
const BYTES_PER_KEY = 88;

/** Columns begin with nothing and grow at once, for the reason that WindowStore gives. */
export class KeyTable {
  /** Keys in the table. */
  size = 0;
  /** Newest capture time of the key, µs. */
  clock = new Float64Array(0);
  /** Index of its scope: timeline group and site. */
  scope = new Uint32Array(0);
  /** 1 when the input says what became of its attempts. */
  outcomes = new Uint8Array(0);
  /** Event time after which something is to be settled before its next packet, µs (attempts.ts); ∞ when there is nothing. */
  due = new Float64Array(0);
  /** Serial of the timeline of its last packet that was not late; 0 for a restored key before its first. */
  run = new Uint32Array(0);
  /** Serial of the timeline that it began with, or started over with; 0 as in `run`. */
  founder = new Uint32Array(0);
  /** ADDRESS_IPV4 or ADDRESS_IPV6 of a source, KEY_TARGET added for a target, KEY_TEXT; 0 marks a free slot. */
  kind = new Uint8Array(0);
  /** Four words a slot. */
  words = new Uint32Array(0);
  /** First window of the key in the window store. */
  windows = new Int32Array(0);
  /** First and last attempt of the key that waits for its outcome, and its first failure (attempts.ts). */
  attempt = new Int32Array(0);
  lastAttempt = new Int32Array(0);
  failure = new Int32Array(0);
  /** What is kept of its first packet (first-packets.ts). */
  first = new Int32Array(0);
  private newer = new Int32Array(0);
  private older = new Int32Array(0);
  private newest = NONE;
  private oldest = NONE;
  private free = NONE;
  private used = 0;
  private capacity = 0;
  private reserved = 0;
  /**
   * Slots by hash, above each the part of the hash that its place does not tell: most keys that are looked up in a flood are new,
   * and to read the words of each slot on the way costs a miss of the cache. A slot is always below the length of the index.
   */
  private index = new Int32Array(0);
  private indexMask = -1;

  constructor(capacity = 1024) {
    this.growTo(capacity);
    this.rebuildIndex(2048);
    this.free = NONE;
  }

  get bytes(): number {
    return this.capacity * (BYTES_PER_KEY - 8) + this.index.length * 4;
  }

  /** Bytes that `add` would take beyond `bytes`; 0 while a slot is free. */
  get growthBytes(): number {
    if (this.free !== NONE || this.used < this.capacity) return 0;
    const capacity = nextCapacity(this.capacity);
    const index = capacity > this.index.length * 0.7 ? this.index.length * 4 : 0;
    return (capacity - this.capacity) * (BYTES_PER_KEY - 8) + index;
  }

  /** The slot of a key, or `NONE`. */
  find(scope: number, kind: number, w0: number, w1: number, w2: number, w3: number): number {
    const { index, indexMask } = this;
    const whole = hash(scope, w0, w1, w2, w3);
    let at = whole & indexMask;
    for (;;) {
      const entry = index[at]!;
      if (entry === NONE) return NONE;
      const slot = entry & indexMask;
      const word = slot * 4;
      if (
        ((entry ^ whole) & ~indexMask) === 0 &&
        this.words[word] === w0 &&
        this.kind[slot] === kind &&
        this.scope[slot] === scope &&
        this.words[word + 1] === w1 &&
        this.words[word + 2] === w2 &&
        this.words[word + 3] === w3
      ) {
        return slot;
      }
      at = (at + 1) & indexMask;
    }
  }

  /** Adds a key that is not there, as the most recently active one. */
  add(scope: number, run: number, kind: number, w0: number, w1: number, w2: number, w3: number, clock: number): number {
    if (this.free === NONE && this.used === this.capacity) this.growTo(nextCapacity(this.capacity));
    let slot = this.free;
    if (slot === NONE) slot = this.used++;
    else this.free = this.older[slot]!;
    const word = slot * 4;
    this.words[word] = w0;
    this.words[word + 1] = w1;
    this.words[word + 2] = w2;
    this.words[word + 3] = w3;
    this.kind[slot] = kind;
    this.scope[slot] = scope;
    this.outcomes[slot] = 0;
    this.due[slot] = Number.POSITIVE_INFINITY;
    this.run[slot] = run;
    this.founder[slot] = run;
    this.clock[slot] = clock;
    this.windows[slot] = NONE;
    this.attempt[slot] = NONE;
    this.lastAttempt[slot] = NONE;
    this.failure[slot] = NONE;
    this.first[slot] = NONE;
    this.linkNewest(slot);
    this.size++;
    this.insertIndex(slot, hash(scope, w0, w1, w2, w3));
    return slot;
  }

  /** Makes a key the most recently active one. */
  touch(slot: number): void {
    if (slot === this.newest) return;
    this.unlink(slot);
    this.linkNewest(slot);
  }

  /** The least recently active key, or `NONE`. */
  get leastRecent(): number {
    return this.oldest;
  }

  remove(slot: number): void {
    this.removeIndex(slot);
    this.release(slot);
  }

  /** Removes several keys; where they are many the index is made anew once, not mended for each. */
  removeAll(slots: readonly number[]): void {
    if (slots.length < this.size / MANY) {
      for (const slot of slots) this.remove(slot);
      return;
    }
    for (const slot of slots) this.release(slot);
    this.rebuildIndex(this.index.length);
  }

  private release(slot: number): void {
    this.unlink(slot);
    this.kind[slot] = 0;
    this.older[slot] = this.free;
    this.free = slot;
    this.size--;
  }

  /** Slots below this have been used; those of kind 0 are free. */
  get slots(): number {
    return this.used;
  }

  private linkNewest(slot: number): void {
    this.newer[slot] = NONE;
    this.older[slot] = this.newest;
    if (this.newest !== NONE) this.newer[this.newest] = slot;
    this.newest = slot;
    if (this.oldest === NONE) this.oldest = slot;
  }

  private unlink(slot: number): void {
    const newer = this.newer[slot]!;
    const older = this.older[slot]!;
    if (newer === NONE) this.newest = older;
    else this.older[newer] = older;
    if (older === NONE) this.oldest = newer;
    else this.newer[older] = newer;
  }

  private hashOf(slot: number): number {
    const word = slot * 4;
    const { words } = this;
    return hash(this.scope[slot]!, words[word]!, words[word + 1]!, words[word + 2]!, words[word + 3]!);
  }

  private putIndex(slot: number, whole: number): void {
    const { index, indexMask } = this;
    let at = whole & indexMask;
    while (index[at] !== NONE) at = (at + 1) & indexMask;
    index[at] = (whole & ~indexMask) | slot;
  }

  private insertIndex(slot: number, whole: number): void {
    if (this.size > this.index.length * 0.7) {
      this.rebuildIndex(this.index.length * 2);
      return;
    }
    this.putIndex(slot, whole);
  }

  private rebuildIndex(length: number): void {
    if (length === this.index.length) this.index.fill(NONE);
    else this.index = new Int32Array(length).fill(NONE);
    this.indexMask = length - 1;
    for (let slot = 0; slot < this.used; slot++) {
      if (this.kind[slot] !== 0) this.putIndex(slot, this.hashOf(slot));
    }
  }

  /** Deletion that shifts later entries back (Knuth 6.4, algorithm R), so that no tombstones pile up. */
  private removeIndex(slot: number): void {
    const whole = this.hashOf(slot);
    const own = (whole & ~this.indexMask) | slot;
    let hole = whole & this.indexMask;
    while (this.index[hole] !== own) hole = (hole + 1) & this.indexMask;
    let at = hole;
    for (;;) {
      at = (at + 1) & this.indexMask;
      const candidate = this.index[at]!;
      if (candidate === NONE) break;
      const home = this.hashOf(candidate & this.indexMask) & this.indexMask;
      if (((at - home) & this.indexMask) >= ((at - hole) & this.indexMask)) {
        this.index[hole] = candidate;
        hole = at;
      }
    }
    this.index[hole] = NONE;
  }

  private growTo(capacity: number): void {
    this.capacity = capacity;
    if (capacity <= this.reserved) return;
    this.reserved = reservedFor(capacity);
    this.clock = grown(this.clock, this.reserved);
    this.scope = grown(this.scope, this.reserved);
    this.outcomes = grown(this.outcomes, this.reserved);
    this.due = grown(this.due, this.reserved);
    this.run = grown(this.run, this.reserved);
    this.founder = grown(this.founder, this.reserved);
    this.kind = grown(this.kind, this.reserved);
    this.words = grown(this.words, this.reserved * 4);
    this.windows = grown(this.windows, this.reserved);
    this.attempt = grown(this.attempt, this.reserved);
    this.lastAttempt = grown(this.lastAttempt, this.reserved);
    this.failure = grown(this.failure, this.reserved);
    this.first = grown(this.first, this.reserved);
    this.newer = grown(this.newer, this.reserved);
    this.older = grown(this.older, this.reserved);
  }
}

/** The finaliser of MurmurHash3 over the words; IPv4 addresses have only the first. */
function hash(scope: number, w0: number, w1: number, w2: number, w3: number): number {
  let h = w0 ^ Math.imul(scope + 1, 0x9e3779b1);
  if ((w1 | w2 | w3) !== 0) {
    h = Math.imul(h ^ (h >>> 15), 0x85ebca6b) ^ w1;
    h = Math.imul(h ^ (h >>> 15), 0xc2b2ae35) ^ w2;
    h = Math.imul(h ^ (h >>> 15), 0x27d4eb2f) ^ w3;
  }
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}
