/**
 * Where the conversations of a capture node are remembered. A conversation is a 5-tuple (protocol, two addresses, two
 * ports; of ICMP queries type and identifier in place of ports) whose directions map to one entry, which has a place: a
 * number below `capacity`, by which whoever keeps more about it (conversation-tracker.ts) finds that.
 *
 * An entry is forgotten when it was idle for longer than the timeout, in event time. The table is a set-associative
 * cache: an entry lies in one of the 16 places of the set that its hash names; when all 16 are taken by
 * living entries, the one idle for longest goes, counted in `evicted`. All memory is allocated at the start. A set is one
 * kilobyte: finding an entry is waiting for memory, and one page and three cache lines of it are fetched faster than what
 * arrays of tags, keys, times and originators each add.
 */
import { ADDRESS_IPV4, HAS_ICMP, HAS_PORTS, type PacketBlock } from '../../schemas/packets/packet-block.js';
import type { Payloads } from '../decoding/payloads.js';
import { echoKey } from './icmp-query.js';

export interface ConversationTableOptions {
  /** Conversations remembered at once, rounded up to a power of two; 262,144 by default, 64 bytes each. */
  readonly capacity?: number;
  /** Idle time after which a conversation is forgotten, µs of event time; 10 minutes by default. */
  readonly idleTimeoutMicroseconds?: number;
}

export const CONVERSATION_CAPACITY_DEFAULT = 262_144;
export const CONVERSATION_IDLE_TIMEOUT_DEFAULT = 600_000_000;

const WAYS = 16;
/**
 * Rows whose sets are fetched before the first of them is looked at. The table is larger than the processor's caches of
 * addresses and of memory, so a set takes as long to come as the rest of the row's work; of many asked for at once most
 * of that is saved.
 */
export const LOOKAHEAD = 64;
/**
 * Words of a set: 16 tags (the hash of an entry, never 0; 0 is a free place), 16 doubles of when an entry was last seen,
 * and 16 entries. A set is filled from the place that an entry's tag names on, round about, and a place that was taken
 * once never becomes free, so nothing lies behind a free place.
 */
const SET_WORDS = 256;
const LAST_SEEN = 16;
const ENTRIES = 48;
/** Words of an entry: its key, then which end is the originator. */
const ENTRY_WORDS = 12;
/**
 * Words of a key: kind and protocol, both ports, and the addresses of the first and the second endpoint: a word each of
 * IPv4, four of IPv6.
 */
const KIND_AND_PROTOCOL = 0;
const PORTS = 1;
const ADDRESSES = 2;
const ORIGINATOR = 10;
const KIND_IPV6 = 0x100;
const QUERY_TYPE_SHIFT = 9;

/** Which end of an entry: that whose address comes first in it. */
export const END_UNKNOWN = 0;
export const END_FIRST = 1;
export const END_SECOND = 2;

/** In place of a place: the packet belongs to no conversation, or to none that is known. */
export const NO_PLACE = -1;

/** Masks, so that the endpoints are put in order without a branch, which the processor would guess wrong half the time. */
const SENDER_IS_FIRST = -1;
const SENDER_IS_SECOND = 0;

export class ConversationTable {
  /** Conversations that had to be forgotten early for lack of room. */
  evicted = 0;
  readonly capacity: number;
  private readonly idleTimeout: number;
  private readonly setMask: number;
  private readonly sets: Int32Array;
  /** The same memory as doubles. */
  private readonly times: Float64Array;
  /** What `prepare` found of the rows at hand. A tag of 0: the row has no conversation. */
  private readonly tags = new Int32Array(LOOKAHEAD + 1);
  private readonly orders = new Int32Array(LOOKAHEAD + 1);
  private readonly kinds = new Int32Array(LOOKAHEAD + 1);
  private readonly ports = new Int32Array(LOOKAHEAD + 1);
  private readonly firsts = new Int32Array(LOOKAHEAD + 1);
  private readonly seconds = new Int32Array(LOOKAHEAD + 1);
  /** Of no meaning: V8 would leave out loads whose value goes nowhere. */
  touched = 0;
  /** What `place` found besides: the sender's end, and whether the conversation was not known. */
  sender = END_UNKNOWN;
  isNew = false;

  /** @param onForget is told of a place whose conversation makes way for another, before it does */
  constructor(
    options: ConversationTableOptions,
    private readonly onForget: (place: number) => void,
  ) {
    const wanted = Math.max(WAYS, options.capacity ?? CONVERSATION_CAPACITY_DEFAULT);
    this.capacity = 2 ** Math.ceil(Math.log2(wanted));
    this.idleTimeout = options.idleTimeoutMicroseconds ?? CONVERSATION_IDLE_TIMEOUT_DEFAULT;
    this.setMask = this.capacity / WAYS - 1;
    this.sets = new Int32Array((this.capacity / WAYS) * SET_WORDS);
    this.times = new Float64Array(this.sets.buffer);
  }

