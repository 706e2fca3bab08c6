/**
 * Conversations as a capture node sees them: it alone sees both directions. Of each packet it tells who its sender is in
 * its conversation (`role`), and of each conversation what was tried and what became of it: rows of `ConversationBlock`
 * when it is first answered or refused, at every update interval, and at its end; and of each host what was begun towards
 * it, in rows of `ReceivedBlock`. Time is that of the packets: the same packets make the same rows, whenever they come.
 *
 * Who began, by what a packet finds:
 * - UDP and SCTP: without an entry it is `opening`, unless it answers by its ports or was announced (opening.ts); after
 *   that its sender is `originator` or `responder` for good.
 * - TCP with SYN and no ACK: `opening` when there is no entry, when the sender was not its originator, and when the
 *   conversation before is over; a repeated SYN of the originator is `originator`.
 * - TCP without an entry: SYN and ACK comes from the `responder`. A segment with neither ACK nor RST belongs to no
 *   connection that ever was (NULL, FIN and Xmas probes), so it is `opening`. Anything else is the middle of
 *   a connection whose begin nobody saw: `unknown`, and so is everything after it until a SYN tells.
 * - Packets without ports (ICMP, later fragments, ARP) are `unknown`; ICMP queries are conversations all the same.
 */

import { EVENT_UPDATED, OUTCOME_UNANSWERED } from '../../schemas/conversations/conversation.js';
import {
  type ConversationBlock,
  RECEIVED_SLOT_MICROS,
  type ReceivedBlock,
} from '../../schemas/conversations/conversation-block.js';
import {
  HAS_ICMP,
  HAS_TCP,
  type PacketBlock,
  ROLE_ORIGINATOR,
  ROLE_RESPONDER,
  TCP_ACK,
  TCP_FIN,
  TCP_RST,
  TCP_SYN,
} from '../../schemas/packets/packet-block.js';
import type { Payloads } from '../decoding/payloads.js';
import { PROTOCOL_SCTP, PROTOCOL_TCP } from '../protocols/ip-protocol.js';
import { Beginnings } from './beginnings.js';
import { addLetter, addSegmentToHistory, LETTER_A, LETTER_D, ORIGINATOR_LETTERS } from './conversation-history.js';
import {
  BYTES,
  END_FIRST,
  END_SECOND,
  END_UNKNOWN,
  HAS_SAID,
  HISTORY,
  LAST,
  NEXT_UPDATE,
  ORIGINATOR_SAYS_NO_MORE,
  PACKETS,
  PAYLOAD,
  PAYLOADS_READ,
  RECEIVED_EPOCH,
  RECEIVED_ROW,
  RECORD_DOUBLES,
  RECORD_WORDS,
  RESPONDER_SAYS_NO_MORE,
  STATUS,
} from './conversation-record.js';
import { ConversationRows, Origins } from './conversation-rows.js';
import { ConversationServices } from './conversation-services.js';
import {
  afterSegment,
  IS_BEGUN,
  IS_ICMP,
  IS_OPEN,
  IS_TCP,
  isClosed,
  isUnderWay,
  ORIGINATOR_FIRST,
  originatorEnd,
  outcomeOf,
  timeoutOf,
  withActiveEnd,
} from './conversation-state.js';
import { ConversationTable, type ConversationTableOptions, LOOKAHEAD } from './conversation-table.js';
import { connectionFlags, NO_CONNECTION, Originators } from './originators.js';
import { Outcomes } from './outcomes.js';
import { PayloadReading } from './payload-reading.js';
import { ReceivedTable, SUM_BYTES, SUM_DOUBLES, SUM_LAST, SUM_PACKETS } from './received-table.js';
import { TimerWheel } from './timer-wheel.js';

export interface ConversationTrackerOptions extends ConversationTableOptions {
  /** How often a conversation that goes on is told of, µs of event time; a minute by default. */
  readonly updateIntervalMicroseconds?: number;
  /**
   * Most conversations of a single packet without an answer that end with a row, a second of event time; 1,000 by
   * default. What is more is a scan or a flood, of which the packets themselves tell; counted in `unansweredLeftOut`.
   */
  readonly unansweredRowsMax?: number;
  /** Takes what rows there are; the blocks are used again when it returns. Without it nobody wants them. */
  readonly deliver?: (conversations: ConversationBlock, received: ReceivedBlock) => void;
}

export const UPDATE_INTERVAL_DEFAULT = 60_000_000;
export const UNANSWERED_ROWS_DEFAULT = 1000;

