/**
 * What hosts receive, summed where it arises: a row a target, protocol, port and slot of event time, with a sketch of the
 * sources. Rows are open while their slot is the newest; then those that say something go to `finished`, whose owner takes
 * them from there. A table that is full before the slot is over closes early: several rows of one slot add up, and so do
 * their sketches.
 */
import {
  ADDRESS_SLOT_BYTES,
  RECEIVED_SOURCES_MAX,
  ReceivedBlock,
} from '../../schemas/conversations/conversation-block.js';
import { ADDRESS_IPV4, ADDRESS_IPV6, type PacketOrigin } from '../../schemas/packets/packet-block.js';

/** Rows open at once. */
const ROWS_MAX = 4096;
/** Rows that wait to be taken. */
export const RECEIVED_ROWS_MAX: number = 2 * ROWS_MAX;
/** Packets within a slot that are worth a row though nothing was begun or answered: fewer are told by the conversations' own rows. */
export const PACKETS_WORTH_A_ROW = 20;
const SLOTS = 4 * ROWS_MAX;
const EMPTY = -1;
/** 2^32: hashes lie below it. */
const HASHES = 4_294_967_296;

export class ReceivedTable {
  readonly open: ReceivedBlock = new ReceivedBlock(ROWS_MAX);
  readonly finished: ReceivedBlock = new ReceivedBlock(RECEIVED_ROWS_MAX);
  /** Another whenever the rows of `open` are others: a row's number means nothing in a later one. */
  epoch = 1;
  private readonly rows = new Int32Array(SLOTS).fill(EMPTY);
  private readonly rowSlots = new Int32Array(ROWS_MAX);
  private readonly tags = new Int32Array(ROWS_MAX);
  /** The smallest hashes of each row's sources, ascending, and the sources' addresses in the same order. */
  private readonly sourceHashes = new Float64Array(ROWS_MAX * RECEIVED_SOURCES_MAX);
  private readonly sourceAddresses = new Uint8Array(ROWS_MAX * RECEIVED_SOURCES_MAX * ADDRESS_SLOT_BYTES);
  private readonly sourceCounts = new Uint8Array(ROWS_MAX);
  /** Whether there were more sources than are kept. */
  private readonly isEstimate = new Uint8Array(ROWS_MAX);

  /** @param deliver takes the rows of `finished`, which is full, and resets it */
  constructor(private readonly deliver: () => void) {}

  /**
   * The open row of a target, which is made when there is none.
   *
   * @param words of which the target's address is at `target`: one word of IPv4, four of IPv6
   * @param slot begin of the slot, µs
   */
  row(
    words: Int32Array,
    target: number,
    isIpv6: boolean,
    protocol: number,
    port: number,
    origin: PacketOrigin,
    slot: number,
  ): number {
    const { open, rows, tags } = this;
    const tag = hashTarget(words, target, isIpv6, (protocol << 16) | port);
    let at = tag & (SLOTS - 1);
    for (;;) {
      const row = rows[at]!;
      if (row === EMPTY) break;
      if (
        tags[row] === tag &&
        open.time[row] === slot &&
        open.port[row] === port &&
        open.ipProtocol[row] === protocol &&
        open.origins[open.origin[row]!] === origin &&
        hasAddress(open.target, row * ADDRESS_SLOT_BYTES, words, target, isIpv6)
      ) {
        return row;
      }
      at = (at + 1) & (SLOTS - 1);
    }
    if (open.isFull) {
      this.close();
      at = tag & (SLOTS - 1);
    }
    const row = open.count++;
    rows[at] = row;
    this.rowSlots[row] = at;
    tags[row] = tag;
    open.origin[row] = originIndex(open.origins, origin);
    open.time[row] = slot;
    open.last[row] = 0;
    putEntryAddress(open.target, row * ADDRESS_SLOT_BYTES, words, target, isIpv6);
    open.ipProtocol[row] = protocol;
    open.port[row] = port;
    open.attempts[row] = open.answered[row] = open.refused[row] = 0;
    open.unasked[row] = open.unaskedBytes[row] = open.packets[row] = open.bytes[row] = 0;
    this.sourceCounts[row] = 0;
    this.isEstimate[row] = 0;
    return row;
  }

