/**
 * Who started a conversation, told at the only place that sees both directions: the capture node. A conversation is
 * a 5-tuple (protocol, two addresses, two ports) whose directions map to one entry.
 *
 * The rule, by what a packet finds:
 * - UDP and SCTP: without an entry it is `opening`; after that its sender is `originator` or `responder` for good.
 * - TCP with SYN and no ACK: `opening` when there is no entry or the sender was not its originator; a repeated SYN of
 *   the originator is `originator`.
 * - TCP without an entry: SYN and ACK comes from the `responder`. A segment with neither ACK nor RST belongs to no
 *   connection that ever was (NULL, FIN and Xmas probes), so it is `opening`. Anything else is the middle of
 *   a connection whose begin nobody saw: `unknown`, and so is everything after it until a SYN tells.
 * - Packets without ports (ICMP, later fragments, ARP) are `unknown`.
 *
 * An entry is forgotten when it was idle for longer than the timeout, in event time. The table is a set-associative
 * cache: an entry lies in one of the 16 places of the set that its hash names; when all 16 are taken by
 * living entries, the one idle for longest goes, counted in `evicted`. All memory is allocated at the start. A set is one
 * kilobyte: finding an entry is waiting for memory, and one page and three cache lines of it are fetched faster than what
 * arrays of tags, keys, times and originators each add.
 */
import {
  ADDRESS_IPV4,
  HAS_PORTS,
  HAS_TCP,
  type PacketBlock,
  ROLE_OPENING,
  ROLE_ORIGINATOR,
  ROLE_RESPONDER,
  ROLE_UNKNOWN,
  TCP_ACK,
  TCP_RST,
  TCP_SYN,
} from '../../schemas/packets/packet-block.js';
import { PROTOCOL_TCP } from '../protocols/ip-protocol.js';

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
const LOOKAHEAD = 64;
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

/** In place of TCP flags: the protocol has no handshake. */
const NO_CONNECTION = -1;