const SECOND = 1_000_000;
/** A packet so much older than the newest shows that the clock was set back, or that another capture begins. */
const CLOCK_BACK = 60 * SECOND;

export class ConversationTracker {
  private readonly table: ConversationTable;
  /** The records of all places, and the same memory as doubles. */
  private readonly words: Int32Array;
  private readonly doubles: Float64Array;
  private readonly rows: ConversationRows;
  private readonly received: ReceivedTable;
  private readonly outcomes: Outcomes;
  private readonly reading: PayloadReading;
  private readonly wheel: TimerWheel;
  private readonly originators: Originators;
  private readonly beginnings: Beginnings;
  private readonly origins = new Origins();
  private readonly services = new ConversationServices();
  private readonly updateInterval: number;
  private readonly look: (place: number) => void;
  /** The slot of event time that packets fall into, and from when on they are of a later one or of another clock. */
  private slot = 0;
  private nextSlot = Number.NEGATIVE_INFINITY;
  private earliest = Number.NEGATIVE_INFINITY;
  private now = 0;

  constructor(private readonly options: ConversationTrackerOptions = {}) {
    this.table = new ConversationTable(options, (place) => {
      if ((this.words[place * RECORD_WORDS + STATUS]! & IS_OPEN) === 0) return;
      this.wheel.remove(place);
      this.end(place);
    });
    const { table, origins, services } = this;
    const { words, doubles } = table;
    this.words = words;
    this.doubles = doubles;
    this.updateInterval = options.updateIntervalMicroseconds ?? UPDATE_INTERVAL_DEFAULT;
    this.originators = new Originators(words);
    this.wheel = new TimerWheel(words);
    this.received = new ReceivedTable(origins.list, () => this.flush());
    const places = { table, words, doubles, origins, services };
    this.rows = new ConversationRows(places, options.unansweredRowsMax ?? UNANSWERED_ROWS_DEFAULT, () => this.flush());
    this.outcomes = new Outcomes(places, this.rows, this.received);
    this.reading = new PayloadReading(places, this.originators);
    this.beginnings = new Beginnings(places, this.originators, this.wheel, this.updateInterval);
    this.look = (place) => this.lookAt(place);
  }

  /** Conversations remembered at once. */
  get capacity(): number {
    return this.table.capacity;
  }

  /** Of the rows classified last, at most `LOOKAHEAD`: `ConversationTable.directions`, numbers below `directionCount`. */
  get directions(): Int32Array {
    return this.table.directions;
  }

  get directionCount(): number {
    return 2 * this.table.capacity;
  }

  /** Conversations that had to be forgotten early for lack of room. */
  get evicted(): number {
    return this.table.evicted;
  }

  /** QUIC packets that were not decrypted because too many came in a second. */
  get quicSkipped(): number {
    return this.services.quicSkipped;
  }

  /** Conversations that ended without a row, because too many like them did. */
  get unansweredLeftOut(): number {
    return this.rows.leftOut;
  }

  /**
   * Sets the roles of these rows, which come in the order of capture, and keeps their conversations.
   *
   * @param payloads of row `from + i` its payload `i`; without it payloads count as empty and ICMP is not looked at
   */
  classify(block: PacketBlock, from: number, to: number, payloads: Payloads | null = null): void {
    const { table } = this;
    for (let start = from; start < to; start += LOOKAHEAD) {
      const count = Math.min(LOOKAHEAD, to - start);
      table.prepare(block, start, count, payloads);
      table.locate(count);
      this.take(block, start, count, payloads);
      table.numberDirections(count);
    }
  }

  /** Hands over what rows there are. */
  flush(): void {
    const { rows, received } = this;
    if (rows.block.count === 0 && received.finished.count === 0) return;
    this.options.deliver?.(rows.block, received.finished);
    rows.block.reset();
    received.finished.reset();
  }

  /** Lets time pass without a packet: what has been silent for too long by then is over. */
  passTime(time: number): void {
    if (time >= this.nextSlot && this.nextSlot !== Number.NEGATIVE_INFINITY) this.moveOn(time);
    this.flush();
  }

  /** The capture is over, and so are all conversations. */
  finish(): void {
    this.now = Number.POSITIVE_INFINITY;
    for (const place of this.wheel.takeAll(this.doubles)) this.end(place);
    this.received.close();
    this.nextSlot = Number.NEGATIVE_INFINITY;
    this.flush();
  }

