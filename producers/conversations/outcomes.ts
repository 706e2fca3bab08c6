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
import type { ConversationRows, Places } from './conversation-rows.js';
import {
  END_INACTIVE,
  IS_BEGUN,
  IS_HALF_SEEN,
  IS_ICMP,
  IS_OPEN,
  IS_TCP,
  IS_UNASKED,
  ORIGIN_AND_VLAN,
  ORIGINATOR_FIRST,
  outcomeOf,
  PACKETS,
  RECEIVED_EPOCH,
  RECEIVED_ROW,
  responderState,
  STATE_WORDS,
  STATUS,
  withOutcome,
} from './conversation-state.js';
import {
  addressOfEntry,
  END_FIRST,
  END_SECOND,
  isIpv6Entry,
  NO_PLACE,
  otherEnd,
  portOfEntry,
  protocolOfEntry,
  queryTypeOfEntry,
} from './conversation-table.js';
import { isRefusal, readIcmpQuote } from './icmp-quote.js';
import type { ReceivedTable } from './received-table.js';

export class Outcomes {
  private readonly quote = new PacketBlock(1);

  constructor(
    private readonly places: Places,
    private readonly rows: ConversationRows,
    private readonly received: ReceivedTable,
  ) {}

  /** Looks whether a packet, which is counted already, settles the outcome of a conversation without one. */
  judge(place: number, flags: number, isOriginator: boolean, time: number, slot: number): void {
    const { words } = this.places;
    const state = place * STATE_WORDS;
    const status = words[state + STATUS]!;
    const isTcp = (status & IS_TCP) !== 0;
    if ((status & IS_BEGUN) === 0) {
      if (!isOriginator) return;
      // What the other end sent before may have been an answer after all; a handshake that goes on shows that it was.
      words[state + STATUS] = status & ~IS_UNASKED;
      if (!isTcp || (status & IS_UNASKED) === 0 || (flags & (TCP_ACK | TCP_SYN | TCP_RST)) !== TCP_ACK) return;
      words[state + STATUS]! |= IS_BEGUN;
      this.settle(place, OUTCOME_ANSWERED, time, slot);
    } else if (!isOriginator) {
      // Some acknowledge a SYN before they answer it.
      if (isTcp && responderState(status) === END_INACTIVE) return;
      const isRefused = isTcp && (flags & TCP_RST) !== 0;
      this.settle(place, isRefused ? OUTCOME_REFUSED_RST : OUTCOME_ANSWERED, time, slot);
    } else if (isTcp && words[state + PACKETS + 1] === 0) this.judgeUnheard(state, place, flags, time);
  }

  /** A packet of the originator while nothing of the responder was seen. */
  private judgeUnheard(state: number, place: number, flags: number, time: number): void {
    const { words, origins } = this.places;
    const tap = origins.taps[words[state + ORIGIN_AND_VLAN]! >>> 16]!;
    const status = words[state + STATUS]!;
    if ((flags & (TCP_ACK | TCP_SYN | TCP_RST)) === TCP_ACK && (status & IS_HALF_SEEN) === 0) {
      // It goes on as if it had been answered: the answers pass by elsewhere, or it only pretends.
      tap.sawHalf();
      words[state + STATUS] = status | IS_HALF_SEEN;
    } else if (words[state + PACKETS] !== 1) return;
    if (!tap.isOneWay || outcomeOf(status) === OUTCOME_UNSEEN) return;
    words[state + STATUS] = withOutcome(words[state + STATUS]!, OUTCOME_UNSEEN);
    this.rows.put(place, EVENT_UNSEEN, time);
  }

  private settle(place: number, outcome: number, time: number, slot: number): void {
    const { words, origins } = this.places;
    const state = place * STATE_WORDS;
    const status = withOutcome(words[state + STATUS]!, outcome);
    words[state + STATUS] = status;
    const row = this.towardsResponder(place, slot);
    const { open } = this.received;
    if (time > open.last[row]!) open.last[row] = time;
    if (outcome === OUTCOME_ANSWERED) {
      if ((status & IS_TCP) !== 0) origins.taps[words[state + ORIGIN_AND_VLAN]! >>> 16]!.sawWhole();
      open.answered[row]!++;
      this.rows.put(place, EVENT_ANSWERED, time);
    } else {
      open.refused[row]!++;
      this.rows.put(place, EVENT_REFUSED, time);
    }
  }

