/** Rows offered to the rules that ask for them: windows are filled, episodes opened and carried on. */
import { ADDRESS_IPV4, ADDRESS_IPV6, type PacketBlock } from '../../schemas/packets/packet-block.js';
import { ATTEMPT_KINDS, isAttempt } from '../contract/packet-kind.js';
import type { CompiledRule } from './compiled-rule.js';
import { packetCommunity } from './conversation-ids.js';
import type { EngineState } from './engine-state.js';
import { Episode } from './episode.js';
import { NONE } from './key-table.js';
import type { Outcomes } from './outcomes.js';
import { addIpv4Target, addIpv6Target } from './sighting-target.js';
import type { Timeline } from './timelines.js';
import type { Verdicts } from './verdicts.js';
import type { RowPlace, Watching } from './watching.js';
import { TARGET_IPV4, TARGET_IPV6, TARGET_NONE } from './window-store.js';

export class Offering {
  duplicatePackets = 0;

  constructor(
    private readonly state: EngineState,
    private readonly watching: Watching,
    private readonly outcomes: Outcomes,
    private readonly verdicts: Verdicts,
  ) {}

  /** Shows a packet to the rules that asked for its kind, unless another node has shown it before. */
  offer(block: PacketBlock, row: number, packet: number, slot: number, node: number, timeline: Timeline): void {
    const time = block.timestamp[row]!;
    if (this.state.duplicates?.repeats(block, row, this.state.keys.founder[slot]!, node)) {
      if (!this.state.rebuilding) this.duplicatePackets++;
      return;
    }
    if (
      this.outcomes.isKnown &&
      (packet & ATTEMPT_KINDS) !== 0 &&
      this.state.watchesAttempts &&
      isAttempt(block, row, packet)
    ) {
      this.outcomes.beginAttempt(block, row, packet, slot, node, time, timeline.serial);
    }
    const rules = this.state.packetRules[Math.clz32(packet)]!;
    const isFirst = this.state.keys.windows[slot] === NONE && this.state.keys.first[slot] === NONE;
    for (let at = 0; at < rules.length; at++) {
      const { rule, index } = rules[at]!;
      if (this.state.rebuilding && rule.durable && rule.watcher === null) continue; // the changelog has these windows whole
      if (rule.watcher !== null) {
        if (rule.concerns?.(block, row) === false) continue;
        this.watching.packet(block, row, rule, index, time, this.place(slot, node, timeline));
        continue;
      }
      let value: number;
      try {
        value = rule.observe(block, row);
      } catch (error) {
        if (!this.state.rebuilding) rule.noteFailure(error);
        continue;
      }
      if (value < 0) continue;
      if (rule.rule.exceptions?.matches(block, row)) {
        if (!this.state.rebuilding) rule.exceptedPackets++;
        continue;
      }
      if (isFirst && this.keepFirst(rule, slot, block, row, time, value, node)) continue;
      const key = ((index << 16) | (rule.perPort ? block.destinationPort[row]! : 0)) >>> 0;
      this.count(rule, key, slot, block, row, time, value, node);
    }
  }

  /** Keeps a packet that is the first of its source to be counted; false when that cannot be, and windows have to be made. */
  private keepFirst(
    rule: CompiledRule,
    slot: number,
    block: PacketBlock,
    row: number,
    time: number,
    value: number,
    node: number,
  ): boolean {
    const { keys, firsts, addresses, rebuilding } = this.state;
    if (rule.firstBit === 0 || keys.windows[slot] !== NONE) return false;
    if (keys.first[slot] === NONE) {
      const address = block.destinationAddress[row]!;
      const port = block.destinationPort[row]!;
      if (block.destinationKind[row] === ADDRESS_IPV4) firsts.begin(slot, time, address, TARGET_IPV4, port, node);
      else if (block.destinationKind[row] !== ADDRESS_IPV6) firsts.begin(slot, time, 0, TARGET_NONE, port, node);
      else firsts.begin(slot, time, addresses.hold(block.ipv6, address * 16), TARGET_IPV6, port, node);
    }
    if (!firsts.count(slot, rule, value)) return false;
    if (!rebuilding) rule.countedPackets++;
    return true;
  }

