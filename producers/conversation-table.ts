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
} from '../schemas/packet-block.js';
import { PROTOCOL_TCP } from './protocols/ip-protocol.js';

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
 * Words of a set: 16 tags (the hash of an entry, never 0; 0 is a free place), 16 doubles of when an entry was last seen,
 * and 16 entries.
 */
const SET_WORDS = 256;
const LAST_SEEN = 16;
const ENTRIES = 48;
/** Words of an entry: its key, then which end is the originator. */
const ENTRY_WORDS = 12;
/**
 * Words of a key: kind and protocol, both ports, the first word of the lower and of the higher endpoint's address, and
 * for IPv6 the others of both.
 */
const KEY_WORDS = 10;
const KEY_WORDS_IPV4 = 4;
const ORIGINATOR_WORD = 10;
const KIND_IPV6 = 0x100;

/** In place of TCP flags: the protocol has no handshake. */
const NO_CONNECTION = -1;

const ORIGINATOR_UNKNOWN = 0;
const ORIGINATOR_IS_LOWER = 1;
const ORIGINATOR_IS_HIGHER = 2;

export class ConversationTable {
  /** Conversations that had to be forgotten early for lack of room. */
  evicted = 0;
  readonly capacity: number;
  private readonly idleTimeout: number;
  private readonly setMask: number;
  private readonly sets: Uint32Array;
  /** The same memory as doubles. */
  private readonly times: Float64Array;
  /** The key of the packet at hand. */
  private readonly key = new Uint32Array(KEY_WORDS);
  private keyWords = 0;
  private readonly source = new Uint32Array(4);
  private readonly destination = new Uint32Array(4);

  constructor(options: ConversationTableOptions = {}) {
    const wanted = Math.max(WAYS, options.capacity ?? CONVERSATION_CAPACITY_DEFAULT);
    this.capacity = 2 ** Math.ceil(Math.log2(wanted));
    this.idleTimeout = options.idleTimeoutMicroseconds ?? CONVERSATION_IDLE_TIMEOUT_DEFAULT;
    this.setMask = this.capacity / WAYS - 1;
    this.sets = new Uint32Array((this.capacity / WAYS) * SET_WORDS);
    this.times = new Float64Array(this.sets.buffer);
  }

  /** Sets the role of a row. Rows come in the order of capture. */
  classify(block: PacketBlock, row: number): void {
    if ((block.present[row]! & HAS_PORTS) === 0) return;
    const lower = block.sourceKind[row] === ADDRESS_IPV4 ? this.ipv4Key(block, row) : this.ipv6Key(block, row);
    const sender = lower ? ORIGINATOR_IS_LOWER : ORIGINATOR_IS_HIGHER;
    const now = block.timestamp[row]!;
    const flags = connectionFlags(block, row);
    const tag = this.hash();
    const set = (tag & this.setMask) * SET_WORDS;
    const way = this.find(set, tag, now);
    if (way >= 0) {
      const seen = (set + LAST_SEEN) / 2 + way;
      if (now > this.times[seen]!) this.times[seen] = now;
      block.role[row] = this.knownRole(set + ENTRIES + way * ENTRY_WORDS, sender, flags);
      return;
    }
    const role = firstRole(flags);
    this.put(set, -way - 1, tag, now);
    const entry = set + ENTRIES + (-way - 1) * ENTRY_WORDS;
    if (role === ROLE_UNKNOWN) this.sets[entry + ORIGINATOR_WORD] = ORIGINATOR_UNKNOWN;
    else this.sets[entry + ORIGINATOR_WORD] = role === ROLE_RESPONDER ? otherEnd(sender) : sender;
    block.role[row] = role;
  }

  private put(set: number, way: number, tag: number, now: number): void {
    const { sets, times, key } = this;
    const seen = (set + LAST_SEEN) / 2 + way;
    if (sets[set + way] !== 0 && now - times[seen]! <= this.idleTimeout) this.evicted++;
    sets[set + way] = tag;
    times[seen] = now;
    const entry = set + ENTRIES + way * ENTRY_WORDS;
    for (let i = 0; i < this.keyWords; i++) sets[entry + i] = key[i]!;
  }

