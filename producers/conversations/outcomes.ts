/**
 * What became of what was begun: told to the originator's records by rows of its conversations, and to the responder's by
 * rows of what it received.
 */
import {
  EVENT_ANSWERED,
  EVENT_REFUSED,
  EVENT_UNSEEN,
  OUTCOME_ANSWERED,
  OUTCOME_REFUSED_ICMP,
  OUTCOME_REFUSED_RST,
  OUTCOME_UNANSWERED,
  OUTCOME_UNSEEN,
} from '../../schemas/conversations/conversation.js';
import { PacketBlock, TCP_ACK, TCP_RST, TCP_SYN } from '../../schemas/packets/packet-block.js';
import type { Payloads } from '../decoding/payloads.js';
import {
  addressOfRecord,
  END_FIRST,
  END_SECOND,
  isIpv6Record,
  NO_PLACE,
  ORIGIN_AND_VLAN,
  otherEnd,
  PACKETS,
  portOfRecord,
  protocolOfRecord,
  queryTypeOfRecord,
  RECEIVED_EPOCH,
  RECEIVED_ROW,
  RECORD_WORDS,
  SOURCE_HASH,
  STATUS,
  TARGET_HASH,
} from './conversation-record.js';
import type { ConversationRows, Places } from './conversation-rows.js';
import {
  END_INACTIVE,
  IS_BEGUN,
  IS_HALF_SEEN,
  IS_ICMP,
  IS_OPEN,
  IS_TCP,
  IS_UNASKED,
  ORIGINATOR_FIRST,
  outcomeOf,
  responderState,
  withOutcome,
} from './conversation-state.js';
import { isRefusal, readIcmpQuote } from './icmp-quote.js';
import { NO_CONNECTION } from './originators.js';
import {
  hashTarget,
  type ReceivedTable,
  SUM_ANSWERED,
  SUM_ATTEMPTS,
  SUM_BYTES,
  SUM_DOUBLES,
  SUM_LAST,
  SUM_PACKETS,
  SUM_REFUSED,
  SUM_UNASKED,
  SUM_UNASKED_BYTES,
} from './received-table.js';

export class Outcomes {
  private readonly quote = new PacketBlock(1);

  constructor(
    private readonly places: Places,
    private readonly rows: ConversationRows,
    private readonly received: ReceivedTable,
  ) {}

  /**
   * Looks whether a packet, which is counted already, settles the outcome of a conversation without one.
   *
   * @param flags those of TCP; RST alone for a packet of SCTP that aborts; else `NO_CONNECTION`
   */
  judge(place: number, flags: number, isOriginator: boolean, time: number): void {
    const { words } = this.places;
    const record = place * RECORD_WORDS;
    const status = words[record + STATUS]!;
    const isTcp = (status & IS_TCP) !== 0;
    if ((status & IS_BEGUN) === 0) {
      if (!isOriginator) return;
      // What the other end sent before may have been an answer after all; a handshake that goes on shows that it was.
      words[record + STATUS] = status & ~IS_UNASKED;
      if (!isTcp || (status & IS_UNASKED) === 0 || (flags & (TCP_ACK | TCP_SYN | TCP_RST)) !== TCP_ACK) return;
      words[record + STATUS]! |= IS_BEGUN;
      this.settle(place, OUTCOME_ANSWERED, time);
    } else if (!isOriginator) {
      // Some acknowledge a SYN before they answer it.
      if (isTcp && responderState(status) === END_INACTIVE) return;
      const isRefused = flags !== NO_CONNECTION && (flags & TCP_RST) !== 0;
      this.settle(place, isRefused ? OUTCOME_REFUSED_RST : OUTCOME_ANSWERED, time);
    } else if (isTcp && words[record + PACKETS + 1] === 0) this.judgeUnheard(record, place, flags, time);
  }

  /** A packet of the originator while nothing of the responder was seen. */
  private judgeUnheard(record: number, place: number, flags: number, time: number): void {
    const { words, origins } = this.places;
    const tap = origins.taps[words[record + ORIGIN_AND_VLAN]! >>> 16]!;
    const status = words[record + STATUS]!;
    if ((flags & (TCP_ACK | TCP_SYN | TCP_RST)) === TCP_ACK && (status & IS_HALF_SEEN) === 0) {
      // It goes on as if it had been answered: the answers pass by elsewhere, or it only pretends.
      tap.sawHalf();
      words[record + STATUS] = status | IS_HALF_SEEN;
    } else if (words[record + PACKETS] !== 1) return;
    if (!tap.isOneWay || outcomeOf(status) === OUTCOME_UNSEEN) return;
    words[record + STATUS] = withOutcome(words[record + STATUS]!, OUTCOME_UNSEEN);
    this.rows.put(place, EVENT_UNSEEN, time);
  }

