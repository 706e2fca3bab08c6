/**
 * What hosts receive, summed where it arises: a row a target, protocol, port and slot of event time, with a sketch of the
 * sources. Rows are open while their slot is the newest; then those that say something go to `finished`, whose owner takes
 * them from there. A table that is full before the slot is over closes early: several rows of one slot add up, and so do
 * their sketches. Most rows are of a few packets and are never told, so an open row is no more than its key, its sums and
 * the hashes of its sources.
 */
import {
  ADDRESS_SLOT_BYTES,
  RECEIVED_SOURCES_MAX,
  ReceivedBlock,
} from '../../schemas/conversations/conversation-block.js';
import { ADDRESS_IPV4, ADDRESS_IPV6, originIndex, type PacketOrigin } from '../../schemas/packets/packet-block.js';

/** Rows open at once. */
const ROWS_MAX = 4096;
/** Rows that wait to be taken. */
export const RECEIVED_ROWS_MAX: number = 2 * ROWS_MAX;
/** Packets within a slot that are worth a row though nothing was begun or answered: fewer are told by the conversations' own rows. */
export const PACKETS_WORTH_A_ROW = 20;
const SLOTS = 4 * ROWS_MAX;
/** 2^32: hashes lie below it. */
const HASHES = 4_294_967_296;

/**
 * An open row: three cache lines, of which the first is its key, the second its sums, the third the smallest hashes of its
 * sources. Words of it:
 */
const ROW_WORDS = 48;
/** The hash of target, port and protocol; the port; the number of the origin. */
const HASH = 0;
const PORT = 1;
const ORIGIN = 2;
/** The protocol, and above it whether the address is one of IPv6. */
const KIND = 3;
const KIND_IPV6 = 0x100;
const ADDRESS = 4;
/** How many sources are kept, and whether there were more. */
const SOURCES = 8;
const IS_ESTIMATE = 9;
const SOURCE_HASHES = 32;

/** Doubles of it; the sums of a row begin at double `SUM_DOUBLES` times its number. */
export const SUM_DOUBLES = 24;
export const SUM_PACKETS = 8;
export const SUM_BYTES = 9;
/** Newest packet, µs. */
export const SUM_LAST = 10;
export const SUM_ATTEMPTS = 11;
export const SUM_ANSWERED = 12;
export const SUM_REFUSED = 13;
export const SUM_UNASKED = 14;
export const SUM_UNASKED_BYTES = 15;
const SUMS_END = 16;

/** Words of a source: its address, and before it its kind. */
const SOURCE_WORDS = 5;

export class ReceivedTable {
  readonly finished: ReceivedBlock = new ReceivedBlock(RECEIVED_ROWS_MAX);
  /** Another whenever the open rows are others: a row's number means nothing in a later one. Never 0. */
  epoch = 1;
  /** The open rows as words and as doubles. */
  private readonly words = new Int32Array(ROWS_MAX * ROW_WORDS);
  readonly sums: Float64Array = new Float64Array(this.words.buffer);
  private open = 0;
  /** Begin of the slot of the open rows, µs. */
  private time = 0;
  /** By hash: the epoch, and the row. */
  private readonly slots = new Int32Array(SLOTS * 2);
  /** The sources of the rows, in the order of their hashes: smallest first. */
  private readonly sources = new Int32Array(ROWS_MAX * RECEIVED_SOURCES_MAX * SOURCE_WORDS);

  /**
   * @param origins by their numbers
   * @param deliver takes the rows of `finished`, which is full, and resets it
   */
  constructor(
    private readonly origins: readonly PacketOrigin[],
    private readonly deliver: () => void,
  ) {}

  /** Begins a slot, µs; rows of the one before are closed. */
  begin(slot: number): void {
    this.time = slot;
  }