  private moveOn(time: number): void {
    this.received.close();
    const isFirst = this.nextSlot === Number.NEGATIVE_INFINITY;
    this.slot = Math.floor(time / RECEIVED_SLOT_MICROS) * RECEIVED_SLOT_MICROS;
    this.nextSlot = this.slot + RECEIVED_SLOT_MICROS;
    this.received.begin(this.slot);
    this.now = time;
    if (isFirst || time < this.earliest) this.wheel.restart(time);
    else this.wheel.advance(time, this.look);
    this.earliest = this.slot - CLOCK_BACK;
  }

  /** A place whose time may have come. */
  private lookAt(place: number): void {
    const due = this.dueOf(place);
    if (due <= this.now) this.end(place);
    else this.wheel.add(place, due);
  }

  private dueOf(place: number): number {
    return this.doubles[place * RECORD_DOUBLES + LAST]! + timeoutOf(this.words[place * RECORD_WORDS + STATUS]!);
  }

  /** The place is in no list of the wheel. */
  private end(place: number): void {
    const record = place * RECORD_WORDS;
    this.words[record + STATUS]! &= ~IS_OPEN;
    this.rows.putEnd(place);
    if ((this.words[record + PAYLOADS_READ]! & HAS_SAID) !== 0) this.services.forget(place);
  }

  /**
   * Takes prepared rows one after the other. What nearly all packets are, those of a conversation that was answered and
   * goes on, is done here: it changes a few sums, and calls nothing as long as nothing else is to be told.
   */
  private take(block: PacketBlock, from: number, count: number, payloads: Payloads | null): void {
    const { table, words, doubles, received } = this;
    const { tags, orders, places, idleTimeout } = table;
    const { timestamp, frameLength, role, ipProtocol, present, tcpFlags } = block;
    for (let index = 0; index < count; index++) {
      const row = from + index;
      const time = timestamp[row]!;
      if (time >= this.nextSlot || time < this.earliest) this.moveOn(time);
      if (tags[index] === 0) {
        if (payloads !== null && (present[row]! & HAS_ICMP) !== 0) this.outcomes.readError(block, row, index, payloads);
        continue;
      }
      const place = places[index]!;
      if (place < 0) {
        this.takeOther(block, row, index, payloads);
        continue;
      }
      const record = place * RECORD_WORDS;
      const numbers = place * RECORD_DOUBLES;
      const status = words[record + STATUS]!;
      const sender = END_SECOND + orders[index]!;
      const isOriginator = (sender === END_FIRST) === ((status & ORIGINATOR_FIRST) !== 0);
      let flags = 0;
      if (ipProtocol[row] === PROTOCOL_TCP) flags = (present[row]! & HAS_TCP) !== 0 ? tcpFlags[row]! : TCP_ACK;
      const began = originatorEnd(status);
      if (
        !isUnderWay(status, isOriginator) ||
        (flags & (TCP_SYN | TCP_FIN | TCP_RST)) !== 0 ||
        began === END_UNKNOWN ||
        time - doubles[numbers + LAST]! > idleTimeout ||
        !table.holds(place, block, row, index)
      ) {
        this.takeOther(block, row, index, payloads);
        continue;
      }
      role[row] = began === sender ? ROLE_ORIGINATOR : ROLE_RESPONDER;
      const side = isOriginator ? 0 : 1;
      const length = frameLength[row]!;
      const payload = payloads === null ? 0 : payloads.length[index]!;
      words[record + PACKETS + side]!++;
      doubles[numbers + BYTES + side]! += length;
      doubles[numbers + PAYLOAD + side]! += payload;
      if (time > doubles[numbers + LAST]!) doubles[numbers + LAST] = time;
      // Of datagrams, which have no flags, only data is a letter.
      const letter = payload > 0 ? LETTER_D : LETTER_A;
      const code = isOriginator ? letter + ORIGINATOR_LETTERS : letter;
      if ((words[record + HISTORY]! & (1 << code)) === 0 && (payload > 0 || (flags & TCP_ACK) !== 0)) {
        addLetter(words, record, letter, isOriginator);
      }
      if (isOriginator) {
        const sum =
          words[record + RECEIVED_EPOCH] === received.epoch
            ? words[record + RECEIVED_ROW]! * SUM_DOUBLES
            : this.outcomes.towardsResponder(record, status);
        const { sums } = received;
        sums[sum + SUM_PACKETS]!++;
        sums[sum + SUM_BYTES]! += length;
        if (time > sums[sum + SUM_LAST]!) sums[sum + SUM_LAST] = time;
      }
      if (time >= doubles[numbers + NEXT_UPDATE]!) this.update(place, row, block);
      if (payload > 0 && payloads !== null && payloads.start[index] !== payloads.end[index]) {
        const saysNoMore = isOriginator ? ORIGINATOR_SAYS_NO_MORE : RESPONDER_SAYS_NO_MORE;
        if ((words[record + PAYLOADS_READ]! & saysNoMore) === 0) {
          this.reading.read(block, row, index, payloads, place, isOriginator);
        }
      }
    }
  }

