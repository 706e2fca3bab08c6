/**
 * Where the conversations of a capture node are remembered. A conversation is a 5-tuple (protocol, two addresses, two
 * ports; of ICMP queries type and identifier in place of ports) whose directions map to one record, which has a place: a
 * number below `capacity`.
 *
 * Places are taken in order, so that conversations that go on at the same time lie side by side, and an index of hashes
 * (open addressing, at most half full) says where each lies: finding a conversation is waiting for memory, and so most of
 * what is looked for is in the processor's caches. What was idle for longer than the timeout, in event time, is
 * forgotten when its ends meet again. When all places are taken, the one idle for longest of the next 16 makes way, counted in
 * `evicted`; the next 16 go round about, as places were taken. All memory is allocated at the start.
 */
import { ADDRESS_IPV4, HAS_ICMP, HAS_PORTS, type PacketBlock } from '../../schemas/packets/packet-block.js';
import type { Payloads } from '../decoding/payloads.js';
import {
  addressOfRecord,
  END_FIRST,
  END_SECOND,
  END_UNKNOWN,
  FIRST,
  KIND_AND_PROTOCOL,
  KIND_IPV6,
  LAST,
  NO_PLACE,
  PORTS,
  QUERY_TYPE_SHIFT,
  RECORD_DOUBLES,
  RECORD_WORDS,
  SECOND,
  TAG,
} from './conversation-record.js';
import { echoKey } from './icmp-query.js';

export interface ConversationTableOptions {
  /** Conversations remembered at once, rounded up to a power of two; 262,144 by default, 208 bytes each. */
  readonly capacity?: number;
  /** Idle time after which a conversation is forgotten, µs of event time; 10 minutes by default. */
  readonly idleTimeoutMicroseconds?: number;
}

export const CONVERSATION_CAPACITY_DEFAULT = 262_144;
export const CONVERSATION_IDLE_TIMEOUT_DEFAULT = 600_000_000;

/** The index begins with room for so many, so that of few conversations all of it stays in the processor's caches. */
const INDEXED_MIN = 4096;
/** Of so many conversations one makes way. */
const CANDIDATES = 16;
/**
 * Rows that are looked up before the first of them is looked at: what is not in the processor's caches takes as long to
 * come as the rest of the row's work, and of many asked for at once most of that is saved.
 */
export const LOOKAHEAD = 64;

/** Masks, so that the endpoints are put in order without a branch, which the processor would guess wrong half the time. */
const SENDER_IS_FIRST = -1;
const SENDER_IS_SECOND = 0;

export class ConversationTable {
  /** Conversations that had to be forgotten early for lack of room. */
  evicted = 0;
  readonly capacity: number;
  readonly idleTimeout: number;
  /** The records of all places, and the same memory as doubles. */
  readonly words: Int32Array;
  readonly doubles: Float64Array;
  /** Two words each: the hash of a conversation, and its place + 1; 0 where there is none. */
  private readonly index: Int32Array;
  private indexMask = 2 * INDEXED_MIN - 1;
  /** Places taken so far, and from which on the next that makes way is looked for. */
  private taken = 0;
  private hand = 0;
  /** What `prepare` found of the rows at hand. A tag of 0: the row has no conversation. */
  readonly tags: Int32Array = new Int32Array(LOOKAHEAD + 1);
  readonly orders: Int32Array = new Int32Array(LOOKAHEAD + 1);
  readonly kinds: Int32Array = new Int32Array(LOOKAHEAD + 1);
  readonly ports: Int32Array = new Int32Array(LOOKAHEAD + 1);
  readonly firsts: Int32Array = new Int32Array(LOOKAHEAD + 1);
  readonly seconds: Int32Array = new Int32Array(LOOKAHEAD + 1);
  /** Where their conversations lay when `locate` looked, or `place` put them: `NO_PLACE` where nothing has their hash. */
  readonly places: Int32Array = new Int32Array(LOOKAHEAD + 1);
  /**
   * Of which direction of which conversation each is, as a number; `NO_PLACE` where it is of none. A direction has its number as long as
   * its conversation is remembered.
   */
  readonly directions: Int32Array = new Int32Array(LOOKAHEAD);
  /** Of no meaning: V8 would leave out loads whose value goes nowhere. */
  touched = 0;
  /** Whether the conversation that `place` gave was not known. */
  isNew = false;