  private count(
    rule: CompiledRule,
    key: number,
    slot: number,
    block: PacketBlock,
    row: number,
    time: number,
    value: number,
    node: number,
  ): void {
    const { windows } = this.state;
    const window = this.state.windowOf(slot, key);
    const newest = windows.isNewest(window, time);
    let target = 0;
    let targetKind = TARGET_NONE;
    if (block.destinationKind[row] === ADDRESS_IPV4) {
      target = block.destinationAddress[row]!;
      targetKind = TARGET_IPV4;
    } else if (block.destinationKind[row] === ADDRESS_IPV6) {
      target = this.state.addresses.hold(block.ipv6, block.destinationAddress[row]! * 16);
      targetKind = TARGET_IPV6;
    }
    windows.add(window, rule.shape, time, value, target, targetKind, node);
    if (rule.durable) this.state.dirtyWindows.add(window);
    const open = windows.open[window] === 1;
    if (this.state.rebuilding) {
      if (open) this.state.episodes.of(window).recall(time, value);
      return;
    }
    rule.countedPackets++;
    let firstFull = Number.NaN;
    let lastFull = Number.NaN;
    if (newest) {
      if (windows.heldBy(window) >= rule.shape.threshold) {
        firstFull = time;
        lastFull = time;
      }
    } else {
      windows.findFull(window, rule.shape, time);
      firstFull = windows.earliestFull;
      lastFull = windows.latestFull;
    }
    if (open) this.carryOn(rule, window, block, row, time, value, node, firstFull, lastFull);
    else if (!Number.isNaN(firstFull)) this.open(rule, window, block, row, node, firstFull, lastFull);
  }

  /** A counted packet of a source whose episode is open. */
  private carryOn(
    rule: CompiledRule,
    window: number,
    block: PacketBlock,
    row: number,
    time: number,
    value: number,
    node: number,
    firstFull: number,
    lastFull: number,
  ): void {
    const episode = this.state.episodes.of(window);
    const full = !Number.isNaN(firstFull);
    if (full && firstFull > episode.quietAt) {
      this.state.episodes.close(episode, 'quiet');
      this.open(rule, window, block, row, node, firstFull, lastFull);
      return;
    }
    if (full) {
      if (lastFull > episode.lastFull) episode.lastFull = lastFull;
    } else if (time > episode.quietAt) {
      // a packet still on its way within the allowed lateness may yet show that it went on
      if (time > episode.quietAt + this.state.limits.allowedLatenessMicros) this.state.episodes.close(episode, 'quiet');
      return;
    }
    episode.count(time, value, 1, this.state.windows.heldBy(window), node, this.state.nodeNames[node]!);
    if (episode.conversations.isOpen) episode.conversations.note(packetCommunity(block, row));
    episode.run = this.state.lastTimeline(window)!.name;
    const address = block.destinationAddress[row]!;
    if (block.destinationKind[row] === ADDRESS_IPV4) addIpv4Target(episode, address);
    else if (block.destinationKind[row] === ADDRESS_IPV6) addIpv6Target(episode, block.ipv6, address * 16);
    this.state.episodes.markDirty(episode);
    if (episode.excepted !== null) this.state.episodes.publishAgain(episode, time);
    else if (episode.sequence > 0 && episode.packets >= episode.nextUpdate)
      this.state.episodes.emit(episode, 'update', time, null);
  }

  private place(slot: number, node: number, timeline: Timeline): RowPlace {
    return { timeline, site: this.state.timelines.scopeAt(this.state.keys.scope[slot]!).site, node };
  }

  private open(
    rule: CompiledRule,
    window: number,
    block: PacketBlock,
    row: number,
    node: number,
    firstFull: number,
    lastFull: number,
  ): void {
    const episode = new Episode(this.state.windowKey(window), rule, firstFull, window);
    episode.lastFull = lastFull;
    const held = this.state.windows.heldBy(window);
    // A durable window comes back whole after a restart; another is rebuilt from input that may begin later.
    const newestOnly = rule.shape.distinct && !rule.durable;
    this.state.windows.forEach(
      window,
      firstFull - rule.shape.window,
      newestOnly,
      (time, value, target, targetKind, seenBy, sightings) => {
        episode.count(time, value, sightings, held, seenBy, this.state.nodeNames[seenBy]!);
        if (targetKind === TARGET_IPV4) addIpv4Target(episode, target);
        else if (targetKind === TARGET_IPV6) addIpv6Target(episode, this.state.addresses.bytes, target * 16);
      },
    );
    episode.conversations.note(packetCommunity(block, row));
    episode.lastNode = node;
    episode.run = this.state.lastTimeline(window)!.name;
    this.state.incidents.join(episode);
    this.state.episodes.add(episode);
    if (this.verdicts.waits(window)) {
      this.state.episodes.markDirty(episode);
      this.verdicts.hold(episode);
    } else this.state.episodes.emit(episode, 'open', firstFull, null);
    if (this.state.stateBytes > this.state.limits.stateBudgetBytes) this.state.evict();
  }
}
