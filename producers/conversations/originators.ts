/**
 * Who began a conversation, by what a packet finds; see conversation-tracker.ts for the rule. Which end began is kept with
 * the key of the conversation and outlives it, as long as the table remembers its ends.
 */
import {
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
import type { Payloads } from '../decoding/payloads.js';
import { PROTOCOL_TCP, PROTOCOL_UDP } from '../protocols/ip-protocol.js';
import {
  addressOfRecord,
  END_UNKNOWN,
  isIpv6Record,
  otherEnd,
  portOfRecord,
  RECORD_WORDS,
  STATUS,
} from './conversation-record.js';
import { isAttempt, originatorEnd, withOriginatorEnd } from './conversation-state.js';
import { answersByPort, Expectations, isNoAnswer } from './opening.js';
import { hashTarget } from './received-table.js';

/** In place of TCP flags: the protocol has no handshake. */
export const NO_CONNECTION = -1;

export class Originators {
  private readonly expectations = new Expectations();
  /** The payload of the row at hand: number `index` of `payloads`. */
  payloads: Payloads | null = null;
  index = 0;

  /** @param words the records of all places */
  constructor(private readonly words: Int32Array) {}

  /** Conversations that begin towards this end of a place are no attempts of who begins them. */
  expectAt(place: number, end: number, time: number, port?: number): void {
    const { words } = this;
    const record = place * RECORD_WORDS;
    const isIpv6 = isIpv6Record(words, record);
    const address = addressWord(words, addressOfRecord(words, record, end), isIpv6);
    this.expectations.expect(address, isIpv6, port ?? portOfRecord(words, record, end), time);
  }

  private originator(place: number): number {
    return originatorEnd(this.words[place * RECORD_WORDS + STATUS]!);
  }

  setOriginator(place: number, end: number): void {
    const status = place * RECORD_WORDS + STATUS;
    this.words[status] = withOriginatorEnd(this.words[status]!, end);
  }

  firstRole(block: PacketBlock, row: number, place: number, sender: number, flags: number, time: number): number {
    if (flags === NO_CONNECTION) {
      if (this.isExpected(place, otherEnd(sender), time)) return ROLE_RESPONDER;
      return block.ipProtocol[row] === PROTOCOL_UDP && this.answers(block, row) ? ROLE_UNKNOWN : ROLE_OPENING;
    }
    if ((flags & TCP_SYN) !== 0) {
      if ((flags & TCP_ACK) !== 0) return ROLE_RESPONDER;
      return this.isExpected(place, otherEnd(sender), time) ? ROLE_ORIGINATOR : ROLE_OPENING;
    }
    return (flags & (TCP_ACK | TCP_RST)) === 0 ? ROLE_OPENING : ROLE_UNKNOWN;
  }

  /** Whether a datagram is an answer by its ports, and what it carries does not tell otherwise. */
  private answers(block: PacketBlock, row: number): boolean {
    const sourcePort = block.sourcePort[row]!;
    if (!answersByPort(sourcePort, block.destinationPort[row]!)) return false;
    const { payloads, index } = this;
    if (payloads === null) return true;
    const bytes = payloads.bufferOf(index);
    return !isNoAnswer(sourcePort, payloads.length[index]!, bytes, payloads.start[index]!, payloads.end[index]!);
  }

  private isExpected(place: number, end: number, time: number): boolean {
    const { words } = this;
    const record = place * RECORD_WORDS;
    const port = portOfRecord(words, record, end);
    if (!this.expectations.mayHave(port)) return false;
    const isIpv6 = isIpv6Record(words, record);
    return this.expectations.has(addressWord(words, addressOfRecord(words, record, end), isIpv6), isIpv6, port, time);
  }

  /** The role of a packet that begins a conversation between ends that had one before. */
  nextRole(block: PacketBlock, row: number, place: number, sender: number, flags: number, before: number): number {
    // An attempt that is repeated late is no further attempt.
    const isRepeated = isAttempt(before) && this.originator(place) === sender;
    const role = this.knownRole(block, row, place, sender, flags);
    return isSyn(flags) && !isRepeated ? ROLE_OPENING : role;
  }

  knownRole(block: PacketBlock, row: number, place: number, sender: number, flags: number): number {
    const originator = this.originator(place);
    if (flags !== NO_CONNECTION && (flags & TCP_SYN) !== 0) {
      if ((flags & TCP_ACK) !== 0) {
        if (originator === sender) this.setOriginator(place, otherEnd(sender));
        else if (originator === END_UNKNOWN) this.setOriginator(place, otherEnd(sender));
        return ROLE_RESPONDER;
      }
      if (originator === sender) return ROLE_ORIGINATOR;
      this.setOriginator(place, sender);
      return ROLE_OPENING;
    }
    if (originator === END_UNKNOWN) {
      if (flags !== NO_CONNECTION) return ROLE_UNKNOWN;
      if (this.answers(block, row)) return ROLE_UNKNOWN;
      this.setOriginator(place, sender);
      return ROLE_ORIGINATOR;
    }
    return originator === sender ? ROLE_ORIGINATOR : ROLE_RESPONDER;
  }
}

/** The TCP flags of a packet; those of the middle of a connection when they were cut off; none for other protocols. */
export function connectionFlags(block: PacketBlock, row: number): number {
  if (block.ipProtocol[row] !== PROTOCOL_TCP) return NO_CONNECTION;
  return (block.present[row]! & HAS_TCP) !== 0 ? block.tcpFlags[row]! : TCP_ACK;
}

export function isSyn(flags: number): boolean {
  return flags !== NO_CONNECTION && (flags & (TCP_SYN | TCP_ACK)) === TCP_SYN;
}

/** Whether a packet in the middle of a conversation comes from the responder, as far as it can be told from it alone. */
export function looksLikeAnswer(block: PacketBlock, row: number, flags: number): boolean {
  if (flags === NO_CONNECTION || (flags & TCP_RST) !== 0) return true;
  return block.sourcePort[row]! < block.destinationPort[row]!;
}

function addressWord(words: Int32Array, at: number, isIpv6: boolean): number {
  return isIpv6 ? hashTarget(words, at, true, 0) : words[at]!;
}