  /** @param onForget is told of a place whose conversation makes way for another, before it does */
  constructor(
    options: ConversationTableOptions,
    private readonly onForget: (place: number) => void,
  ) {
    const wanted = Math.max(CANDIDATES, options.capacity ?? CONVERSATION_CAPACITY_DEFAULT);
    this.capacity = 2 ** Math.ceil(Math.log2(wanted));
    this.idleTimeout = options.idleTimeoutMicroseconds ?? CONVERSATION_IDLE_TIMEOUT_DEFAULT;
    this.words = new Int32Array(this.capacity * RECORD_WORDS);
    this.doubles = new Float64Array(this.words.buffer);
    this.index = new Int32Array(Math.max(this.capacity, INDEXED_MIN) * 4);
  }

  /** Works out of rows `from … from + count - 1` what takes both ends of their conversations, and its hash, from `to` on. */
  prepare(block: PacketBlock, from: number, count: number, payloads: Payloads | null, to = 0): void {
    const { present, ipProtocol, sourceKind, sourceAddress, destinationAddress, sourcePort, destinationPort } = block;
    const { tags, orders, kinds, ports, firsts, seconds } = this;
    for (let index = 0; index < count; index++) {
      const row = from + index;
      const at = to + index;
      const has = present[row]!;
      let kind: number = ipProtocol[row]!;
      let own: number;
      let peer: number;
      if ((has & HAS_PORTS) !== 0) {
        own = sourcePort[row]!;
        peer = destinationPort[row]!;
        // Both together only has the query that an ICMP error quotes (icmp-quote.ts).
        if ((has & HAS_ICMP) !== 0) kind |= block.icmpType[row]! << QUERY_TYPE_SHIFT;
      } else {
        const echo = (has & HAS_ICMP) !== 0 && payloads !== null ? echoKey(block, row, payloads, index) : NO_PLACE;
        if (echo === NO_PLACE) {
          tags[at] = 0;
          continue;
        }
        own = peer = echo & 0xffff;
        kind |= (echo >>> 16) << QUERY_TYPE_SHIFT;
      }
      const isIpv4 = sourceKind[row] === ADDRESS_IPV4;
      let source = sourceAddress[row]! | 0;
      let destination = destinationAddress[row]! | 0;
      if (!isIpv4) {
        source = digestIpv6(block, source);
        destination = digestIpv6(block, destination);
        kind |= KIND_IPV6;
      }
      // Which endpoint is the first is a matter of the sign of a difference, but for two differences that have no other.
      const difference = (source - destination) | 0;
      let order = difference >> 31;
      if (difference << 1 === 0) order = exactOrder(block, row, isIpv4);
      const exchanged = (source ^ destination) & order;
      const first = destination ^ exchanged;
      const second = source ^ exchanged;
      const forth = (own << 16) | peer;
      const back = (peer << 16) | own;
      const both = back ^ ((forth ^ back) & order);
      tags[at] = hash(kind, both, first, second);
      orders[at] = order;
      kinds[at] = kind;
      ports[at] = both;
      firsts[at] = first;
      seconds[at] = second;
    }
  }

  /**
   * Looks up where the conversations of the prepared rows lie, and touches their records, in loops that are short enough
   * for the processor to have many loads under way.
   */
  locate(count: number): void {
    const { index, indexMask, tags, places, words } = this;
    for (let row = 0; row < count; row++) {
      const tag = tags[row]!;
      let at = tag & indexMask;
      let found = index[2 * at + 1]!;
      while (found !== 0 && index[2 * at] !== tag) {
        at = (at + 1) & indexMask;
        found = index[2 * at + 1]!;
      }
      places[row] = found - 1;
    }
    let touched = 0;
    for (let row = 0; row < count; row++) {
      const record = places[row]! * RECORD_WORDS;
      if (record >= 0) touched ^= words[record]! ^ words[record + 16]!;
    }
    this.touched = touched;
  }

  /** Tells the directions of the prepared rows, which have their places by now. */
  numberDirections(count: number): void {
    const { directions, places, orders } = this;
    for (let index = 0; index < count; index++) {
      directions[index] = places[index]! < 0 ? NO_PLACE : 2 * places[index]! - orders[index]!;
    }
  }

