/**
 * What became of attempts: rows about conversations are joined with the packets of their originator in the order of event
 * time, attempts are settled when their time is up, and windows, watchers and episodes that wait for it learn of it.
 */

import { EVENT_ANSWERED, EVENT_ENDED, EVENT_REFUSED, EVENT_UNSEEN } from '../../schemas/conversations/conversation.js';
import {
  ADDRESS_SLOT_BYTES,
  type ConversationBlock,
  type ReceivedBlock,
} from '../../schemas/conversations/conversation-block.js';
import type { Observation } from '../../schemas/observations/observation.js';
import { linkName } from '../../schemas/observations/party.js';
import {
  ADDRESS_IPV4,
  ADDRESS_IPV6,
  type PacketBlock,
  type PacketOrigin,
  ROLE_ORIGINATOR,
} from '../../schemas/packets/packet-block.js';
import { KIND_ICMP, KIND_SCTP_OPENING } from '../contract/packet-kind.js';
import type { AttemptOutcome } from '../contract/watch.js';
import { NO_ATTEMPT } from './attempts.js';
import type { CompiledRule } from './compiled-rule.js';
import type { EngineState } from './engine-state.js';
import { NONE } from './key-table.js';
import { ipv6Key, slotTargetKey } from './sighting-target.js';
import type { Timeline } from './timelines.js';
import type { Verdicts } from './verdicts.js';
import type { RowPlace, Watching } from './watching.js';
import { markOutcome } from './window-outcomes.js';
import { CELL_ANSWERED, CELL_FAILED, CELL_HALF_OPEN, CELL_UNSEEN } from './window-shape.js';

/** Event time that the rows of a host may lag behind packets of others of its capture node, µs: a flush, and some. */
const SLACK_MICROS = 250_000;

const FLAGS: Readonly<Record<AttemptOutcome, number>> = {
  answered: CELL_ANSWERED,
  refused: CELL_FAILED,
  unanswered: CELL_FAILED,
  'half-open': CELL_HALF_OPEN,
  unseen: CELL_UNSEEN,
};

export function siteOf(origin: PacketOrigin): string {
  return (origin as { readonly site?: string }).site ?? '';
}

/** Room for the rows of a call at first. */
const ROWS_AT_FIRST = 256;

export class Outcomes {
  /** Whether the input at hand says what became of attempts. */
  isKnown = false;
  private block: ConversationBlock | null = null;
  /** Rows of the call that are about one originator are a chain, from the first that has not been taken in. */
  private rowNext = new Int32Array(ROWS_AT_FIRST);
  private readonly firstRow = new Map<number, number>();
  private readonly lastRow = new Map<number, number>();
  private readonly wait: number;
  /** The origin of the last row, and where that is. */
  private origin: PacketOrigin | null = null;
  private place: RowPlace | null = null;
  private placeDeletions = 0;

  constructor(
    private readonly state: EngineState,
    private readonly watching: Watching,
    private readonly verdicts: Verdicts,
  ) {
    this.wait = state.limits.outcomeWaitMicros;
    state.onSettled = (entry, outcome) => this.onSettled(entry, outcome);
  }

  /**
   * Before the packets of a call: what hosts received, which no packet has to wait for, and the rows that came with them and
   * wait for their time.
   */
  begin(block: ConversationBlock | null, received: ReceivedBlock | null): void {
    if (received !== null) {
      for (let row = 0; row < received.count; row++) {
        this.watching.received(received, row, this.placeOf(received.origins[received.origin[row]!]!));
      }
    }
    this.isKnown = block !== null && this.wait > 0;
    this.block = block;
    if (block === null) return;
    const { keys } = this.state;
    if (block.count > this.rowNext.length) this.rowNext = new Int32Array(2 * block.count);
    for (let row = 0; row < block.count; row++) {
      const place = this.placeOf(block.origins[block.origin[row]!]!);
      if (!this.state.words.setSlot(block.originator, row * ADDRESS_SLOT_BYTES)) continue;
      const time = block.time[row]!;
      const slot = this.state.slotOf(place.timeline, place.site, time);
      if (this.isKnown) keys.outcomes[slot] = 1;
      this.rowNext[row] = NONE;
      const last = this.lastRow.get(slot);
      if (last === undefined) this.firstRow.set(slot, row);
      else this.rowNext[last] = row;
      this.lastRow.set(slot, row);
      if (time < keys.due[slot]!) keys.due[slot] = time;
    }
  }