  /**
   * The open row of a target, which is made when there is none.
   *
   * @param words of which the target's address is at `target`: one word of IPv4, four of IPv6
   * @param hash `hashTarget` of the address, with the protocol above 16 bits of the port for a seed
   */
  row(
    words: Int32Array,
    target: number,
    isIpv6: boolean,
    protocol: number,
    port: number,
    origin: number,
    hash: number,
  ): number {
    const { slots, words: rows } = this;
    const kind = isIpv6 ? protocol | KIND_IPV6 : protocol;
    let at = hash & (SLOTS - 1);
    while (slots[2 * at] === this.epoch) {
      const row = slots[2 * at + 1]!;
      const key = row * ROW_WORDS;
      if (
        rows[key + HASH] === hash &&
        rows[key + PORT] === port &&
        rows[key + ORIGIN] === origin &&
        rows[key + KIND] === kind &&
        rows[key + ADDRESS] === words[target] &&
        (!isIpv6 || hasRest(rows, key + ADDRESS, words, target))
      ) {
        return row;
      }
      at = (at + 1) & (SLOTS - 1);
    }
    if (this.open === ROWS_MAX) {
      this.close();
      at = hash & (SLOTS - 1);
    }
    const row = this.open++;
    slots[2 * at] = this.epoch;
    slots[2 * at + 1] = row;
    const key = row * ROW_WORDS;
    rows[key + HASH] = hash;
    rows[key + PORT] = port;
    rows[key + ORIGIN] = origin;
    rows[key + KIND] = kind;
    rows[key + ADDRESS] = words[target]!;
    if (isIpv6) for (let word = 1; word < 4; word++) rows[key + ADDRESS + word] = words[target + word]!;
    rows[key + SOURCES] = rows[key + IS_ESTIMATE] = 0;
    const { sums } = this;
    for (let sum = row * SUM_DOUBLES + SUM_PACKETS; sum < row * SUM_DOUBLES + SUMS_END; sum++) sums[sum] = 0;
    return row;
  }

  /** Notes a source of an open row. @param hash `hashTarget` of its address, with 0 for a seed */
  addSource(row: number, words: Int32Array, source: number, isIpv6: boolean, hash: number): void {
    const { words: rows, sources } = this;
    const unsigned = hash >>> 0;
    const key = row * ROW_WORDS;
    const from = key + SOURCE_HASHES;
    const count = rows[key + SOURCES]!;
    let index = count;
    while (index > 0 && rows[from + index - 1]! >>> 0 >= unsigned) index--;
    if (index < count && rows[from + index] === hash) return;
    if (count === RECEIVED_SOURCES_MAX) rows[key + IS_ESTIMATE] = 1;
    if (index === RECEIVED_SOURCES_MAX) return;
    const kept = Math.min(count + 1, RECEIVED_SOURCES_MAX);
    const first = row * RECEIVED_SOURCES_MAX;
    if (index < kept - 1) {
      rows.copyWithin(from + index + 1, from + index, from + kept - 1);
      sources.copyWithin(
        (first + index + 1) * SOURCE_WORDS,
        (first + index) * SOURCE_WORDS,
        (first + kept - 1) * SOURCE_WORDS,
      );
    }
    rows[from + index] = hash;
    const to = (first + index) * SOURCE_WORDS;
    sources[to] = isIpv6 ? ADDRESS_IPV6 : ADDRESS_IPV4;
    sources[to + 1] = words[source]!;
    if (isIpv6) for (let word = 1; word < 4; word++) sources[to + 1 + word] = words[source + word]!;
    rows[key + SOURCES] = kept;
  }

  /** Closes all open rows: their slot is over. */
  close(): void {
    const { sums, open } = this;
    // What takes the finished rows may begin others.
    this.open = 0;
    this.epoch = (this.epoch + 1) | 0 || 1;
    for (let row = 0; row < open; row++) {
      const sum = row * SUM_DOUBLES;
      const says =
        sums[sum + SUM_ATTEMPTS]! + sums[sum + SUM_ANSWERED]! + sums[sum + SUM_REFUSED]! + sums[sum + SUM_UNASKED]!;
      if (says > 0 || sums[sum + SUM_PACKETS]! >= PACKETS_WORTH_A_ROW) this.finish(row);
    }
  }