  /** Whether a place is that of a prepared row's conversation. */
  holds(place: number, block: PacketBlock, row: number, index: number): boolean {
    const { words } = this;
    const record = place * RECORD_WORDS;
    return (
      words[record + FIRST] === this.firsts[index] &&
      words[record + SECOND] === this.seconds[index] &&
      words[record + PORTS] === this.ports[index] &&
      words[record + KIND_AND_PROTOCOL] === this.kinds[index] &&
      ((words[record + KIND_AND_PROTOCOL]! & KIND_IPV6) === 0 ||
        this.holdsIpv6(record, block, row, this.orders[index]!))
    );
  }

  /** The place of a prepared row's conversation, which is added when it is new or has been idle for too long. */
  place(block: PacketBlock, row: number, index: number): number {
    const tag = this.tags[index]!;
    let place = this.search(block, row, index);
    this.isNew = true;
    if (place !== NO_PLACE) {
      this.places[index] = place;
      const idle = block.timestamp[row]! - this.doubles[place * RECORD_DOUBLES + LAST]!;
      this.isNew = idle > this.idleTimeout;
      if (this.isNew) this.onForget(place);
      return place;
    }
    if (this.taken < this.capacity) {
      if (2 * this.taken > this.indexMask) this.widen();
      place = this.taken++;
    } else {
      place = this.oldest(block.timestamp[row]!);
      this.onForget(place);
      this.leave(place);
    }
    this.places[index] = place;
    const { words } = this;
    const record = place * RECORD_WORDS;
    words[record + TAG] = tag;
    words[record + KIND_AND_PROTOCOL] = this.kinds[index]!;
    words[record + PORTS] = this.ports[index]!;
    words[record + FIRST] = this.firsts[index]!;
    words[record + SECOND] = this.seconds[index]!;
    if ((this.kinds[index]! & KIND_IPV6) !== 0) this.putIpv6(record, block, row, this.orders[index]!);
    this.enter(tag, place);
    return place;
  }

  /** The place of the conversation of a row of its own, `NO_PLACE` when it is not known; `sender` tells the row's end. */
  find(block: PacketBlock, row: number): number {
    // Behind the rows at hand.
    this.prepare(block, row, 1, null, LOOKAHEAD);
    this.sender = END_SECOND + this.orders[LOOKAHEAD]!;
    return this.tags[LOOKAHEAD] === 0 ? NO_PLACE : this.search(block, row, LOOKAHEAD);
  }

  /** What `find` found besides. */
  sender = END_UNKNOWN;

  private search(block: PacketBlock, row: number, prepared: number): number {
    const { index, indexMask } = this;
    const tag = this.tags[prepared]!;
    for (let at = tag & indexMask; ; at = (at + 1) & indexMask) {
      const place = index[2 * at + 1]! - 1;
      if (place === NO_PLACE) return NO_PLACE;
      if (index[2 * at] === tag && this.holds(place, block, row, prepared)) return place;
    }
  }

  /** Doubles what is used of the index. */
  private widen(): void {
    this.indexMask = 2 * this.indexMask + 1;
    this.index.fill(0, 0, 2 * (this.indexMask + 1));
    for (let place = 0; place < this.taken; place++) this.enter(this.words[place * RECORD_WORDS + TAG]!, place);
  }

  private enter(tag: number, place: number): void {
    const { index, indexMask } = this;
    let at = tag & indexMask;
    while (index[2 * at + 1] !== 0) at = (at + 1) & indexMask;
    index[2 * at] = tag;
    index[2 * at + 1] = place + 1;
  }

  /** Takes a place out of the index: what lies behind it moves up, so that nothing ever lies behind a gap. */
  private leave(place: number): void {
    const { index, indexMask } = this;
    let gap = this.words[place * RECORD_WORDS + TAG]! & indexMask;
    while (index[2 * gap + 1] !== place + 1) gap = (gap + 1) & indexMask;
    for (let at = (gap + 1) & indexMask; index[2 * at + 1] !== 0; at = (at + 1) & indexMask) {
      // It may move when its own place is not between the gap and where it is.
      const distance = (at - index[2 * at]!) & indexMask;
      if (distance < ((at - gap) & indexMask)) continue;
      index[2 * gap] = index[2 * at]!;
      index[2 * gap + 1] = index[2 * at + 1]!;
      gap = at;
    }
    index[2 * gap + 1] = 0;
  }

