/** Conversations by their places, written out as rows. */

import { EVENT_ENDED, OUTCOME_ANSWERED, OUTCOME_UNANSWERED } from '../../schemas/conversations/conversation.js';
import { ADDRESS_SLOT_BYTES, ConversationBlock } from '../../schemas/conversations/conversation-block.js';
import type { PacketOrigin } from '../../schemas/packets/packet-block.js';
import type { ConversationServices } from './conversation-services.js';
import {
  BYTES,
  connectionState,
  historyText,
  ICMP_ID,
  IS_BEGUN,
  IS_ICMP,
  LAST,
  LOGINS,
  ORIGIN_AND_VLAN,
  ORIGINATOR_FIRST,
  outcomeOf,
  PACKETS,
  PAYLOAD,
  START,
  STATE_WORDS,
  STATUS,
} from './conversation-state.js';
import {
  addressOfEntry,
  type ConversationTable,
  END_FIRST,
  END_SECOND,
  isIpv6Entry,
  otherEnd,
  portOfEntry,
  protocolOfEntry,
  queryTypeOfEntry,
} from './conversation-table.js';
import { originIndex, putEntryAddress } from './received-table.js';
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

/** What is kept of conversations: keys, states (the same memory as words and as doubles), origins. */
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
    const state = place * STATE_WORDS;
    const packets = words[state + PACKETS]! + words[state + PACKETS + 1]!;
    const time = doubles[state / 2 + LAST]!;
    if (packets === 1 && outcomeOf(words[state + STATUS]!) <= OUTCOME_UNANSWERED) {
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
    const { table, words, doubles, origins, services } = this.places;
    const keys = table.words;
    const entry = table.entryOf(place);
    const state = place * STATE_WORDS;
    const numbers = state / 2;
    const status = words[state + STATUS]!;
    const originator = (status & ORIGINATOR_FIRST) !== 0 ? END_FIRST : END_SECOND;
    const responder = otherEnd(originator);
    const isIpv6 = isIpv6Entry(keys, entry);
    const isIcmp = (status & IS_ICMP) !== 0;
    const originAndVlan = words[state + ORIGIN_AND_VLAN]!;
    const row = block.count++;
    block.origin[row] = originIndex(block.origins, origins.list[originAndVlan >>> 16]!);
    block.event[row] = event;
    block.time[row] = time;
    block.start[row] = doubles[numbers + START]!;
    block.last[row] = doubles[numbers + LAST]!;
    const slot = row * ADDRESS_SLOT_BYTES;
    putEntryAddress(block.originator, slot, keys, addressOfEntry(keys, entry, originator), isIpv6);
    putEntryAddress(block.responder, slot, keys, addressOfEntry(keys, entry, responder), isIpv6);
    block.originatorPort[row] = isIcmp ? queryTypeOfEntry(keys, entry) : portOfEntry(keys, entry, originator);
    block.responderPort[row] = isIcmp ? 0 : portOfEntry(keys, entry, responder);
    block.icmpId[row] = words[state + ICMP_ID]!;
    block.ipProtocol[row] = protocolOfEntry(keys, entry);
    block.vlan[row] = originAndVlan & 0xffff;
    block.begun[row] = (status & IS_BEGUN) !== 0 ? 1 : 0;
    block.outcome[row] = outcomeOf(status);
    block.state[row] = connectionState(status);
    block.originatorPackets[row] = words[state + PACKETS]! >>> 0;
    block.responderPackets[row] = words[state + PACKETS + 1]! >>> 0;
    block.originatorBytes[row] = doubles[numbers + BYTES]!;
    block.responderBytes[row] = doubles[numbers + BYTES + 1]!;
    block.originatorPayload[row] = doubles[numbers + PAYLOAD]!;
    block.responderPayload[row] = doubles[numbers + PAYLOAD + 1]!;
    block.loginsFailed[row] = words[state + LOGINS]! & 0xffff;
    block.loginsSucceeded[row] = words[state + LOGINS]! >>> 16;
    block.history[row] = historyText(words, state);
    const hasSpoken = words[state + PACKETS + 1] !== 0 && outcomeOf(status) <= OUTCOME_ANSWERED;
    block.service[row] = services.serviceOf(place, block.ipProtocol[row]!, block.responderPort[row]!, hasSpoken);
    block.names[row] = services.namesOf(place);
  }
}