const ORIGINATOR_UNKNOWN = 0;
const ORIGINATOR_IS_FIRST = 1;
const ORIGINATOR_IS_SECOND = 2;

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
  private readonly tags = new Int32Array(LOOKAHEAD);
  private readonly orders = new Int32Array(LOOKAHEAD);
  private readonly ports = new Int32Array(LOOKAHEAD);
  private readonly firsts = new Int32Array(LOOKAHEAD);
  private readonly seconds = new Int32Array(LOOKAHEAD);
  /** Of no meaning: V8 would leave out loads whose value goes nowhere. */
  touched = 0;

  constructor(options: ConversationTableOptions = {}) {
    const wanted = Math.max(WAYS, options.capacity ?? CONVERSATION_CAPACITY_DEFAULT);
    this.capacity = 2 ** Math.ceil(Math.log2(wanted));
    this.idleTimeout = options.idleTimeoutMicroseconds ?? CONVERSATION_IDLE_TIMEOUT_DEFAULT;
    this.setMask = this.capacity / WAYS - 1;
    this.sets = new Int32Array((this.capacity / WAYS) * SET_WORDS);
    this.times = new Float64Array(this.sets.buffer);
  }

  /** Sets the roles of these rows. Rows come in the order of capture. */
  classify(block: PacketBlock, from: number, to: number): void {
    for (let start = from; start < to; start += LOOKAHEAD) {
      const end = Math.min(start + LOOKAHEAD, to);
      for (let row = start; row < end; row++) this.prepare(block, row, row - start);
      this.fetch(end - start);
      for (let row = start; row < end; row++) this.classifyPrepared(block, row, row - start);
    }
  }

  /** Works out the hash of a row's conversation, and all that takes both its ends. */
  private prepare(block: PacketBlock, row: number, index: number): void {
    if ((block.present[row]! & HAS_PORTS) === 0) {
      this.tags[index] = 0;
      return;
    }
    const isIpv4 = block.sourceKind[row] === ADDRESS_IPV4;
    let source = block.sourceAddress[row]! | 0;
    let destination = block.destinationAddress[row]! | 0;
    let kind: number = block.ipProtocol[row]!;
    if (!isIpv4) {
      source = digestIpv6(block, source);
      destination = digestIpv6(block, destination);
      kind |= KIND_IPV6;
    }
    const sourcePort = block.sourcePort[row]!;
    const destinationPort = block.destinationPort[row]!;
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
    const tag = hash(kind, ports, first, second);
    this.tags[index] = tag;
    this.orders[index] = order;
    this.ports[index] = ports;
    this.firsts[index] = first;
    this.seconds[index] = second;
  }

  /** Touches the set of each row, in a loop that is short enough for the processor to have many loads under way. */
  private fetch(rows: number): void {
    const { sets, tags, setMask } = this;
    let touched = 0;
    for (let index = 0; index < rows; index++) {
      const tag = tags[index]!;
      const set = (tag & setMask) * SET_WORDS;
      const way = tag >>> 28;
      touched ^= sets[set + way]! ^ sets[set + ENTRIES + way * ENTRY_WORDS]!;
    }
    this.touched = touched;
  }

  /** Looks a row's conversation up, adding it when it is new. */
  private classifyPrepared(block: PacketBlock, row: number, index: number): void {
    const tag = this.tags[index]!;
    if (tag === 0) return;
    const { sets, times } = this;
    const isIpv4 = block.sourceKind[row] === ADDRESS_IPV4;
    const kind = isIpv4 ? block.ipProtocol[row]! : block.ipProtocol[row]! | KIND_IPV6;
    const order = this.orders[index]!;
    const ports = this.ports[index]!;
    const first = this.firsts[index]!;
    const second = this.seconds[index]!;
    const set = (tag & this.setMask) * SET_WORDS;
    const sender = ORIGINATOR_IS_SECOND + order;
    const now = block.timestamp[row]!;
    const flags = connectionFlags(block, row);

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
        if (now - last > this.idleTimeout) break;
        if (now > last) times[seen] = now;
        block.role[row] = this.knownRole(entry, sender, flags);
        return;
      }
      if (found === 0) break;
      if (--left === 0) {
        way = this.oldest(set, now);
        entry = set + ENTRIES + way * ENTRY_WORDS;
        break;
      }
    }
    sets[set + way] = tag;
    times[(set + LAST_SEEN) / 2 + way] = now;
    this.putKey(entry, kind, ports, first, second, block, row, order);
    const role = firstRole(flags);
    sets[entry + ORIGINATOR] = role === ROLE_RESPONDER ? otherEnd(sender) : sender;
    if (role === ROLE_UNKNOWN) sets[entry + ORIGINATOR] = ORIGINATOR_UNKNOWN;
    block.role[row] = role;
  }

  private knownRole(entry: number, sender: number, flags: number): number {
    const originator = this.sets[entry + ORIGINATOR]!;
    if (flags !== NO_CONNECTION && (flags & TCP_SYN) !== 0) {
      if ((flags & TCP_ACK) !== 0) {
        this.sets[entry + ORIGINATOR] = otherEnd(sender);
        return ROLE_RESPONDER;
      }
      this.sets[entry + ORIGINATOR] = sender;
      return originator === sender ? ROLE_ORIGINATOR : ROLE_OPENING;
    }
    if (originator === ORIGINATOR_UNKNOWN) return ROLE_UNKNOWN;
    return originator === sender ? ROLE_ORIGINATOR : ROLE_RESPONDER;
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

/** The TCP flags of a packet; those of the middle of a connection when they were cut off; none for other protocols. */
function connectionFlags(block: PacketBlock, row: number): number {
  if (block.ipProtocol[row] !== PROTOCOL_TCP) return NO_CONNECTION;
  return (block.present[row]! & HAS_TCP) !== 0 ? block.tcpFlags[row]! : TCP_ACK;
}

function firstRole(flags: number): number {
  if (flags === NO_CONNECTION) return ROLE_OPENING;
  if ((flags & TCP_SYN) !== 0) return (flags & TCP_ACK) !== 0 ? ROLE_RESPONDER : ROLE_OPENING;
  return (flags & (TCP_ACK | TCP_RST)) === 0 ? ROLE_OPENING : ROLE_UNKNOWN;
}

function otherEnd(end: number): number {
  return ORIGINATOR_IS_FIRST + ORIGINATOR_IS_SECOND - end;
}