  /** Which place makes way. */
  private oldest(now: number): number {
    const { doubles, capacity } = this;
    let oldest = this.hand;
    for (let next = 1; next < CANDIDATES; next++) {
      const other = (this.hand + next) & (capacity - 1);
      if (doubles[other * RECORD_DOUBLES + LAST]! < doubles[oldest * RECORD_DOUBLES + LAST]!) oldest = other;
    }
    this.hand = (this.hand + 1) & (capacity - 1);
    if (now - doubles[oldest * RECORD_DOUBLES + LAST]! <= this.idleTimeout) this.evicted++;
    return oldest;
  }

  private holdsIpv6(record: number, block: PacketBlock, row: number, order: number): boolean {
    const { words } = this;
    const { ipv6View } = block;
    const source = block.sourceAddress[row]! * 16;
    const destination = block.destinationAddress[row]! * 16;
    const first = addressOfRecord(words, record, END_FIRST);
    for (let word = 0; word < 4; word++) {
      const to = ipv6View.getInt32(destination + 4 * word);
      const from = ipv6View.getInt32(source + 4 * word);
      const exchanged = (from ^ to) & order;
      if (words[first + word] !== (to ^ exchanged) || words[first + 4 + word] !== (from ^ exchanged)) return false;
    }
    return true;
  }

  private putIpv6(record: number, block: PacketBlock, row: number, order: number): void {
    const { words } = this;
    const { ipv6View } = block;
    const source = block.sourceAddress[row]! * 16;
    const destination = block.destinationAddress[row]! * 16;
    const first = addressOfRecord(words, record, END_FIRST);
    for (let word = 0; word < 4; word++) {
      const to = ipv6View.getInt32(destination + 4 * word);
      const from = ipv6View.getInt32(source + 4 * word);
      const exchanged = (from ^ to) & order;
      words[first + word] = to ^ exchanged;
      words[first + 4 + word] = from ^ exchanged;
    }
  }
}

/** The order of endpoints where the difference of their addresses tells none: any that both directions agree on. */
function exactOrder(block: PacketBlock, row: number, isIpv4: boolean): number {
  const sourcePort = block.sourcePort[row]!;
  const destinationPort = block.destinationPort[row]!;
  let source = block.sourceAddress[row]! | 0;
  let destination = block.destinationAddress[row]! | 0;
  if (!isIpv4) {
    const { ipv6View } = block;
    let word = 0;
    while (word < 3 && ipv6View.getInt32(source * 16 + 4 * word) === ipv6View.getInt32(destination * 16 + 4 * word)) {
      word++;
    }
    source = ipv6View.getInt32(source * 16 + 4 * word);
    destination = ipv6View.getInt32(destination * 16 + 4 * word);
  }
  const isLower = source < destination || (source === destination && sourcePort <= destinationPort);
  return isLower ? SENDER_IS_FIRST : SENDER_IS_SECOND;
}

/** Multiply and rotate over the words, then the finalizer of MurmurHash3 (Austin Appleby); never 0. */
function hash(kind: number, ports: number, first: number, second: number): number {
  let hashed = Math.imul(0x9e3779b9 ^ kind, 0x85ebca6b);
  hashed = Math.imul(((hashed << 13) | (hashed >>> 19)) ^ ports, 0x85ebca6b);
  hashed = Math.imul(((hashed << 13) | (hashed >>> 19)) ^ first, 0x85ebca6b);
  hashed = Math.imul(((hashed << 13) | (hashed >>> 19)) ^ second, 0x85ebca6b);
  hashed = Math.imul(hashed ^ (hashed >>> 16), 0xc2b2ae35);
  return hashed ^ (hashed >>> 15) || 1;
}

/** Stands for all words of an address in the order of endpoints and in the hash. */
function digestIpv6({ ipv6View }: PacketBlock, address: number): number {
  const at = address * 16;
  let digest = Math.imul(ipv6View.getInt32(at), 0x85ebca6b);
  digest = Math.imul(((digest << 13) | (digest >>> 19)) ^ ipv6View.getInt32(at + 4), 0x85ebca6b);
  digest = Math.imul(((digest << 13) | (digest >>> 19)) ^ ipv6View.getInt32(at + 8), 0x85ebca6b);
  return Math.imul(((digest << 13) | (digest >>> 19)) ^ ipv6View.getInt32(at + 12), 0x85ebca6b);
}