  private finish(row: number): void {
    const { finished, words, sums, sources } = this;
    if (finished.isFull) this.deliver();
    const to = finished.count++;
    const key = row * ROW_WORDS;
    const sum = row * SUM_DOUBLES;
    const kind = words[key + KIND]!;
    finished.origin[to] = originIndex(finished.origins, this.origins[words[key + ORIGIN]!]!);
    finished.time[to] = this.time;
    finished.last[to] = sums[sum + SUM_LAST]!;
    putRecordAddress(finished.target, to * ADDRESS_SLOT_BYTES, words, key + ADDRESS, (kind & KIND_IPV6) !== 0);
    finished.ipProtocol[to] = kind & 0xff;
    finished.port[to] = words[key + PORT]!;
    finished.attempts[to] = sums[sum + SUM_ATTEMPTS]!;
    finished.answered[to] = sums[sum + SUM_ANSWERED]!;
    finished.refused[to] = sums[sum + SUM_REFUSED]!;
    finished.unasked[to] = sums[sum + SUM_UNASKED]!;
    finished.unaskedBytes[to] = sums[sum + SUM_UNASKED_BYTES]!;
    finished.packets[to] = sums[sum + SUM_PACKETS]!;
    finished.bytes[to] = sums[sum + SUM_BYTES]!;
    const count = words[key + SOURCES]!;
    const largest = words[key + SOURCE_HASHES + count - 1]! >>> 0;
    finished.sourceCount[to] =
      words[key + IS_ESTIMATE] === 0
        ? count
        : Math.max(RECEIVED_SOURCES_MAX + 1, Math.round(((count - 1) * HASHES) / (largest + 1)));
    const addresses = new Uint8Array(count * ADDRESS_SLOT_BYTES);
    for (let index = 0; index < count; index++) {
      const source = (row * RECEIVED_SOURCES_MAX + index) * SOURCE_WORDS;
      putRecordAddress(addresses, index * ADDRESS_SLOT_BYTES, sources, source + 1, sources[source] === ADDRESS_IPV6);
    }
    finished.sources[to] = addresses;
  }
}

function hasRest(keys: Int32Array, at: number, words: Int32Array, from: number): boolean {
  return keys[at + 1] === words[from + 1] && keys[at + 2] === words[from + 2] && keys[at + 3] === words[from + 3];
}

/** An address out of words into a slot of `ADDRESS_SLOT_BYTES`. */
export function putRecordAddress(to: Uint8Array, at: number, words: Int32Array, from: number, isIpv6: boolean): void {
  to[at] = isIpv6 ? ADDRESS_IPV6 : ADDRESS_IPV4;
  const length = isIpv6 ? 4 : 1;
  for (let index = 0; index < 4; index++) {
    const word = index < length ? words[from + index]! : 0;
    const byte = at + 1 + 4 * index;
    to[byte] = word >>> 24;
    to[byte + 1] = word >>> 16;
    to[byte + 2] = word >>> 8;
    to[byte + 3] = word;
  }
}

/** The finalizer of MurmurHash3 over the words. Sketches of several nodes are merged, so it must stay as it is. */
export function hashTarget(words: Int32Array, from: number, isIpv6: boolean, seed: number): number {
  let hash = Math.imul(seed ^ 0x9e3779b9, 0x85ebca6b);
  const length = isIpv6 ? 4 : 1;
  for (let index = 0; index < length; index++) {
    hash = Math.imul(((hash << 13) | (hash >>> 19)) ^ words[from + index]!, 0x85ebca6b);
  }
  hash = Math.imul(hash ^ (hash >>> 16), 0xc2b2ae35);
  return hash ^ (hash >>> 15);
}
