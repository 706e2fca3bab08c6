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
 * cache: an entry lies in one of 16 places that its hash names, whose tags share a cache line; when all 16 are taken by
 * living entries, the one idle for longest goes, counted in `evicted`. All memory is allocated at the start.
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
  /** Conversations remembered at once, rounded up to a power of two; 262,144 by default, about 60 bytes each. */
  readonly capacity?: number;
  /** Idle time after which a conversation is forgotten, µs of event time; 10 minutes by default. */
  readonly idleTimeoutMicroseconds?: number;
}

export const CONVERSATION_CAPACITY_DEFAULT = 262_144;
export const CONVERSATION_IDLE_TIMEOUT_DEFAULT = 600_000_000;

const WAYS = 16;
/** Words of a key: lower endpoint's address, higher endpoint's address, both ports, kind and protocol. */
const KEY_WORDS = 10;
const PORTS_WORD = 8;
const KIND_WORD = 9;
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
  /** Hash of each entry, never 0; 0 is a free place. */
  private readonly tags: Uint32Array;
  private readonly keys: Uint32Array;
  private readonly lastSeen: Float64Array;
  private readonly originators: Uint8Array;
  /** The key of the packet at hand. */
  private readonly key = new Uint32Array(KEY_WORDS);
  private readonly source = new Uint32Array(4);
  private readonly destination = new Uint32Array(4);

  constructor(options: ConversationTableOptions = {}) {
    const wanted = Math.max(WAYS, options.capacity ?? CONVERSATION_CAPACITY_DEFAULT);
    this.capacity = 2 ** Math.ceil(Math.log2(wanted));
    this.idleTimeout = options.idleTimeoutMicroseconds ?? CONVERSATION_IDLE_TIMEOUT_DEFAULT;
    this.setMask = this.capacity / WAYS - 1;
    this.tags = new Uint32Array(this.capacity);
    this.keys = new Uint32Array(this.capacity * KEY_WORDS);
    this.lastSeen = new Float64Array(this.capacity);
    this.originators = new Uint8Array(this.capacity);
  }

  /** Sets the role of a row. Rows come in the order of capture. */
  classify(block: PacketBlock, row: number): void {
    if ((block.present[row]! & HAS_PORTS) === 0) return;
    const lower = block.sourceKind[row] === ADDRESS_IPV4 ? this.ipv4Key(block, row) : this.ipv6Key(block, row);
    const sender = lower ? ORIGINATOR_IS_LOWER : ORIGINATOR_IS_HIGHER;
    const now = block.timestamp[row]!;
    const flags = connectionFlags(block, row);
    const tag = this.hash();
    const place = this.find(tag, now);
    if (place >= 0) {
      if (now > this.lastSeen[place]!) this.lastSeen[place] = now;
      block.role[row] = this.knownRole(place, sender, flags);
      return;
    }
    const role = firstRole(flags);
    const entry = -place - 1;
    if (this.tags[entry] !== 0 && now - this.lastSeen[entry]! <= this.idleTimeout) this.evicted++;
    this.tags[entry] = tag;
    const keyAt = entry * KEY_WORDS;
    for (let i = 0; i < KEY_WORDS; i++) this.keys[keyAt + i] = this.key[i]!;
    this.lastSeen[entry] = now;
    if (role === ROLE_UNKNOWN) this.originators[entry] = ORIGINATOR_UNKNOWN;
    else this.originators[entry] = role === ROLE_RESPONDER ? otherEnd(sender) : sender;
    block.role[row] = role;
  }

  private knownRole(place: number, sender: number, flags: number): number {
    const originator = this.originators[place]!;
    if (flags !== NO_CONNECTION && (flags & TCP_SYN) !== 0) {
      if ((flags & TCP_ACK) !== 0) {
        this.originators[place] = otherEnd(sender);
        return ROLE_RESPONDER;
      }
      this.originators[place] = sender;
      return originator === sender ? ROLE_ORIGINATOR : ROLE_OPENING;
    }
    if (originator === ORIGINATOR_UNKNOWN) return ROLE_UNKNOWN;
    return originator === sender ? ROLE_ORIGINATOR : ROLE_RESPONDER;
  }

  /**
   * The place of the conversation of `key`; or, as a negative number, where to put it: -1 - place, a free or forgotten
   * one, else the one idle for longest.
   */
  private find(tag: number, now: number): number {
    const first = (tag & this.setMask) * WAYS;
    const end = first + WAYS;
    for (let place = first; place < end; place++) {
      if (this.tags[place] === tag && this.isKey(place)) {
        return now - this.lastSeen[place]! > this.idleTimeout ? -place - 1 : place;
      }
    }
    // Only newcomers pay for a look at the ages, which lie in cache lines of their own.
    let replace = first;
    let oldest = Number.POSITIVE_INFINITY;
    for (let place = first; place < end; place++) {
      if (this.tags[place] === 0) return -place - 1;
      const seen = this.lastSeen[place]!;
      if (seen < oldest) {
        oldest = seen;
        replace = place;
      }
    }
    return -replace - 1;
  }

  private isKey(place: number): boolean {
    const from = place * KEY_WORDS;
    for (let i = 0; i < KEY_WORDS; i++) if (this.keys[from + i] !== this.key[i]) return false;
    return true;
  }

  /** Fills `key`; true when the sender is the lower endpoint. */
  private ipv4Key(block: PacketBlock, row: number): boolean {
    const source = block.sourceAddress[row]!;
    const destination = block.destinationAddress[row]!;
    const sourcePort = block.sourcePort[row]!;
    const destinationPort = block.destinationPort[row]!;
    const lower = source < destination || (source === destination && sourcePort <= destinationPort);
    const key = this.key;
    key[0] = lower ? source : destination;
    key[1] = key[2] = key[3] = 0;
    key[4] = lower ? destination : source;
    key[5] = key[6] = key[7] = 0;
    key[PORTS_WORD] = lower ? (sourcePort << 16) | destinationPort : (destinationPort << 16) | sourcePort;
    key[KIND_WORD] = block.ipProtocol[row]!;
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
    for (let i = 0; i < 4; i++) {
      key[i] = lower ? source[i]! : destination[i]!;
      key[4 + i] = lower ? destination[i]! : source[i]!;
    }
    key[PORTS_WORD] = lower ? (sourcePort << 16) | destinationPort : (destinationPort << 16) | sourcePort;
    key[KIND_WORD] = block.ipProtocol[row]! | KIND_IPV6;
    return lower;
  }

  /** Multiply and rotate over the words, then the finalizer of MurmurHash3 (Austin Appleby); never 0. */
  private hash(): number {
    let hash = 0x9e3779b9 | 0;
    for (let i = 0; i < KEY_WORDS; i++) {
      hash = Math.imul(hash ^ this.key[i]!, 0x85ebca6b);
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