  private settle(place: number, outcome: number, time: number): void {
    const { words, origins } = this.places;
    const record = place * RECORD_WORDS;
    const status = withOutcome(words[record + STATUS]!, outcome);
    words[record + STATUS] = status;
    const sum = this.towardsResponder(record, status);
    const { sums } = this.received;
    if (time > sums[sum + SUM_LAST]!) sums[sum + SUM_LAST] = time;
    if (outcome === OUTCOME_ANSWERED) {
      if ((status & IS_TCP) !== 0) origins.taps[words[record + ORIGIN_AND_VLAN]! >>> 16]!.sawWhole();
      sums[sum + SUM_ANSWERED]!++;
      this.rows.put(place, EVENT_ANSWERED, time);
    } else {
      sums[sum + SUM_REFUSED]!++;
      this.rows.put(place, EVENT_REFUSED, time);
    }
  }

  /** An ICMP error may refuse what it quotes. */
  readError(block: PacketBlock, row: number, index: number, payloads: Payloads): void {
    if (!isRefusal(block.ipProtocol[row]!, block.icmpType[row]!, block.icmpCode[row]!)) return;
    if (!readIcmpQuote(this.quote, payloads.bufferOf(index), payloads.start[index]!, payloads.end[index]!)) return;
    const { table, words } = this.places;
    const place = table.find(this.quote, 0);
    if (place === NO_PLACE) return;
    const status = words[place * RECORD_WORDS + STATUS]!;
    const isWaiting = (status & IS_OPEN) !== 0 && (status & IS_BEGUN) !== 0 && outcomeOf(status) <= OUTCOME_UNANSWERED;
    const isOriginator = (table.sender === END_FIRST) === ((status & ORIGINATOR_FIRST) !== 0);
    if (isWaiting && isOriginator) this.settle(place, OUTCOME_REFUSED_ICMP, block.timestamp[row]!);
  }

  /** Counts a packet as one that its receiver got. */
  countReceived(block: PacketBlock, row: number, record: number, isOriginator: boolean, begins: boolean): void {
    const status = this.places.words[record + STATUS]!;
    if ((status & (isOriginator ? IS_BEGUN : IS_UNASKED)) === 0) return;
    const sum = isOriginator ? this.towardsResponder(record, status) : this.towardsOriginator(record, status);
    const { sums } = this.received;
    if (isOriginator) {
      if (begins) sums[sum + SUM_ATTEMPTS]!++;
      sums[sum + SUM_PACKETS]!++;
      sums[sum + SUM_BYTES]! += block.frameLength[row]!;
    } else {
      sums[sum + SUM_UNASKED]!++;
      sums[sum + SUM_UNASKED_BYTES]! += block.frameLength[row]!;
    }
    if (block.timestamp[row]! > sums[sum + SUM_LAST]!) sums[sum + SUM_LAST] = block.timestamp[row]!;
  }

  /** Where the sums of the open row begin of what the responder received at its port; the conversation's originator is one of its sources. */
  towardsResponder(record: number, status: number): number {
    const { words } = this.places;
    const { received } = this;
    if (words[record + RECEIVED_EPOCH] === received.epoch) return words[record + RECEIVED_ROW]! * SUM_DOUBLES;
    const isIpv6 = isIpv6Record(words, record);
    const responder = responderOf(status);
    const target = addressOfRecord(words, record, responder);
    const source = addressOfRecord(words, record, otherEnd(responder));
    const protocol = protocolOfRecord(words, record);
    const port = portOfResponder(words, record, status, responder);
    if (words[record + RECEIVED_EPOCH] === 0) {
      words[record + TARGET_HASH] = hashTarget(words, target, isIpv6, (protocol << 16) | port);
      words[record + SOURCE_HASH] = hashTarget(words, source, isIpv6, 0);
    }
    const origin = words[record + ORIGIN_AND_VLAN]! >>> 16;
    const row = received.row(words, target, isIpv6, protocol, port, origin, words[record + TARGET_HASH]!);
    received.addSource(row, words, source, isIpv6, words[record + SOURCE_HASH]!);
    words[record + RECEIVED_ROW] = row;
    words[record + RECEIVED_EPOCH] = received.epoch;
    return row * SUM_DOUBLES;
  }

  /** As `towardsResponder`, of what came to the originator unasked, from the responder's port. */
  private towardsOriginator(record: number, status: number): number {
    const { words } = this.places;
    const isIpv6 = isIpv6Record(words, record);
    const responder = responderOf(status);
    const target = addressOfRecord(words, record, otherEnd(responder));
    const source = addressOfRecord(words, record, responder);
    const protocol = protocolOfRecord(words, record);
    const port = portOfResponder(words, record, status, responder);
    const hash = hashTarget(words, target, isIpv6, (protocol << 16) | port);
    const origin = words[record + ORIGIN_AND_VLAN]! >>> 16;
    const row = this.received.row(words, target, isIpv6, protocol, port, origin, hash);
    this.received.addSource(row, words, source, isIpv6, hashTarget(words, source, isIpv6, 0));
    return row * SUM_DOUBLES;
  }
}

function portOfResponder(words: Int32Array, record: number, status: number, responder: number): number {
  return (status & IS_ICMP) === 0 ? portOfRecord(words, record, responder) : queryTypeOfRecord(words, record);
}

function responderOf(status: number): number {
  return (status & ORIGINATOR_FIRST) !== 0 ? END_SECOND : END_FIRST;
}