  /** Works out the hash of a row's conversation, and all that takes both its ends. */
  prepare(block: PacketBlock, row: number, index: number, payloads: Payloads | null): void {
    const present = block.present[row]!;
    let sourcePort: number;
    let destinationPort: number;
    let kind: number = block.ipProtocol[row]!;
    if ((present & HAS_PORTS) !== 0) {
      sourcePort = block.sourcePort[row]!;
      destinationPort = block.destinationPort[row]!;
      // Both together only has the query that an ICMP error quotes (icmp-quote.ts).
      if ((present & HAS_ICMP) !== 0) kind |= block.icmpType[row]! << QUERY_TYPE_SHIFT;
    } else {
      const echo = (present & HAS_ICMP) !== 0 && payloads !== null ? echoKey(block, row, payloads, index) : NO_PLACE;
      if (echo === NO_PLACE) {
        this.tags[index] = 0;
        return;
      }
      sourcePort = destinationPort = echo & 0xffff;
      kind |= (echo >>> 16) << QUERY_TYPE_SHIFT;
    }
    const isIpv4 = block.sourceKind[row] === ADDRESS_IPV4;
    let source = block.sourceAddress[row]! | 0;
    let destination = block.destinationAddress[row]! | 0;
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
    const forth = (sourcePort << 16) | destinationPort;
    const back = (destinationPort << 16) | sourcePort;
    const ports = back ^ ((forth ^ back) & order);
    this.tags[index] = hash(kind, ports, first, second);
    this.orders[index] = order;
    this.kinds[index] = kind;
    this.ports[index] = ports;
    this.firsts[index] = first;
    this.seconds[index] = second;
  }

  /**
   * Touches the set of each row and what else is kept of its place (`words` of it, from `beside` on), in a loop that is
   * short enough for the processor to have many loads under way.
   */
  fetch(rows: number, beside: Int32Array, words: number): void {
    const { sets, tags, setMask } = this;
    let touched = 0;
    for (let index = 0; index < rows; index++) {
      const tag = tags[index]!;
      const set = tag & setMask;
      const way = tag >>> 28;
      const sides = (set * WAYS + way) * words;
      touched ^= sets[set * SET_WORDS + way]! ^ sets[set * SET_WORDS + ENTRIES + way * ENTRY_WORDS]!;
      touched ^= beside[sides]! ^ beside[sides + 16]!;
    }
    this.touched = touched;
  }

  /** The place of a prepared row's conversation, which is added when it is new; `NO_PLACE` when it has none. */
  place(block: PacketBlock, row: number, index: number): number {
    const tag = this.tags[index]!;
    if (tag === 0) return NO_PLACE;
    const { sets, times } = this;
    const kind = this.kinds[index]!;
    const isIpv4 = (kind & KIND_IPV6) === 0;
    const order = this.orders[index]!;
    const ports = this.ports[index]!;
    const first = this.firsts[index]!;
    const second = this.seconds[index]!;
    const setNumber = tag & this.setMask;
    const set = setNumber * SET_WORDS;
    this.sender = END_SECOND + order;
    const now = block.timestamp[row]!;

    let way = tag >>> 28;
    let entry: number;
    for (let left = WAYS; ; way = (way + 1) & (WAYS - 1)) {
      entry = set + ENTRIES + way * ENTRY_WORDS;
      const found = sets[set + way]!;
      if (
        found === tag &&
        sets[entry + PORTS] === ports &&
        sets[entry + KIND_AND_PROTOCOL] === kind &&
        (isIpv4
          ? sets[entry + ADDRESSES] === first && sets[entry + ADDRESSES + 1] === second
          : this.isIpv6(entry, block, row, order))
      ) {
        const seen = (set + LAST_SEEN) / 2 + way;
        const last = times[seen]!;
        if (now - last > this.idleTimeout) {
          this.onForget(setNumber * WAYS + way);
          break;
        }
        if (now > last) times[seen] = now;
        this.isNew = false;
        return setNumber * WAYS + way;
      }
      if (found === 0) break;
      if (--left === 0) {
        way = this.oldest(set, now);
        entry = set + ENTRIES + way * ENTRY_WORDS;
        this.onForget(setNumber * WAYS + way);
        break;
      }
    }
    sets[set + way] = tag;
    times[(set + LAST_SEEN) / 2 + way] = now;
    this.putKey(entry, kind, ports, first, second, block, row, order);
    sets[entry + ORIGINATOR] = END_UNKNOWN;
    this.isNew = true;
    return setNumber * WAYS + way;
  }