  private knownRole(entry: number, sender: number, flags: number): number {
    const originator = this.sets[entry + ORIGINATOR_WORD]!;
    if (flags !== NO_CONNECTION && (flags & TCP_SYN) !== 0) {
      if ((flags & TCP_ACK) !== 0) {
        this.sets[entry + ORIGINATOR_WORD] = otherEnd(sender);
        return ROLE_RESPONDER;
      }
      this.sets[entry + ORIGINATOR_WORD] = sender;
      return originator === sender ? ROLE_ORIGINATOR : ROLE_OPENING;
    }
    if (originator === ORIGINATOR_UNKNOWN) return ROLE_UNKNOWN;
    return originator === sender ? ROLE_ORIGINATOR : ROLE_RESPONDER;
  }

  /**
   * The way of the conversation of `key`; or, as a negative number, where to put it: -1 - way, a free or forgotten
   * one, else the one idle for longest.
   */
  private find(set: number, tag: number, now: number): number {
    const { sets, times } = this;
    const seenAt = (set + LAST_SEEN) / 2;
    for (let way = 0; way < WAYS; way++) {
      if (sets[set + way] === tag && this.isKey(set + ENTRIES + way * ENTRY_WORDS)) {
        return now - times[seenAt + way]! > this.idleTimeout ? -way - 1 : way;
      }
    }
    // Only newcomers pay for a look at the ages.
    let replace = 0;
    let oldest = Number.POSITIVE_INFINITY;
    for (let way = 0; way < WAYS; way++) {
      if (sets[set + way] === 0) return -way - 1;
      const seen = times[seenAt + way]!;
      if (seen < oldest) {
        oldest = seen;
        replace = way;
      }
    }
    return -replace - 1;
  }

  private isKey(entry: number): boolean {
    const { sets, key, keyWords } = this;
    for (let i = 0; i < keyWords; i++) if (sets[entry + i] !== key[i]) return false;
    return true;
  }

  /** Fills `key`; true when the sender is the lower endpoint. */
  private ipv4Key(block: PacketBlock, row: number): boolean {
    const source = block.sourceAddress[row]!;
    const destination = block.destinationAddress[row]!;
    const sourcePort = block.sourcePort[row]!;
    const destinationPort = block.destinationPort[row]!;
    const lower = source < destination || (source === destination && sourcePort <= destinationPort);
    const { key } = this;
    this.keyWords = KEY_WORDS_IPV4;
    key[0] = block.ipProtocol[row]!;
    key[1] = lower ? (sourcePort << 16) | destinationPort : (destinationPort << 16) | sourcePort;
    key[2] = lower ? source : destination;
    key[3] = lower ? destination : source;
    return lower;
  }

  private ipv6Key(block: PacketBlock, row: number): boolean {
    const { source, destination, key } = this;
    readWords(block.ipv6, block.sourceAddress[row]! * 16, source);
    readWords(block.ipv6, block.destinationAddress[row]! * 16, destination);
    const sourcePort = block.sourcePort[row]!;
    const destinationPort = block.destinationPort[row]!;
    let order = 0;
    for (let i = 0; i < 4 && order === 0; i++) order = source[i]! - destination[i]!;
    const lower = order < 0 || (order === 0 && sourcePort <= destinationPort);
    this.keyWords = KEY_WORDS;
    key[0] = block.ipProtocol[row]! | KIND_IPV6;
    key[1] = lower ? (sourcePort << 16) | destinationPort : (destinationPort << 16) | sourcePort;
    for (let i = 0; i < 4; i++) {
      key[2 + 2 * i] = lower ? source[i]! : destination[i]!;
      key[3 + 2 * i] = lower ? destination[i]! : source[i]!;
    }
    return lower;
  }

  /** Multiply and rotate over the words, then the finalizer of MurmurHash3 (Austin Appleby); never 0. */
  private hash(): number {
    let hash = 0x9e3779b9 | 0;
    const { key, keyWords } = this;
    for (let i = 0; i < keyWords; i++) {
      hash = Math.imul(hash ^ key[i]!, 0x85ebca6b);
      hash = (hash << 13) | (hash >>> 19);
    }
    hash = Math.imul(hash ^ (hash >>> 16), 0xc2b2ae35);
    return (hash ^ (hash >>> 15)) >>> 0 || 1;
  }
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
  return end === ORIGINATOR_IS_LOWER ? ORIGINATOR_IS_HIGHER : ORIGINATOR_IS_LOWER;
}

function readWords(bytes: Uint8Array, offset: number, words: Uint32Array): void {
  for (let i = 0; i < 4; i++) {
    const at = offset + 4 * i;
    words[i] = (bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!;
  }
}