  /** Takes a row that may begin a conversation, or change what is known of one. */
  private takeOther(block: PacketBlock, row: number, index: number, payloads: Payloads | null): void {
    const { table, words, doubles } = this;
    const time = block.timestamp[row]!;
    const place = table.place(block, row, index);
    const sender = END_SECOND + table.orders[index]!;
    const flags = connectionFlags(block, row);
    this.originators.payloads = payloads;
    this.originators.index = index;
    const record = place * RECORD_WORDS;
    const before = words[record + STATUS]!;
    const begins = table.isNew || (before & IS_OPEN) === 0 || this.beginsAnew(before, flags, place, sender);
    if (begins) this.beginnings.begin(block, row, place, sender, flags);
    else if ((before & IS_ICMP) === 0) block.role[row] = this.originators.knownRole(block, row, place, sender, flags);
    let status = words[record + STATUS]!;

    const isOriginator = (sender === END_FIRST) === ((status & ORIGINATOR_FIRST) !== 0);
    const side = isOriginator ? 0 : 1;
    const numbers = place * RECORD_DOUBLES;
    const payload = payloads === null ? 0 : payloads.length[index]!;
    doubles[numbers + BYTES + side]! += block.frameLength[row]!;
    doubles[numbers + PAYLOAD + side]! += payload;
    words[record + PACKETS + side]!++;
    if (time > doubles[numbers + LAST]!) doubles[numbers + LAST] = time;
    if ((status & IS_TCP) !== 0) {
      const next = afterSegment(status, flags, payload, isOriginator);
      addSegmentToHistory(words, record, flags, payload, isOriginator);
      if (next !== status && isClosed(next) && !isClosed(status)) this.expectEnd(place, record, next);
      status = next;
    } else {
      status = withActiveEnd(status, isOriginator);
      if (payload > 0 && (status & IS_ICMP) === 0) addLetter(words, record, LETTER_D, isOriginator);
    }
    words[record + STATUS] = status;
    if (outcomeOf(status) <= OUTCOME_UNANSWERED) {
      const aborts = payloads !== null && block.ipProtocol[row] === PROTOCOL_SCTP && isAbort(payloads, index);
      this.outcomes.judge(place, aborts ? TCP_RST : flags, isOriginator, time);
    }
    this.outcomes.countReceived(block, row, record, isOriginator, begins);
    if (time >= doubles[numbers + NEXT_UPDATE]!) this.update(place, row, block);
    if (payload > 0 && payloads !== null && payloads.start[index] !== payloads.end[index]) {
      const saysNoMore = isOriginator ? ORIGINATOR_SAYS_NO_MORE : RESPONDER_SAYS_NO_MORE;
      if ((words[record + PAYLOADS_READ]! & saysNoMore) === 0) {
        this.reading.read(block, row, index, payloads, place, isOriginator);
      }
    }
  }

  /** Tells of a conversation that goes on. */
  private update(place: number, row: number, block: PacketBlock): void {
    const time = block.timestamp[row]!;
    this.doubles[place * RECORD_DOUBLES + NEXT_UPDATE] = time + this.updateInterval;
    this.rows.put(place, EVENT_UPDATED, time);
  }

  /** Soon, and not when the timeout of an open connection is over. */
  private expectEnd(place: number, record: number, status: number): void {
    this.words[record + STATUS] = status;
    this.wheel.remove(place);
    this.wheel.add(place, this.dueOf(place));
  }

  /** Whether a SYN begins another conversation between the same ends. */
  private beginsAnew(status: number, flags: number, place: number, sender: number): boolean {
    if (flags === NO_CONNECTION || (flags & (TCP_SYN | TCP_ACK)) !== TCP_SYN) return false;
    if ((status & IS_BEGUN) !== 0 && !isClosed(status) && originatorEnd(status) === sender) return false;
    this.wheel.remove(place);
    this.end(place);
    return true;
  }
}

const SCTP_ABORT = 6;

/** Whether an SCTP packet begins with an ABORT chunk, as an answer that refuses does (RFC 9260 section 3.3.7). */
function isAbort(payloads: Payloads, index: number): boolean {
  const start = payloads.start[index]!;
  return start < payloads.end[index]! && payloads.bufferOf(index)[start] === SCTP_ABORT;
}
