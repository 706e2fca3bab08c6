/**
 * The distinct sources of a unit, numbered from 0: what records are ordered by and statistics count by, so that no text is
 * made of a source unless it is written somewhere. A table of open addressing, reused.
 */
import ipaddr from 'ipaddr.js';
import { ADDRESS_TEXT_MAX, formatAddressBytes, putIpv4Text } from '../../schemas/address.js';
import {
  ADDRESS_IPV4,
  ADDRESS_IPV6,
  ADDRESS_MAC,
  ADDRESS_NONE,
  type PacketBlock,
} from '../../schemas/packets/packet-block.js';
import { hashOfWords } from '../packets/address-dictionary.js';
import { sketchBitOf } from './source-sketch.js';

/** At first. */
const ENTRIES = 1 << 12;
const UNKNOWN = 0xffff;

export class SourceDictionary {
  size = 0;
  private kinds = new Uint8Array(ENTRIES);
  /** Four words an entry, those of an address from the first on, the rest 0. */
  private words = new Uint32Array(4 * ENTRIES);
  private sketchBits = new Uint16Array(ENTRIES);
  /** Number of the entry in each slot, from 1; 0 is free. A power of two, at most half full. */
  private slots = new Int32Array(2 * ENTRIES);
  private readonly bytes = new DataView(new ArrayBuffer(16));
  /** `putIpv4Text` may write three bytes more than the text has. */
  private readonly text = Buffer.alloc(ADDRESS_TEXT_MAX + 3);

  reset(): void {
    if (this.size > 0) this.slots.fill(0);
    this.size = 0;
  }

  /** The number of the source of a row. */
  numberOf(block: PacketBlock, row: number): number {
    const kind = block.sourceKind[row]!;
    if (kind === ADDRESS_IPV4) return this.find(kind, block.sourceAddress[row]!, 0, 0, 0);
    if (kind === ADDRESS_IPV6) {
      const at = 16 * block.sourceAddress[row]!;
      const { ipv6View: view } = block;
      return this.find(kind, view.getInt32(at), view.getInt32(at + 4), view.getInt32(at + 8), view.getInt32(at + 12));
    }
    if (kind !== ADDRESS_MAC) return this.find(kind, 0, 0, 0, 0);
    const { macView } = block;
    return this.find(kind, macView.getInt32(12 * row), macView.getUint16(12 * row + 4), 0, 0);
  }

  /** The number of a source that `textOf` has given, now or at another time. */
  numberOfText(text: string): number {
    const { bytes } = this;
    const parts = addressBytes(text);
    for (let index = 0; index < 16; index++) bytes.setUint8(index, parts[index] ?? 0);
    if (parts.length === 6) return this.find(ADDRESS_MAC, bytes.getUint32(0), bytes.getUint16(4), 0, 0);
    const kind = parts.length === 4 ? ADDRESS_IPV4 : parts.length === 16 ? ADDRESS_IPV6 : ADDRESS_NONE;
    return this.find(kind, bytes.getUint32(0), bytes.getUint32(4), bytes.getUint32(8), bytes.getUint32(12));
  }

  /** As the record key. */
  textOf(number: number): string {
    const { bytes, words } = this;
    const kind = this.kinds[number];
    for (let index = 0; index < 4; index++) bytes.setUint32(4 * index, words[4 * number + index]!);
    if (kind === ADDRESS_MAC) bytes.setUint16(4, words[4 * number + 1]!);
    const length = kind === ADDRESS_IPV4 ? 4 : kind === ADDRESS_IPV6 ? 16 : kind === ADDRESS_MAC ? 6 : 0;
    return formatAddressBytes(new Uint8Array(bytes.buffer, 0, length));
  }

  /** The highest 32 bits of the address: sources of one network are near each other in it. */
  firstWordOf(number: number): number {
    return this.words[4 * number]!;
  }

  /** The bit that the source sets in a sketch. */
  sketchBitOf(number: number): number {
    const known = this.sketchBits[number]!;
    if (known !== UNKNOWN) return known;
    const { text } = this;
    const length =
      this.kinds[number] === ADDRESS_IPV4
        ? putIpv4Text(text, 0, this.words[4 * number]!)
        : text.write(this.textOf(number), 'latin1');
    const bit = sketchBitOf(text, length);
    this.sketchBits[number] = bit;
    return bit;
  }

  private find(kind: number, w0: number, w1: number, w2: number, w3: number): number {
    const { slots, words } = this;
    const mask = slots.length - 1;
    for (let slot = hashOfWords(w0, w1, w2, w3) & mask; ; slot = (slot + 1) & mask) {
      const number = slots[slot]! - 1;
      if (number < 0) return this.append(slot, kind, w0, w1, w2, w3);
      const at = 4 * number;
      if (
        words[at] === w0 >>> 0 &&
        words[at + 1] === w1 >>> 0 &&
        words[at + 2] === w2 >>> 0 &&
        words[at + 3] === w3 >>> 0 &&
        this.kinds[number] === kind
      ) {
        return number;
      }
    }
  }

  private append(slot: number, kind: number, w0: number, w1: number, w2: number, w3: number): number {
    const number = this.size++;
    this.slots[slot] = number + 1;
    this.kinds[number] = kind;
    this.words[4 * number] = w0;
    this.words[4 * number + 1] = w1;
    this.words[4 * number + 2] = w2;
    this.words[4 * number + 3] = w3;
    this.sketchBits[number] = UNKNOWN;
    if (this.size === this.kinds.length) this.grow();
    return number;
  }

  private grow(): void {
    const entries = 2 * this.kinds.length;
    const { kinds, words, sketchBits } = this;
    this.kinds = new Uint8Array(entries);
    this.kinds.set(kinds);
    this.words = new Uint32Array(4 * entries);
    this.words.set(words);
    this.sketchBits = new Uint16Array(entries);
    this.sketchBits.set(sketchBits);
    const slots = new Int32Array(2 * entries);
    const mask = slots.length - 1;
    for (let number = 0; number < this.size; number++) {
      let slot =
        hashOfWords(words[4 * number]!, words[4 * number + 1]!, words[4 * number + 2]!, words[4 * number + 3]!) & mask;
      while (slots[slot] !== 0) slot = (slot + 1) & mask;
      slots[slot] = number + 1;
    }
    this.slots = slots;
  }
}

/** What `formatAddressBytes` has made a text of. */
function addressBytes(text: string): readonly number[] {
  if (/^([\da-f]{2}:){5}[\da-f]{2}$/.test(text)) return text.split(':').map((byte) => Number.parseInt(byte, 16));
  return ipaddr.isValid(text) ? ipaddr.parse(text).toByteArray() : [];
}