  /** Notes a source of an open row. */
  addSource(row: number, words: Int32Array, source: number, isIpv6: boolean): void {
    const { sourceHashes, sourceCounts } = this;
    const hash = hashTarget(words, source, isIpv6, 0) >>> 0;
    const from = row * RECEIVED_SOURCES_MAX;
    const count = sourceCounts[row]!;
    let index = count;
    while (index > 0 && sourceHashes[from + index - 1]! >= hash) index--;
    if (index < count && sourceHashes[from + index] === hash) return;
    if (count === RECEIVED_SOURCES_MAX) this.isEstimate[row] = 1;
    if (index === RECEIVED_SOURCES_MAX) return;
    const kept = Math.min(count + 1, RECEIVED_SOURCES_MAX);
    sourceHashes.copyWithin(from + index + 1, from + index, from + kept - 1);
    const { sourceAddresses } = this;
    const to = (from + index) * ADDRESS_SLOT_BYTES;
    sourceAddresses.copyWithin(to + ADDRESS_SLOT_BYTES, to, (from + kept - 1) * ADDRESS_SLOT_BYTES);
    sourceHashes[from + index] = hash;
    putEntryAddress(sourceAddresses, to, words, source, isIpv6);
    sourceCounts[row] = kept;
  }

  /** Closes all open rows: their slot is over. */
  close(): void {
    const { open } = this;
    for (let row = 0; row < open.count; row++) {
      this.rows[this.rowSlots[row]!] = EMPTY;
      const says = open.attempts[row]! + open.answered[row]! + open.refused[row]! + open.unasked[row]!;
      if (says > 0 || open.packets[row]! >= PACKETS_WORTH_A_ROW) this.finish(row);
    }
    if (open.count > 0) open.reset();
    this.epoch = (this.epoch + 1) | 0;
  }

  private finish(row: number): void {
    const { open, finished } = this;
    if (finished.isFull) this.deliver();
    const to = finished.count++;
    finished.origin[to] = originIndex(finished.origins, open.origins[open.origin[row]!]!);
    finished.time[to] = open.time[row]!;
    finished.last[to] = open.last[row]!;
    const target = row * ADDRESS_SLOT_BYTES;
    finished.target.set(open.target.subarray(target, target + ADDRESS_SLOT_BYTES), to * ADDRESS_SLOT_BYTES);
    finished.ipProtocol[to] = open.ipProtocol[row]!;
    finished.port[to] = open.port[row]!;
    finished.attempts[to] = open.attempts[row]!;
    finished.answered[to] = open.answered[row]!;
    finished.refused[to] = open.refused[row]!;
    finished.unasked[to] = open.unasked[row]!;
    finished.unaskedBytes[to] = open.unaskedBytes[row]!;
    finished.packets[to] = open.packets[row]!;
    finished.bytes[to] = open.bytes[row]!;
    const count = this.sourceCounts[row]!;
    const from = row * RECEIVED_SOURCES_MAX;
    const largest = this.sourceHashes[from + count - 1]!;
    finished.sourceCount[to] =
      this.isEstimate[row] === 0
        ? count
        : Math.max(RECEIVED_SOURCES_MAX + 1, Math.round(((count - 1) * HASHES) / (largest + 1)));
    const start = from * ADDRESS_SLOT_BYTES;
    finished.sources[to] = this.sourceAddresses.slice(start, start + count * ADDRESS_SLOT_BYTES);
  }
}

export function originIndex(origins: PacketOrigin[], origin: PacketOrigin): number {
  const last = origins.length - 1;
  if (last >= 0 && origins[last] === origin) return last;
  const known = origins.indexOf(origin);
  return known >= 0 ? known : origins.push(origin) - 1;
}

/** An address out of words into a slot of `ADDRESS_SLOT_BYTES`. */
export function putEntryAddress(to: Uint8Array, at: number, words: Int32Array, from: number, isIpv6: boolean): void {
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

function hasAddress(bytes: Uint8Array, at: number, words: Int32Array, from: number, isIpv6: boolean): boolean {
  if (bytes[at] !== (isIpv6 ? ADDRESS_IPV6 : ADDRESS_IPV4)) return false;
  const length = isIpv6 ? 4 : 1;
  for (let index = 0; index < length; index++) {
    const byte = at + 1 + 4 * index;
    const word = (bytes[byte]! << 24) | (bytes[byte + 1]! << 16) | (bytes[byte + 2]! << 8) | bytes[byte + 3]!;
    if (word !== words[from + index]) return false;
  }
  return true;
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