  /** After the packets of a call: what rows are left. */
  finish(): void {
    for (const slot of this.lastRow.keys()) {
      this.state.current = slot;
      for (let row = this.firstRow.get(slot)!; row !== NONE; row = this.rowNext[row]!) {
        this.firstRow.set(slot, this.rowNext[row]!);
        this.take(slot, row);
      }
      this.updateDue(slot);
    }
    if (this.lastRow.size > 0) {
      this.firstRow.clear();
      this.lastRow.clear();
    }
    this.block = null;
    this.state.current = NONE;
  }

  /** What packets said of the link, of names and of echoes; origins are those of the block. */
  observe(observations: readonly Observation[], block: PacketBlock): void {
    const { duplicates, timelines } = this.state;
    for (const observation of observations) {
      const origin = block.origins[observation.origin]!;
      const place = this.placeOf(origin);
      const scope = timelines.scopeOf(place.timeline.group, place.site).index;
      if (duplicates?.repeatsObservation(observation, scope, place.node)) continue;
      this.watching.observation(observation, place, linkName(observation.vlan, origin.interface));
    }
  }

  /** Everything of a key that comes before a packet. */
  settle(slot: number, packets: PacketBlock, packet: number): void {
    const time = packets.timestamp[packet]!;
    const { attempts } = this.state;
    for (let row = this.rowOf(slot); row !== NONE && this.block!.time[row]! <= time; row = this.rowNext[row]!) {
      this.firstRow.set(slot, this.rowNext[row]!);
      this.take(slot, row);
    }
    attempts.settleBefore(slot, time);
    this.verdicts.releaseOf(slot, time);
    this.updateDue(slot);
  }

  /** What of a timeline is due by its clocks: sources that send no more are settled here. */
  settleTimeline(timeline: Timeline): void {
    const { attempts } = this.state;
    if (attempts.size > 0) attempts.settleDue(timeline.serial, (node) => timeline.clockOf(node) - SLACK_MICROS);
    this.verdicts.releaseDue(timeline, SLACK_MICROS);
  }

  endTimeline(timeline: Timeline): void {
    if (this.state.attempts.size > 0) this.state.attempts.settleAll(timeline.serial);
    this.verdicts.releaseAll(timeline);
  }

  /** A packet that opens a conversation waits for what becomes of it. */
  beginAttempt(
    block: PacketBlock,
    row: number,
    kind: number,
    slot: number,
    node: number,
    time: number,
    run: number,
  ): void {
    const isIpv4 = block.destinationKind[row] === ADDRESS_IPV4;
    if (!isIpv4 && block.destinationKind[row] !== ADDRESS_IPV6) return;
    const address = block.destinationAddress[row]!;
    const isEcho = kind === KIND_ICMP;
    this.state.attempts.begin(
      slot,
      time,
      time + this.wait,
      kind,
      isIpv4 ? address : ipv6Key(block.ipv6, address * 16),
      isIpv4 ? null : block.ipv6,
      address * 16,
      block.ipProtocol[row]!,
      isEcho ? 0 : block.destinationPort[row]!,
      isEcho ? 0 : block.sourcePort[row]!,
      block.ttl[row]!,
      node,
      run,
    );
  }

  /** The sender of an answered SYN goes on: its connection is whole. */
  goesOn(block: PacketBlock, row: number, slot: number): void {
    const { attempts, keys } = this.state;
    if (keys.attempt[slot] === NO_ATTEMPT || block.role[row] !== ROLE_ORIGINATOR) return;
    const address = block.destinationAddress[row]!;
    const target = block.destinationKind[row] === ADDRESS_IPV4 ? address : ipv6Key(block.ipv6, address * 16);
    const entry = attempts.find(
      slot,
      target,
      block.ipProtocol[row]!,
      block.destinationPort[row]!,
      block.sourcePort[row]!,
    );
    if (entry !== NO_ATTEMPT) attempts.complete(entry);
  }

