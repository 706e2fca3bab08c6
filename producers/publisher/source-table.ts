/**
 * The sources of a flush: a hash table of what is known of each (source-words.ts), in typed arrays that are used again. Hosts
 * that are no addresses (links, networks) are in it by number, their texts beside it.
 */
import { ADDRESS_TEXT_MAX, putIpv4Text } from '../../schemas/address.js';
import { ADDRESS_IPV4 } from '../../schemas/packets/packet-block.js';
import { ADDRESS_TEXT, addressLength, putAddressText } from './source-key.js';
import { ADDRESS, FIRST_TIMESTAMP, HASH, IDENTITY, NEXT, SLOT, SOURCE_WORDS as WORDS } from './source-words.js';

/** In place of a source: there is none. */
export const NO_SOURCE = -1;
const TEXT_BYTES_A_CHARACTER = 3;
const SLOTS_MIN = 4096;
/** In place of a slot: it is another's, of the same address. */
const NO_SLOT = -1;

export class SourceTable {
  count = 0;
  readonly words: Int32Array;
  /** The same memory. */
  readonly bytes: Uint8Array;
  readonly times: Float64Array;
  /** First words of sources, by hash: open addressing. */
  private readonly slots: Int32Array;
  /** How many slots are in use, less one: those of few sources all stay in the processor's caches. */
  private mask = SLOTS_MIN - 1;
  /** Where the source that was not found belongs. */
  private free = 0;
  private readonly texts: string[] = [];
  private readonly textNumbers = new Map<string, number>();
  private textBytes = 0;

  /** @param slots a power of two, above the number of sources, and not below `SLOTS_MIN` */
  constructor(sources: number, slots: number) {
    this.words = new Int32Array(sources * WORDS);
    this.bytes = new Uint8Array(this.words.buffer);
    this.times = new Float64Array(this.words.buffer);
    this.slots = new Int32Array(slots).fill(NO_SOURCE);
  }

  /** The source that is first at a hash, which may be another's, or `NO_SOURCE`. */
  peek(hash: number): number {
    return this.slots[hash & this.mask]!;
  }

  /**
   * The number of the source's first word, or `NO_SOURCE`.
   *
   * @param bytes its address from `from` on, unless it is one of IPv4 or a text: then `value`
   */
  find(identity: number, hash: number, bytes: Uint8Array, from: number, value: number): number {
    const { words, slots, mask } = this;
    const isNumber = isNumbered(identity);
    let slot = hash & mask;
    for (;;) {
      const source = slots[slot]!;
      if (source === NO_SOURCE) break;
      if (
        words[source + HASH] === hash &&
        words[source + IDENTITY] === identity &&
        (isNumber ? (words[source + ADDRESS]! ^ value) === 0 : this.hasAddress(source, bytes, from, identity))
      ) {
        return source;
      }
      slot = (slot + 1) & mask;
    }
    this.free = slot;
    return NO_SOURCE;
  }

  /** Adds the source that `find` has just not found, with its address and nothing else. */
  add(identity: number, hash: number, bytes: Uint8Array, from: number, value: number): number {
    if (2 * this.count >= this.mask && this.mask < this.slots.length - 1) this.widen(hash);
    const source = this.put(this.free);
    const { words } = this;
    words[source + HASH] = hash;
    words[source + IDENTITY] = identity;
    if (isNumbered(identity)) words[source + ADDRESS] = value;
    else {
      const to = (source + ADDRESS) * 4;
      const length = addressLength(identity & 0xff);
      for (let i = 0; i < length; i++) this.bytes[to + i] = bytes[from + i]!;
    }
    return source;
  }

  /** Adds a source of the same address in the place of `full`. */
  addAgain(full: number): number {
    const source = this.put(this.words[full + SLOT]!);
    this.words.copyWithin(source, full, full + NEXT);
    return source;
  }

  /** Takes twice the slots into use and gives all sources theirs anew. @param hash of the source that is about to be added */
  private widen(hash: number): void {
    const { words, slots, count } = this;
    for (let source = 0; source < count * WORDS; source += WORDS) {
      const slot = words[source + SLOT]!;
      if (slot !== NO_SLOT && slots[slot] !== source) words[source + SLOT] = NO_SLOT;
    }
    this.mask = 2 * this.mask + 1;
    slots.fill(NO_SOURCE, 0, this.mask + 1);
    for (let source = 0; source < count * WORDS; source += WORDS) {
      if (words[source + SLOT] === NO_SLOT) continue;
      const slot = this.freeSlot(words[source + HASH]!);
      slots[slot] = source;
      words[source + SLOT] = slot;
    }
    this.free = this.freeSlot(hash);
  }

  private freeSlot(hash: number): number {
    const { slots, mask } = this;
    let slot = hash & mask;
    while (slots[slot] !== NO_SOURCE) slot = (slot + 1) & mask;
    return slot;
  }

  private put(slot: number): number {
    const source = this.count++ * WORDS;
    this.slots[slot] = source;
    this.words[source + SLOT] = slot;
    return source;
  }

  private hasAddress(source: number, bytes: Uint8Array, from: number, identity: number): boolean {
    const own = (source + ADDRESS) * 4;
    const length = addressLength(identity & 0xff);
    for (let i = 0; i < length; i++) if (this.bytes[own + i] !== bytes[from + i]) return false;
    return true;
  }

  /** The number that stands for a text in place of an address. */
  textNumber(text: string): number {
    let number = this.textNumbers.get(text);
    if (number === undefined) {
      number = this.texts.push(text) - 1;
      this.textNumbers.set(text, number);
    }
    this.textBytes += TEXT_BYTES_A_CHARACTER * text.length;
    return number;
  }

  timeOf(source: number): number {
    return this.times[(source + FIRST_TIMESTAMP) >>> 1]!;
  }

  /** More bytes than the keys of all sources take. */
  get keyBytesMax(): number {
    return this.count * ADDRESS_TEXT_MAX + this.textBytes;
  }

  /** Writes the key of a source's record. */
  putKey(bytes: Buffer, at: number, source: number): number {
    const kind = this.words[source + IDENTITY]! & 0xff;
    if (kind === ADDRESS_IPV4) return putIpv4Text(bytes, at, this.words[source + ADDRESS]! >>> 0);
    if (kind === ADDRESS_TEXT) return at + bytes.write(this.texts[this.words[source + ADDRESS]!]!, at);
    return putAddressText(bytes, at, kind, this.bytes, (source + ADDRESS) * 4);
  }

  clear(): void {
    this.slots.fill(NO_SOURCE, 0, this.mask + 1);
    this.mask = SLOTS_MIN - 1;
    while (this.mask < 2 * this.count && this.mask < this.slots.length - 1) this.mask = 2 * this.mask + 1;
    this.count = 0;
    this.textBytes = 0;
    this.texts.length = 0;
    this.textNumbers.clear();
  }
}

function isNumbered(identity: number): boolean {
  const kind = identity & 0xff;
  return kind === ADDRESS_IPV4 || kind === ADDRESS_TEXT;
}
