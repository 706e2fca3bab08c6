/** Conversations by their places, written out as rows. */

import { EVENT_ENDED, OUTCOME_ANSWERED, OUTCOME_UNANSWERED } from '../../schemas/conversations/conversation.js';
import { ADDRESS_SLOT_BYTES, ConversationBlock } from '../../schemas/conversations/conversation-block.js';
import { originIndex, type PacketOrigin } from '../../schemas/packets/packet-block.js';
import { HistoryTexts } from './conversation-history.js';
import {
  addressOfRecord,
  BYTES,
  END_FIRST,
  END_SECOND,
  HAS_SAID,
  isIpv6Record,
  LAST,
  LOGINS,
  ORIGIN_AND_VLAN,
  otherEnd,
  PACKETS,
  PAYLOAD,
  PAYLOADS_READ,
  portOfRecord,
  protocolOfRecord,
  queryTypeOfRecord,
  RECORD_DOUBLES,
  RECORD_WORDS,
  START,
  STATUS,
} from './conversation-record.js';
import type { ConversationServices } from './conversation-services.js';
import { connectionState, IS_BEGUN, IS_ICMP, ORIGINATOR_FIRST, outcomeOf } from './conversation-state.js';
import type { ConversationTable } from './conversation-table.js';
import { putRecordAddress } from './received-table.js';
import { TapDirections } from './tap-directions.js';

const ROWS_MAX = 4096;
const SECOND = 1_000_000;

/** All origins that conversations came from: few, and kept, because a conversation outlives the block of its packets. */
export class Origins {
  readonly list: PacketOrigin[] = [];
  /** Which directions the tap of each sees. */
  readonly taps: TapDirections[] = [];

  indexOf(origin: PacketOrigin): number {
    const index = originIndex(this.list, origin);
    if (index === this.taps.length) this.taps.push(new TapDirections());
    return index;
  }
}

/** What is kept of conversations: records (the same memory as words and as doubles), origins, what was said. */
export interface Places {
  readonly table: ConversationTable;
  readonly words: Int32Array;
  readonly doubles: Float64Array;
  readonly origins: Origins;
  readonly services: ConversationServices;
}

export class ConversationRows {
  readonly block: ConversationBlock = new ConversationBlock(ROWS_MAX);
  /** Conversations that ended without a row. */
  leftOut = 0;
  private readonly histories = new HistoryTexts();
  private second = 0;
  private inSecond = 0;

  /** @param deliver takes the rows of `block`, which is full, and resets it */
  constructor(
    private readonly places: Places,
    private readonly unansweredMax: number,
    private readonly deliver: () => void,
  ) {}

  /** The row of a conversation's end, unless it is one of too many packets that nobody answered. */
  putEnd(place: number): void {
    const { words, doubles } = this.places;
    const record = place * RECORD_WORDS;
    const packets = words[record + PACKETS]! + words[record + PACKETS + 1]!;
    const time = doubles[place * RECORD_DOUBLES + LAST]!;
    if (packets === 1 && outcomeOf(words[record + STATUS]!) <= OUTCOME_UNANSWERED) {
      const second = Math.floor(time / SECOND);
      if (second !== this.second) {
        this.second = second;
        this.inSecond = 0;
      }
      if (++this.inSecond > this.unansweredMax) {
        this.leftOut++;
        return;
      }
    }
    this.put(place, EVENT_ENDED, time);
  }

  put(place: number, event: number, time: number): void {
    if (this.block.isFull) this.deliver();
    const { block } = this;
    const { words, doubles, origins, services } = this.places;
    const record = place * RECORD_WORDS;
    const numbers = place * RECORD_DOUBLES;
    const status = words[record + STATUS]!;
    const originator = (status & ORIGINATOR_FIRST) !== 0 ? END_FIRST : END_SECOND;
    const responder = otherEnd(originator);
    const isIpv6 = isIpv6Record(words, record);
    const isIcmp = (status & IS_ICMP) !== 0;
    const originAndVlan = words[record + ORIGIN_AND_VLAN]!;
    const row = block.count++;
    block.origin[row] = originIndex(block.origins, origins.list[originAndVlan >>> 16]!);
    block.event[row] = event;
    block.time[row] = time;
    block.start[row] = doubles[numbers + START]!;
    block.last[row] = doubles[numbers + LAST]!;
    const slot = row * ADDRESS_SLOT_BYTES;
    putRecordAddress(block.originator, slot, words, addressOfRecord(words, record, originator), isIpv6);
    putRecordAddress(block.responder, slot, words, addressOfRecord(words, record, responder), isIpv6);
    block.originatorPort[row] = isIcmp ? queryTypeOfRecord(words, record) : portOfRecord(words, record, originator);
    block.responderPort[row] = isIcmp ? 0 : portOfRecord(words, record, responder);
    block.icmpId[row] = isIcmp ? portOfRecord(words, record, END_FIRST) : 0;
    block.ipProtocol[row] = protocolOfRecord(words, record);
    block.vlan[row] = originAndVlan & 0xffff;
    block.begun[row] = (status & IS_BEGUN) !== 0 ? 1 : 0;
    block.outcome[row] = outcomeOf(status);
    block.state[row] = connectionState(status);
    block.originatorPackets[row] = words[record + PACKETS]! >>> 0;
    block.responderPackets[row] = words[record + PACKETS + 1]! >>> 0;
    block.originatorBytes[row] = doubles[numbers + BYTES]!;
    block.responderBytes[row] = doubles[numbers + BYTES + 1]!;
    block.originatorPayload[row] = doubles[numbers + PAYLOAD]!;
    block.responderPayload[row] = doubles[numbers + PAYLOAD + 1]!;
    block.loginsFailed[row] = words[record + LOGINS]! & 0xffff;
    block.loginsSucceeded[row] = words[record + LOGINS]! >>> 16;
    block.history[row] = this.histories.textOf(words, record);
    const hasSpoken = words[record + PACKETS + 1] !== 0 && outcomeOf(status) <= OUTCOME_ANSWERED;
    const hasSaid = (words[record + PAYLOADS_READ]! & HAS_SAID) !== 0;
    const port = block.responderPort[row]!;
    block.service[row] = services.serviceOf(place, hasSaid, block.ipProtocol[row]!, port, hasSpoken);
    block.names[row] = hasSaid ? services.namesOf(place) : null;
  }
}
