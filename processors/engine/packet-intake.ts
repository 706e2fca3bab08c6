/** The packet path: rows come in runs of one source, which is looked up once a run; late rows and repeated runs are settled here. */
import { ADDRESS_IPV4, ADDRESS_IPV6, type PacketBlock } from '../../schemas/packets/packet-block.js';
import { packetKind } from '../contract/packet-kind.js';
import type { EngineState } from './engine-state.js';
import { NONE } from './key-table.js';
import type { Offering } from './offering.js';
import type { Timeline } from './timelines.js';

/** Everything of a source is late for so long, or for the longest window that a rebuild reaches, until its clock counts as wrong. µs. */
const CLOCK_DOUBT_MICROS = 60e6;

export class PacketIntake {
  latePackets = 0;
  resetClocks = 0;

  constructor(
    private readonly state: EngineState,
    private readonly offering: Offering,
  ) {}

  /** The packet path. Rows come in runs of one source, so a source is looked up once a run. */
  consume(block: PacketBlock, from: number, to: number): void {
    const { sourceKind, origin, timestamp } = block;
    let originIndex = -1;
    let node = 0;
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
        if (timeline.captureNode === NONE) timeline.captureNode = node;
      }
      const slot = this.sourceSlot(block, row, timeline, timestamp[row]!);
      this.state.current = slot;
      row = this.consumeRun(block, row, to, slot, timeline, node);
    }
    this.state.current = NONE;
  }

  /**
   * Takes in the packets from row `from` on that share its source and origin. A function of its own, and of little: most
   * packets are of no kind that a rule asks for and end here.
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
    const { kinds } = this.state;
    const kind = sourceKind[from]!;
    const address = sourceAddress[from]!;
    const originIndex = origin[from]!;
    const lateness = this.state.limits.allowedLatenessMicros;
    let clock = this.state.keys.clock[slot]!;
    let meets = this.state.keys.run[slot] !== timeline.serial || this.state.runs.hasSeveral(slot);
    let row = from;
    do {
      const time = timestamp[row]!;
      if (meets) {
        this.state.keys.clock[slot] = clock;
        if (!this.meet(slot, timeline, node, time)) {
          if (!this.state.rebuilding) this.latePackets++;
          continue;
        }
        meets = this.state.runs.hasSeveral(slot);
        clock = this.state.keys.clock[slot]!;
      }
      if (time > clock) clock = time;
      else if (time < clock - lateness) {
        if (!this.isClockWrong(slot, timeline, time, clock)) continue;
        clock = time;
      }
      const packet = packetKind(block, row);
      if ((packet & kinds) !== 0) {
        this.state.keys.clock[slot] = clock;
        this.offering.offer(block, row, packet, slot, node, time);
      }
    } while (++row < to && sourceAddress[row] === address && sourceKind[row] === kind && origin[row] === originIndex);
    this.state.keys.clock[slot] = clock;
    return row;
  }

  /**
   * Settles what a packet is to a source that another run has reached too.
   *
   * @returns false when it is late
   */
  private meet(slot: number, timeline: Timeline, node: number, time: number): boolean {
    const { keys } = this.state;
    const last = this.state.timelines.withSerial(keys.run[slot]!);
    const lastRun = last === undefined ? null : { run: last.serial, node: last.captureNode };
    const meeting = this.state.runs.meet(slot, lastRun, keys.clock[slot]!, timeline.serial, node, time);
    if (meeting === 'late') return false;
    if (meeting === 'starts over') this.startOver(slot, timeline, time);
    keys.run[slot] = timeline.serial;
    if (keys.founder[slot] === 0) keys.founder[slot] = timeline.serial;
    return true;
  }

  /** Settles a late packet: whether everything of the source has been late for so long that its clock is to blame. */
  private isClockWrong(slot: number, timeline: Timeline, time: number, clock: number): boolean {
    const span = Math.min(CLOCK_DOUBT_MICROS, this.state.longestReplayedWindow);
    if (!this.state.lateSources.note(slot, time, clock, span)) {
      if (!this.state.rebuilding) this.latePackets++;
      return false;
    }
    if (!this.state.rebuilding) this.resetClocks++;
    this.startOver(slot, timeline, time);
    return true;
  }

  /** Empties a source for a capture that is replayed again, or one whose clock was wrong. */
  private startOver(slot: number, timeline: Timeline, time: number): void {
    if (this.state.rebuilding) {
      this.state.emptyReplayedWindows(slot);
    } else {
      this.state.closeEpisodes(slot, 'superseded');
      this.state.dropWindows(slot);
    }
    this.state.runs.forget(slot);
    this.state.keys.clock[slot] = time;
    this.state.keys.founder[slot] = timeline.serial;
  }

  private sourceSlot(block: PacketBlock, row: number, timeline: Timeline, time: number): number {
    const { words } = this.state;
    if (block.sourceKind[row] === ADDRESS_IPV4) words.setIpv4(block.sourceAddress[row]!);
    else words.setIpv6(block.ipv6, block.sourceAddress[row]! * 16);
    return this.state.slotOf(timeline, time);
  }
}
