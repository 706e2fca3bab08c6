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

import { EVENT_UPDATED, OUTCOME_UNANSWERED, OUTCOME_UNSEEN } from '../../schemas/conversations/conversation.js';
import {
  type ConversationBlock,
  RECEIVED_SLOT_MICROS,
  type ReceivedBlock,
} from '../../schemas/conversations/conversation-block.js';
import {
  HAS_ICMP,
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
import { PROTOCOL_ICMP, PROTOCOL_ICMPV6, PROTOCOL_TCP, PROTOCOL_UDP } from '../protocols/ip-protocol.js';
import { ConversationRows, Origins } from './conversation-rows.js';
import { ConversationServices } from './conversation-services.js';
import {
  addDataToHistory,
  addFlipToHistory,
  addSegmentToHistory,
  afterSegment,
  BYTES,
  ICMP_ID,
  IS_BEGUN,
  IS_ICMP,
  IS_OPEN,
  IS_TCP,
  IS_UNASKED,
  initialStatus,
  isAttempt,
  isClosed,
  isReset,
  LAST,
  NEXT_UPDATE,
  ORIGIN_AND_VLAN,
  ORIGINATOR_FIRST,
  outcomeOf,
  PACKETS,
  PAYLOAD,
  START,
  STATE_WORDS,
  STATUS,
  withActiveEnd,
} from './conversation-state.js';
import {
  ConversationTable,
  type ConversationTableOptions,
  END_FIRST,
  LOOKAHEAD,
  NO_PLACE,
  otherEnd,
  portOfEntry,
} from './conversation-table.js';
import { isRequest } from './icmp-query.js';
import { mayAnswerFromElsewhere } from './opening.js';
import { isSyn, looksLikeAnswer, NO_CONNECTION, Originators } from './originators.js';
import { Outcomes } from './outcomes.js';
import { PayloadReading } from './payload-reading.js';
import { ReceivedTable } from './received-table.js';
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
/** How long a conversation may be silent before it is over, µs: as Zeek's defaults, but an attempt twice as long. */
const ATTEMPT_TIMEOUT = 10 * SECOND;
const TCP_TIMEOUT = 300 * SECOND;
const DATAGRAM_TIMEOUT = 60 * SECOND;
/** What is still on its way when both ends have closed, or one has aborted. */
const CLOSE_DELAY = 5 * SECOND;
const RESET_DELAY = SECOND;
/** A packet so much older than the newest shows that the clock was set back, or that another capture begins. */
const CLOCK_BACK = 60 * SECOND;

export class ConversationTracker {
  private readonly table: ConversationTable;
  /** The states of all places, and the same memory as doubles. */
  private readonly words: Int32Array;
  private readonly doubles: Float64Array;
  private readonly rows: ConversationRows;
  private readonly received: ReceivedTable;
  private readonly outcomes: Outcomes;
  private readonly reading: PayloadReading;
  private readonly wheel: TimerWheel;
  private readonly originators: Originators;
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
      if ((this.words[place * STATE_WORDS + STATUS]! & IS_OPEN) === 0) return;
      this.wheel.remove(place);
      this.end(place);
    });
    const memory = new ArrayBuffer(this.table.capacity * STATE_WORDS * 4);
    this.words = new Int32Array(memory);
    this.doubles = new Float64Array(memory);
    this.updateInterval = options.updateIntervalMicroseconds ?? UPDATE_INTERVAL_DEFAULT;
    this.originators = new Originators(this.table);
    this.wheel = new TimerWheel(this.words);
    this.received = new ReceivedTable(() => this.flush());
    const unanswered = options.unansweredRowsMax ?? UNANSWERED_ROWS_DEFAULT;
    const places = {
      table: this.table,
      words: this.words,
      doubles: this.doubles,
      origins: this.origins,
      services: this.services,
    };
    this.rows = new ConversationRows(places, unanswered, () => this.flush());
    this.outcomes = new Outcomes(places, this.rows, this.received);
    this.reading = new PayloadReading(places, this.originators);
    this.look = (place) => this.lookAt(place);
  }

  /** Conversations remembered at once. */
  get capacity(): number {
    return this.table.capacity;
  }

  /** Conversations that had to be forgotten early for lack of room. */
  get evicted(): number {
    return this.table.evicted;
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
      const end = Math.min(start + LOOKAHEAD, to);
      for (let row = start; row < end; row++) table.prepare(block, row, row - start, payloads);
      table.fetch(end - start, this.words, STATE_WORDS);
      for (let row = start; row < end; row++) this.take(block, row, row - start, payloads);
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
    const state = place * STATE_WORDS;
    return this.doubles[state / 2 + LAST]! + timeoutOf(this.words[state + STATUS]!);
  }

  /** The place is in no list of the wheel. */
  private end(place: number): void {
    this.words[place * STATE_WORDS + STATUS]! &= ~IS_OPEN;
    this.rows.putEnd(place);
    this.services.forget(place);
  }

  private take(block: PacketBlock, row: number, index: number, payloads: Payloads | null): void {
    const time = block.timestamp[row]!;
    if (time >= this.nextSlot || time < this.earliest) this.moveOn(time);
    const { table, words, doubles } = this;
    const place = table.place(block, row, index);
    if (place === NO_PLACE) {
      if (payloads !== null && (block.present[row]! & HAS_ICMP) !== 0) {
        this.outcomes.readError(block, row, index, payloads, this.slot);
      }
      return;
    }
    const { sender } = table;
    const flags = connectionFlags(block, row);
    const state = place * STATE_WORDS;
    const before = words[state + STATUS]!;
    const begins = table.isNew || (before & IS_OPEN) === 0 || this.beginsAnew(before, flags, place, sender);
    if (begins) this.begin(block, row, place, sender, flags, payloads);
    else if ((before & IS_ICMP) === 0) block.role[row] = this.originators.knownRole(block, row, place, sender, flags);
    let status = words[state + STATUS]!;

    const isOriginator = (sender === END_FIRST) === ((status & ORIGINATOR_FIRST) !== 0);
    const side = isOriginator ? 0 : 1;
    const numbers = state / 2;
    const payload = payloads === null ? 0 : payloads.length[index]!;
    doubles[numbers + BYTES + side]! += block.frameLength[row]!;
    doubles[numbers + PAYLOAD + side]! += payload;
    words[state + PACKETS + side]!++;
    if (time > doubles[numbers + LAST]!) doubles[numbers + LAST] = time;
    if ((status & IS_TCP) !== 0) {
      const next = afterSegment(status, flags, payload, isOriginator);
      addSegmentToHistory(words, state, flags, payload, isOriginator);
      if (next !== status && isClosed(next) && !isClosed(status)) this.expectEnd(place, state, next);
      status = next;
    } else {
      status = withActiveEnd(status, isOriginator);
      if (payload > 0 && (status & IS_ICMP) === 0) addDataToHistory(words, state, isOriginator);
    }
    words[state + STATUS] = status;
    if (outcomeOf(status) <= OUTCOME_UNANSWERED) this.outcomes.judge(place, flags, isOriginator, time, this.slot);
    this.outcomes.countReceived(block, row, place, isOriginator, begins, this.slot);
    if (time >= doubles[numbers + NEXT_UPDATE]!) {
      doubles[numbers + NEXT_UPDATE] = time + this.updateInterval;
      this.rows.put(place, EVENT_UPDATED, time);
    }
    if (payloads !== null && payload > 0) this.reading.read(block, row, index, payloads, place, isOriginator);
  }

  /** Soon, and not when the timeout of an open connection is over. */
  private expectEnd(place: number, state: number, status: number): void {
    this.words[state + STATUS] = status;
    this.wheel.remove(place);
    this.wheel.add(place, this.dueOf(place));
  }

  /** Whether a SYN begins another conversation between the same ends. */
  private beginsAnew(status: number, flags: number, place: number, sender: number): boolean {
    if (flags === NO_CONNECTION || (flags & (TCP_SYN | TCP_ACK)) !== TCP_SYN) return false;
    if ((status & IS_BEGUN) !== 0 && !isClosed(status) && this.table.originator(place) === sender) return false;
    this.wheel.remove(place);
    this.end(place);
    return true;
  }

  /** Begins a conversation with its first packet, which is not yet counted. */
  private begin(
    block: PacketBlock,
    row: number,
    place: number,
    sender: number,
    flags: number,
    payloads: Payloads | null,
  ): void {
    const { words, doubles, table } = this;
    const state = place * STATE_WORDS;
    const protocol = block.ipProtocol[row]!;
    const isIcmp = protocol === PROTOCOL_ICMP || protocol === PROTOCOL_ICMPV6;
    const time = block.timestamp[row]!;
    let role: number;
    if (isIcmp) role = isRequest(block.icmpType[row]!) ? ROLE_OPENING : ROLE_UNKNOWN;
    else if (table.isNew) role = this.originators.firstRole(block, row, place, sender, flags, time);
    else role = this.originators.nextRole(block, row, place, sender, flags, words[state + STATUS]!);
    if (table.isNew && role !== ROLE_UNKNOWN) {
      table.setOriginator(place, role === ROLE_RESPONDER ? otherEnd(sender) : sender);
    }
    if (!isIcmp) block.role[row] = role;

    const isTcp = protocol === PROTOCOL_TCP;
    const isAnswer = role === ROLE_RESPONDER || (role === ROLE_UNKNOWN && looksLikeAnswer(block, row, flags));
    const originator = isAnswer ? otherEnd(sender) : sender;
    // An answer that was announced tells who began; that of a TCP connection shows it only when the originator agrees.
    const isAnnounced = role === ROLE_RESPONDER && !isTcp && table.isNew;
    const isBegun = role === ROLE_OPENING || isAnnounced || (role === ROLE_ORIGINATOR && (!isTcp || isSyn(flags)));
    let kind = IS_OPEN | (isTcp ? IS_TCP : 0) | (isIcmp ? IS_ICMP : 0) | (isBegun ? IS_BEGUN : 0);
    if (originator === END_FIRST) kind |= ORIGINATOR_FIRST;
    if (isAnswer && !isAnnounced && (isTcp ? (flags & (TCP_SYN | TCP_RST)) !== 0 : true)) kind |= IS_UNASKED;
    words.fill(0, state, state + STATE_WORDS);
    words[state + STATUS] = initialStatus(kind, isBegun ? OUTCOME_UNANSWERED : OUTCOME_UNSEEN);
    if (isAnswer && isTcp) addFlipToHistory(words, state);
    const origin = this.origins.indexOf(block.origins[block.origin[row]!]!);
    words[state + ORIGIN_AND_VLAN] = (origin << 16) | block.vlan[row]!;
    if (isIcmp) words[state + ICMP_ID] = portOfEntry(table.words, table.entryOf(place), END_FIRST);
    const numbers = state / 2;
    doubles[numbers + START] = doubles[numbers + LAST] = time;
    doubles[numbers + NEXT_UPDATE] = time + this.updateInterval;
    this.wheel.add(place, time + timeoutOf(words[state + STATUS]!));
    payloads?.unsettle(block, row);
    if (isTcp && table.isNew && role === ROLE_ORIGINATOR) this.services.announce(place, 'ftp-data');
    if (isBegun && protocol === PROTOCOL_UDP && mayAnswerFromElsewhere(block.destinationPort[row]!)) {
      this.originators.expectAt(place, sender, time);
    }
  }
}

/** The TCP flags of a packet; those of the middle of a connection when they were cut off; none for other protocols. */
function connectionFlags(block: PacketBlock, row: number): number {
  if (block.ipProtocol[row] !== PROTOCOL_TCP) return NO_CONNECTION;
  return (block.present[row]! & HAS_TCP) !== 0 ? block.tcpFlags[row]! : TCP_ACK;
}

function timeoutOf(status: number): number {
  if ((status & IS_TCP) === 0) return DATAGRAM_TIMEOUT;
  if (isReset(status)) return RESET_DELAY;
  if (isClosed(status)) return CLOSE_DELAY;
  return isAttempt(status) ? ATTEMPT_TIMEOUT : TCP_TIMEOUT;
}
