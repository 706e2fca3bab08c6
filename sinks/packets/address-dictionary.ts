/**
 * Distinct addresses or networks, numbered from 1: the hosts of a segment, and what the index finds its sources and
 * destinations by. A table of open addressing, reused; nothing is allocated for an address.
 */
import { ADDRESS_IPV4, ADDRESS_IPV6, type PacketBlock } from '../../schemas/packets/packet-block.js';
import { INDEXED_PREFIXES, KEYS_MAX, SEGMENT_PACKETS } from '../../schemas/tables/packet-table.js';
import { type CopyBuffer, PGSQL_AF_INET, PGSQL_AF_INET6 } from './copy-buffer.js';

/** The two addresses of each packet, or KEYS_MAX addresses with their networks. */
const ENTRIES_MAX = Math.max(
  2 * SEGMENT_PACKETS,
  KEYS_MAX * (1 + Math.max(INDEXED_PREFIXES.ipv4.length, INDEXED_PREFIXES.ipv6.length)),
);
/** Most that a dictionary takes as an array: its head, and an IPv6 address behind its length each. */
export const ADDRESSES_BYTES_MAX = 24 + ENTRIES_MAX * (4 + 20);
/** A power of two, at most half full. */
const SLOTS = 2048;
const IPV4_BITS = 32;
const IPV6_BITS = 128;
const INET_OID = 869;

export class AddressDictionary {
  /** Addresses and networks. */
  private entries = 0;
  /** Bits that count: 32 or 128 of an address, fewer of a network. */
  private readonly bits = new Uint8Array(ENTRIES_MAX);
  private readonly families = new Uint8Array(ENTRIES_MAX);
  /** Four words an entry, the highest first; IPv4 has one. */
  private readonly words = new Uint32Array(ENTRIES_MAX * 4);
  /** Number of the entry in each slot, from 1; 0 is free. */
  private readonly slots = new Uint16Array(SLOTS);
  private readonly slotOf = new Uint16Array(ENTRIES_MAX);

  reset(): void {
    for (let entry = 0; entry < this.entries; entry++) this.slots[this.slotOf[entry]!] = 0;
    this.entries = 0;
  }

  /** The number of an address of the block, from 1; 0 when it is none. */
  numberOf(block: PacketBlock, kind: number, address: number): number {
    if (kind === ADDRESS_IPV4) return this.find(PGSQL_AF_INET, IPV4_BITS, address, 0, 0, 0);
    if (kind !== ADDRESS_IPV6) return 0;
    const at = address * 16;
    const { ipv6View } = block;
    return this.find(
      PGSQL_AF_INET6,
      IPV6_BITS,
      ipv6View.getInt32(at),
      ipv6View.getInt32(at + 4),
      ipv6View.getInt32(at + 8),
      ipv6View.getInt32(at + 12),
    );
  }

  get size(): number {
    return this.entries;
  }

  /** Adds an address of another dictionary. */
  addAddress(from: AddressDictionary, entry: number): void {
    const at = entry * 4;
    const { words } = from;
    this.find(from.families[entry]!, from.bits[entry]!, words[at]!, words[at + 1]!, words[at + 2]!, words[at + 3]!);
  }

  /** Adds the networks that an address of another dictionary is found by. */
  addNetworks(from: AddressDictionary, entry: number): void {
    const first = from.words[entry * 4]!;
    const second = from.words[entry * 4 + 1]!;
    if (from.families[entry] === PGSQL_AF_INET) {
      for (const bits of INDEXED_PREFIXES.ipv4) this.find(PGSQL_AF_INET, bits, first & mask(bits), 0, 0, 0);
    } else {
      for (const bits of INDEXED_PREFIXES.ipv6) {
        this.find(PGSQL_AF_INET6, bits, first, bits === 32 ? 0 : second & mask(bits - 32), 0, 0);
      }
    }
  }

  /** Adds the last address of the widest network that an address of another dictionary is found by. */
  addWidest(from: AddressDictionary, entry: number): void {
    const first = from.words[entry * 4]!;
    if (from.families[entry] === PGSQL_AF_INET) {
      const [bits] = INDEXED_PREFIXES.ipv4;
      this.find(PGSQL_AF_INET, bits, first | ~mask(bits), 0, 0, 0);
    } else {
      this.find(PGSQL_AF_INET6, INDEXED_PREFIXES.ipv6[0], first, -1, -1, -1);
    }
  }

  private find(family: number, bits: number, w0: number, w1: number, w2: number, w3: number): number {
    const { words } = this;
    for (let slot = hashOfWords(w0 ^ bits, w1, w2, w3) & (SLOTS - 1); ; slot = (slot + 1) & (SLOTS - 1)) {
      const number = this.slots[slot]!;
      if (number === 0) return this.add(slot, family, bits, w0, w1, w2, w3);
      const at = (number - 1) * 4;
      if (
        words[at] === w0 >>> 0 &&
        words[at + 1] === w1 >>> 0 &&
        words[at + 2] === w2 >>> 0 &&
        words[at + 3] === w3 >>> 0 &&
        this.bits[number - 1] === bits &&
        this.families[number - 1] === family
      ) {
        return number;
      }
    }
  }

  private add(slot: number, family: number, bits: number, w0: number, w1: number, w2: number, w3: number): number {
    const entry = this.entries++;
    this.families[entry] = family;
    this.bits[entry] = bits;
    this.words[entry * 4] = w0;
    this.words[entry * 4 + 1] = w1;
    this.words[entry * 4 + 2] = w2;
    this.words[entry * 4 + 3] = w3;
    this.slots[slot] = entry + 1;
    this.slotOf[entry] = slot;
    return entry + 1;
  }

  /** Writes an inet[]; each is family, bits, whether it is a cidr, bytes (network_recv). */
  put(copy: CopyBuffer): void {
    const start = copy.beginArray(INET_OID, this.entries);
    for (let entry = 0; entry < this.entries; entry++) {
      const family = this.families[entry]!;
      const bytes = family === PGSQL_AF_INET ? 4 : 16;
      copy.putInt32(4 + bytes);
      copy.putInt32((family << 24) | (this.bits[entry]! << 16) | bytes);
      for (let index = 0; index < bytes / 4; index++) copy.putInt32(this.words[entry * 4 + index]!);
    }
    copy.endField(start);
  }
}

/** The highest of 32 bits, at least one of them. */
function mask(bits: number): number {
  return -1 << (32 - bits);
}

/** For tables of addresses by their four words. */
export function hashOfWords(w0: number, w1: number, w2: number, w3: number): number {
  let hash = Math.imul(w0, 0x9e3779b1) ^ Math.imul(w1, 0x85ebca6b) ^ Math.imul(w2, 0xc2b2ae35);
  hash = Math.imul(hash ^ (hash >>> 15), 0x27d4eb2f) ^ Math.imul(w3, 0x165667b1);
  return hash ^ (hash >>> 16);
}
