/** The packet path: rows come in runs of one source, which is looked up once a run; late rows and repeated runs are settled here. */
import { ADDRESS_IPV4, ADDRESS_IPV6, type PacketBlock } from '../../schemas/packets/packet-block.js';
import { KIND_TCP, packetKind } from '../contract/packet-kind.js';
import type { EngineState } from './engine-state.js';
import { NONE } from './key-table.js';
import type { Offering } from './offering.js';
import { type Outcomes, siteOf } from './outcomes.js';
import type { Timeline } from './timelines.js';

/** Everything of a source is late for so long, or for the longest window that a rebuild reaches, until its clock counts as wrong. µs. */
const CLOCK_DOUBT_MICROS = 60e6;

export class PacketIntake {
  latePackets = 0;
  resetClocks = 0;

  constructor(
    private readonly state: EngineState,
    private readonly offering: Offering,
    private readonly outcomes: Outcomes,
  ) {}

  /** The packet path. Rows come in runs of one source, so a source is looked up once a run. */
  consume(block: PacketBlock, from: number, to: number): void {
    const { sourceKind, origin, timestamp } = block;
    let originIndex = -1;
    let node = 0;
    let site = '';
    let timeline: Timeline | undefined;
    let row = from;
    while (row < to) {
      const kind = sourceKind[row]!;
      if (kind !== ADDRESS_IPV4 && kind !== ADDRESS_IPV6) {
        row++;
        continue;
      }
      if (timeline === undefined || origin[row] !== originIndex) {
        originIndex = origin[row]!;
        node = this.state.nodeIndex(block.origins[originIndex]!.captureNode);
        timeline = this.state.timelineOf(block.origins[originIndex]!.timeline);
        site = siteOf(block.origins[originIndex]!);
        if (timeline.captureNode === NONE) timeline.captureNode = node;
      }
      const slot = this.sourceSlot(block, row, timeline, site, timestamp[row]!);
      if (this.outcomes.isKnown) this.state.keys.outcomes[slot] = 1;
      this.state.current = slot;
      row = this.consumeRun(block, row, to, slot, timeline, node);
    }
    this.state.current = NONE;
  }

  /**
   * Takes in the packets from row `from` on that share its source and origin. A function of its own, and of little: most
   * packets are of no kind that a rule asks for and end here. What it calls reads the time of a row by itself: V8 would
   * make an object of the number for each packet, because one of the calls may want it.
   *
   * @returns the row behind them
   */
  private consumeRun(
    block: PacketBlock,
    from: number,
    to: number,
    slot: number,
    timeline: Timeline,
    node: number,
  ): number {
    const { sourceKind, sourceAddress, origin, timestamp } = block;
    const { kinds, keys } = this.state;
    const kind = sourceKind[from]!;
    const address = sourceAddress[from]!;
    const originIndex = origin[from]!;
    const lateness = this.state.limits.allowedLatenessMicros;
    let clock = keys.clock[slot]!;
    let due = keys.due[slot]!;
    let meets = keys.run[slot] !== timeline.serial || this.state.runs.hasSeveral(slot);
    let row = from;
    do {
      const time = timestamp[row]!;
      if (meets) {
        keys.clock[slot] = clock;
        if (!this.joins(slot, timeline, node, block, row)) {
          if (!this.state.rebuilding) this.latePackets++;
          continue;
        }
        meets = this.state.runs.hasSeveral(slot);
        clock = keys.clock[slot]!;
      }
      if (time > clock) clock = time;
      else if (time < clock - lateness) {
        keys.clock[slot] = clock;
        if (!this.isClockWrong(slot, timeline, block, row)) continue;
        clock = time;
      }
      if (time > due) {
        keys.clock[slot] = clock;
        this.outcomes.settle(slot, block, row);
        due = keys.due[slot]!;
      }
      const packet = packetKind(block, row);
      if (packet === KIND_TCP && due !== Number.POSITIVE_INFINITY) this.outcomes.goesOn(block, row, slot);
      if ((packet & kinds) !== 0) {
        keys.clock[slot] = clock;
        this.offering.offer(block, row, packet, slot, node, timeline);
        due = keys.due[slot]!;
      }
    } while (++row < to && sourceAddress[row] === address && sourceKind[row] === kind && origin[row] === originIndex);
    keys.clock[slot] = clock;
    return row;
  }

  private joins(slot: number, timeline: Timeline, node: number, block: PacketBlock, row: number): boolean {
    return this.state.meet(slot, timeline, node, block.timestamp[row]!);
  }

  /** Settles a late packet: whether everything of the source has been late for so long that its clock is to blame. */
  private isClockWrong(slot: number, timeline: Timeline, block: PacketBlock, row: number): boolean {
    const time = block.timestamp[row]!;
    const clock = this.state.keys.clock[slot]!;
    const span = Math.min(CLOCK_DOUBT_MICROS, this.state.longestReplayedWindow);
    if (!this.state.lateSources.note(slot, time, clock, span)) {
      if (!this.state.rebuilding) this.latePackets++;
      return false;
    }
    if (!this.state.rebuilding) this.resetClocks++;
    this.state.startOver(slot, timeline, time);
    return true;
  }

  private sourceSlot(block: PacketBlock, row: number, timeline: Timeline, site: string, time: number): number {
    const { words } = this.state;
    if (block.sourceKind[row] === ADDRESS_IPV4) words.setIpv4(block.sourceAddress[row]!);
    else words.setIpv6(block.ipv6, block.sourceAddress[row]! * 16);
    return this.state.slotOf(timeline, site, time);
  }
}