  /** Takes in a row about a conversation of a key. */
  private take(slot: number, row: number): void {
    const block = this.block!;
    const event = block.event[row]!;
    const time = block.time[row]!;
    const place = this.placeOf(block.origins[block.origin[row]!]!);
    this.state.attempts.settleBefore(slot, Math.min(time, this.state.keys.clock[slot]!));
    if (event === EVENT_ANSWERED || event === EVENT_REFUSED || event === EVENT_UNSEEN) {
      const isIcmp = block.ipProtocol[row] === 1 || block.ipProtocol[row] === 58;
      const attempt = this.state.attempts.find(
        slot,
        slotTargetKey(block.responder, row * ADDRESS_SLOT_BYTES),
        block.ipProtocol[row]!,
        isIcmp ? 0 : block.responderPort[row]!,
        isIcmp ? 0 : block.originatorPort[row]!,
      );
      const outcome = event === EVENT_ANSWERED ? 'answered' : event === EVENT_REFUSED ? 'refused' : 'unseen';
      if (attempt !== NO_ATTEMPT) this.state.attempts.outcome(attempt, outcome, time, this.wait);
    }
    if (event === EVENT_ENDED) this.judgeConversation(block, row, slot);
    this.watching.conversation(block, row, place, slot);
  }

  private judgeConversation(block: ConversationBlock, row: number, slot: number): void {
    for (const { rule, index, detector } of this.state.conversationJudges) {
      const verdict = detector.judgeConversation!(block, row);
      if (verdict === null) continue;
      const flag = verdict === 'failed' ? CELL_FAILED : CELL_ANSWERED;
      this.mark(rule, index, slot, block.responderPort[row]!, block.start[row]!, flag, block.time[row]!);
    }
  }

  private onSettled(entry: number, outcome: AttemptOutcome): void {
    const { attempts, attemptJudges, current } = this.state;
    const slot = attempts.slot[entry]!;
    this.state.current = slot;
    const kind = attempts.kind[entry]!;
    const port = attempts.port[entry]!;
    const time = attempts.time[entry]!;
    // of SCTP every answer to an INIT counts, an ABORT too, which is a refusal
    const flag = kind === KIND_SCTP_OPENING && outcome !== 'unseen' ? CELL_FAILED : FLAGS[outcome];
    for (const { rule, index, detector } of attemptJudges) {
      if ((rule.kinds & kind) === 0) continue;
      if (detector.judgesAttempt?.(port, attempts.ttl[entry]!) === false) continue;
      this.mark(rule, index, slot, port, time, flag, time + this.wait);
    }
    this.watching.attempt(entry, outcome);
    this.state.current = current;
  }

  private mark(
    rule: CompiledRule,
    index: number,
    slot: number,
    port: number,
    attemptTime: number,
    flag: number,
    time: number,
  ): void {
    const { windows, keys, firsts } = this.state;
    if (keys.first[slot] !== NONE) {
      if (firsts.mark(slot, rule, port, attemptTime, flag)) return;
      firsts.unfold(slot);
    }
    const window = windows.find(keys.windows[slot]!, ((index << 16) | (rule.perPort ? port : 0)) >>> 0);
    if (window === NONE || !markOutcome(windows, window, rule.shape, port, attemptTime, flag)) return;
    if (windows.open[window] === 1 && !this.state.rebuilding)
      this.verdicts.review(window, attemptTime, Math.min(time, keys.clock[slot]!));
  }

  /** The next row about a key, or `NONE`. */
  private rowOf(slot: number): number {
    return this.firstRow.size === 0 ? NONE : (this.firstRow.get(slot) ?? NONE);
  }

  private updateDue(slot: number): void {
    const row = this.rowOf(slot);
    const rowTime = row === NONE ? Number.POSITIVE_INFINITY : this.block!.time[row]!;
    const { attempts, keys } = this.state;
    keys.due[slot] = Math.min(rowTime, attempts.dueOf(slot), this.verdicts.dueOf(slot));
  }

  /** Where rows of an origin belong; most rows are of the origin of the row before. */
  private placeOf(origin: PacketOrigin): RowPlace {
    const { timelines } = this.state;
    if (origin === this.origin && timelines.deletions === this.placeDeletions) return this.place!;
    const node = this.state.nodeIndex(origin.captureNode);
    const timeline = this.state.timelineOf(origin.timeline);
    if (timeline.captureNode === NONE) timeline.captureNode = node;
    const place = { timeline, site: siteOf(origin), node };
    this.origin = origin;
    this.place = place;
    this.placeDeletions = timelines.deletions;
    return place;
  }
}