  /** As `place`, but adds nothing and leaves times as they are: `NO_PLACE` when the conversation is not known. */
  find(block: PacketBlock, row: number): number {
    this.prepare(block, row, LOOKAHEAD, null);
    const tag = this.tags[LOOKAHEAD]!;
    if (tag === 0) return NO_PLACE;
    const { sets } = this;
    const kind = this.kinds[LOOKAHEAD]!;
    const set = (tag & this.setMask) * SET_WORDS;
    const order = this.orders[LOOKAHEAD]!;
    this.sender = END_SECOND + order;
    let way = tag >>> 28;
    for (let left = WAYS; left > 0; left--, way = (way + 1) & (WAYS - 1)) {
      const entry = set + ENTRIES + way * ENTRY_WORDS;
      const found = sets[set + way]!;
      if (found === 0) return NO_PLACE;
      if (found !== tag || sets[entry + PORTS] !== this.ports[LOOKAHEAD]) continue;
      if (sets[entry + KIND_AND_PROTOCOL] !== kind) continue;
      const isSame =
        (kind & KIND_IPV6) === 0
          ? sets[entry + ADDRESSES] === this.firsts[LOOKAHEAD] &&
            sets[entry + ADDRESSES + 1] === this.seconds[LOOKAHEAD]
          : this.isIpv6(entry, block, row, order);
      if (isSame) return (tag & this.setMask) * WAYS + way;
    }
    return NO_PLACE;
  }

  /** The end that began, as far as it is known. */
  originator(place: number): number {
    return this.sets[this.entryOf(place) + ORIGINATOR]!;
  }

  setOriginator(place: number, end: number): void {
    this.sets[this.entryOf(place) + ORIGINATOR] = end;
  }

  /** Where the key of a place lies in `words`, as the functions below read it. */
  entryOf(place: number): number {
    return (place >>> 4) * SET_WORDS + ENTRIES + (place & (WAYS - 1)) * ENTRY_WORDS;
  }

  get words(): Int32Array {
    return this.sets;
  }

  /** The place of the entry that was idle for longest, in a set without a free one. */
  private oldest(set: number, now: number): number {
    const { times } = this;
    const seenAt = (set + LAST_SEEN) / 2;
    let way = 0;
    for (let other = 1; other < WAYS; other++) if (times[seenAt + other]! < times[seenAt + way]!) way = other;
    if (now - times[seenAt + way]! <= this.idleTimeout) this.evicted++;
    return way;
  }

  private isIpv6(entry: number, block: PacketBlock, row: number, order: number): boolean {
    const { sets } = this;
    const { ipv6View } = block;
    const source = block.sourceAddress[row]! * 16;
    const destination = block.destinationAddress[row]! * 16;
    for (let i = 0; i < 4; i++) {
      const to = ipv6View.getInt32(destination + 4 * i);
      const from = ipv6View.getInt32(source + 4 * i);
      const exchanged = (from ^ to) & order;
      if (sets[entry + ADDRESSES + i] !== (to ^ exchanged)) return false;
      if (sets[entry + ADDRESSES + 4 + i] !== (from ^ exchanged)) return false;
    }
    return true;
  }

  private putKey(
    entry: number,
    kind: number,
    ports: number,
    first: number,
    second: number,
    block: PacketBlock,
    row: number,
    order: number,
  ): void {
    const { sets } = this;
    sets[entry + KIND_AND_PROTOCOL] = kind;
    sets[entry + PORTS] = ports;
    sets[entry + ADDRESSES] = first;
    sets[entry + ADDRESSES + 1] = second;
    if ((kind & KIND_IPV6) === 0) return;
    const { ipv6View } = block;
    const source = block.sourceAddress[row]! * 16;
    const destination = block.destinationAddress[row]! * 16;
    for (let i = 0; i < 4; i++) {
      const to = ipv6View.getInt32(destination + 4 * i);
      const from = ipv6View.getInt32(source + 4 * i);
      const exchanged = (from ^ to) & order;
      sets[entry + ADDRESSES + i] = to ^ exchanged;
      sets[entry + ADDRESSES + 4 + i] = from ^ exchanged;
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
function digestIpv6(block: PacketBlock, address: number): number {
  const { ipv6View } = block;
  let digest = 0;
  for (let i = 0; i < 4; i++) {
    digest = Math.imul(((digest << 13) | (digest >>> 19)) ^ ipv6View.getInt32(address * 16 + 4 * i), 0x85ebca6b);
  }
  return digest;
}

export function isIpv6Entry(words: Int32Array, entry: number): boolean {
  return (words[entry + KIND_AND_PROTOCOL]! & KIND_IPV6) !== 0;
}

export function protocolOfEntry(words: Int32Array, entry: number): number {
  return words[entry + KIND_AND_PROTOCOL]! & 0xff;
}

/** Type of the ICMP query that the conversation consists of. */
export function queryTypeOfEntry(words: Int32Array, entry: number): number {
  return words[entry + KIND_AND_PROTOCOL]! >>> QUERY_TYPE_SHIFT;
}

/** Of ICMP: the identifier. */
export function portOfEntry(words: Int32Array, entry: number, end: number): number {
  const ports = words[entry + PORTS]!;
  return end === END_FIRST ? ports >>> 16 : ports & 0xffff;
}

/** The first word of an end's address: one of IPv4, four of IPv6. */
export function addressOfEntry(words: Int32Array, entry: number, end: number): number {
  if (end === END_FIRST) return entry + ADDRESSES;
  return entry + ADDRESSES + (isIpv6Entry(words, entry) ? 4 : 1);
}

export function otherEnd(end: number): number {
  return END_FIRST + END_SECOND - end;
}