  /** An ICMP error may refuse what it quotes. */
  readError(block: PacketBlock, row: number, index: number, payloads: Payloads, slot: number): void {
    if (!isRefusal(block.ipProtocol[row]!, block.icmpType[row]!, block.icmpCode[row]!)) return;
    if (!readIcmpQuote(this.quote, payloads.bytes, payloads.start[index]!, payloads.end[index]!)) return;
    const { table, words } = this.places;
    const place = table.find(this.quote, 0);
    if (place === NO_PLACE) return;
    const status = words[place * STATE_WORDS + STATUS]!;
    const isWaiting = (status & IS_OPEN) !== 0 && (status & IS_BEGUN) !== 0 && outcomeOf(status) <= OUTCOME_UNANSWERED;
    const isOriginator = (table.sender === END_FIRST) === ((status & ORIGINATOR_FIRST) !== 0);
    if (isWaiting && isOriginator) this.settle(place, OUTCOME_REFUSED_ICMP, block.timestamp[row]!, slot);
  }

  /** Counts a packet as one that its receiver got. */
  countReceived(
    block: PacketBlock,
    row: number,
    place: number,
    isOriginator: boolean,
    begins: boolean,
    slot: number,
  ): void {
    const status = this.places.words[place * STATE_WORDS + STATUS]!;
    const { open } = this.received;
    if (isOriginator) {
      if ((status & IS_BEGUN) === 0) return;
      const to = this.towardsResponder(place, slot);
      if (begins) open.attempts[to]!++;
      open.packets[to]!++;
      open.bytes[to]! += block.frameLength[row]!;
      if (block.timestamp[row]! > open.last[to]!) open.last[to] = block.timestamp[row]!;
    } else if ((status & IS_UNASKED) !== 0) {
      const to = this.towardsOriginator(place, status, slot);
      open.unasked[to]!++;
      open.unaskedBytes[to]! += block.frameLength[row]!;
      if (block.timestamp[row]! > open.last[to]!) open.last[to] = block.timestamp[row]!;
    }
  }

  /** The open row of what the responder received at its port; the conversation's originator is one of its sources. */
  private towardsResponder(place: number, slot: number): number {
    const { words } = this.places;
    const state = place * STATE_WORDS;
    if (words[state + RECEIVED_EPOCH] === this.received.epoch) return words[state + RECEIVED_ROW]!;
    const status = words[state + STATUS]!;
    const row = this.rowOf(place, status, slot, responderOf(status));
    words[state + RECEIVED_ROW] = row;
    words[state + RECEIVED_EPOCH] = this.received.epoch;
    return row;
  }

  /** The open row of what came to the originator unasked, from the responder's port. */
  private towardsOriginator(place: number, status: number, slot: number): number {
    return this.rowOf(place, status, slot, otherEnd(responderOf(status)));
  }

  private rowOf(place: number, status: number, slot: number, target: number): number {
    const { table, words, origins } = this.places;
    const keys = table.words;
    const entry = table.entryOf(place);
    const isIpv6 = isIpv6Entry(keys, entry);
    const port =
      (status & IS_ICMP) === 0 ? portOfEntry(keys, entry, responderOf(status)) : queryTypeOfEntry(keys, entry);
    const origin = origins.list[words[place * STATE_WORDS + ORIGIN_AND_VLAN]! >>> 16]!;
    const address = addressOfEntry(keys, entry, target);
    const row = this.received.row(keys, address, isIpv6, protocolOfEntry(keys, entry), port, origin, slot);
    this.received.addSource(row, keys, addressOfEntry(keys, entry, otherEnd(target)), isIpv6);
    return row;
  }
}

function responderOf(status: number): number {
  return (status & ORIGINATOR_FIRST) !== 0 ? END_SECOND : END_FIRST;
}
