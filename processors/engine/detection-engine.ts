/** The engine: sources, windows and episodes behind the interface of engine.ts, which says what it promises. */

import { ADDRESS_IPV4, ADDRESS_IPV6, type PacketBlock } from '../../schemas/packet-block.js';
import type { DetectionRules } from '../configuration/rules.js';
import { AddressPool } from './address-pool.js';
import { type DurableWindow, parseChangelogEntry, windowEntryKey } from './changelog.js';
import { CompiledRule } from './compiled-rule.js';
import { DuplicateFilter } from './duplicate-filter.js';
import type { ChangelogEntry, Engine, EngineLimits, EngineOutput, EngineStatistics } from './engine.js';
import { Episode, type EpisodeKey, type EpisodeSnapshot } from './episode.js';
import { EpisodeBook } from './episode-book.js';
import { packetKind } from './packet-kind.js';
import { addIpv4Target, addIpv6Target, holdTarget, targetText } from './sighting-target.js';
import { SourceWords } from './source-address.js';
import { NONE, SourceTable } from './source-table.js';
import { type Timeline, Timelines } from './timelines.js';
import { TARGET_IPV4, TARGET_IPV6, TARGET_NONE, WindowStore } from './window-store.js';

/** Event time between two looks for episodes that have gone quiet. µs. */
const SWEEP_INTERVAL_MICROS = 1e6;
/** Replays at the same time; one more ends the oldest. */
const TIMELINES_MAX = 1000;
/** Capture nodes told apart; all beyond share the last number. */
const NODES_TOLD_APART = 65_535;

export class DetectionEngine implements Engine {
  private rules: CompiledRule[] = [];
  private kinds = 0;
  private readonly sources = new SourceTable();
  private readonly addresses = new AddressPool();
  private readonly windows: WindowStore;
  private readonly words: SourceWords;
  private readonly duplicates: DuplicateFilter | null;
  private readonly timelines = new Timelines();
  private readonly nodeIndexes = new Map<string, number>();
  private readonly nodeNames: string[] = [];
  private readonly episodes: EpisodeBook;
  private longestWindow = 0;
  private longestReplayedWindow = 0;

  private readonly dirtyWindows = new Set<number>();

  /** Clocks of restored sources, which hold from the first packet after the rebuild. */
  private readonly restoredClocks = new Map<number, number>();
  private rebuilding = false;
  /** The source at work, which must not be evicted. */
  private current = NONE;
  private packets = 0;
  private rebuiltPackets = 0;
  private latePackets = 0;
  private duplicatePackets = 0;
  private evictedSources = 0;
  private evictedEpisodes = 0;

  constructor(
    rules: DetectionRules,
    private readonly limits: EngineLimits,
  ) {
    this.words = new SourceWords(limits.ipv6PrefixBits);
    this.duplicates = limits.dedupeWindowMicros > 0 ? new DuplicateFilter(limits.dedupeWindowMicros) : null;
    this.windows = new WindowStore(
      { mayGrow: (bytes) => this.stateBytes + bytes <= limits.stateBudgetBytes, evict: () => this.evict() },
      (entry) => this.addresses.release(entry),
    );
    this.episodes = new EpisodeBook(this.windows);
    this.compile(rules);
  }

  process(block: PacketBlock, from: number, to: number): void {
    this.packets += to - from;
    this.finishRestore();
    this.consume(block, from, to);
    this.advanceLiveClocks(block, from, to);
  }

  rebuild(block: PacketBlock, from: number, to: number): void {
    this.rebuiltPackets += to - from;
    this.rebuilding = true;
    this.consume(block, from, to);
    this.rebuilding = false;
  }

  tick(timelineName: string, captureNode: string, micros: number): void {
    this.finishRestore();
    const timeline = this.timelineOf(timelineName);
    timeline.advance(this.nodeIndex(captureNode), micros);
    this.closeQuiet(timeline);
  }

  endTimeline(timelineName: string, micros: number): void {
    this.finishRestore();
    const timeline = this.timelines.find(timelineName);
    if (timeline === undefined) return;
    const end = Math.max(micros, timeline.newest);
    this.episodes.closeAll(
      (episode) => episode.key.timeline === timelineName,
      (episode) => (end > episode.quietAt + this.limits.allowedLatenessMicros ? 'quiet' : 'end_of_timeline'),
    );
    for (let slot = 0; slot < this.sources.slots; slot++) {
      if (this.sources.kind[slot] !== 0 && this.sources.timeline[slot] === timeline.index) this.forget(slot);
    }
    this.timelines.delete(timeline);
  }

  take(): EngineOutput {
    for (const window of this.dirtyWindows) {
      const durable = this.durableWindow(window);
      this.episodes.log(windowEntryKey(durable), JSON.stringify(durable));
    }
    this.dirtyWindows.clear();
    const changelog = this.episodes.takeChangelog(
      (window) => this.sources.clock[this.windows.source[window]!]!,
      (node) => this.nodeNames[node]!,
    );
    return { alerts: this.episodes.takeAlerts(), changelog };
  }

  setRules(rules: DetectionRules): void {
    const before = this.rules;
    this.compile(rules);
    const kept = before.map((old) => this.rules.findIndex((rule) => rule.sharesWindows(old)));
    const successorOf = (episode: Episode): CompiledRule | undefined =>
      this.rules[kept[this.windows.key[episode.window]! >>> 16]!];
    this.episodes.closeAll(
      (episode) => {
        const successor = successorOf(episode);
        return successor === undefined || successor.rule.exceptions?.coversSource(episode.key.source) === true;
      },
      () => 'disabled',
    );
    for (const old of before) this.rules.find((rule) => rule.id === old.id)?.takeCounters(old);
    for (const episode of this.episodes.all()) episode.compiled = successorOf(episode)!;
    for (let slot = 0; slot < this.sources.slots; slot++) {
      if (this.sources.kind[slot] !== 0) this.renumberWindows(slot, kept, before);
    }
  }

  restore(entries: Iterable<ChangelogEntry>): { key: string; reason: string }[] {
    const refused: { key: string; reason: string }[] = [];
    for (const { key, value } of entries) {
      if (value === null) continue;
      const entry = parseChangelogEntry(value);
      const reason = typeof entry === 'string' ? entry : this.restoreEntry(entry);
      if (reason === null) continue;
      refused.push({ key, reason });
      this.episodes.log(key, null);
    }
    return refused;
  }

  get rebuildMicros(): number {
    return this.longestReplayedWindow + 2 * this.limits.allowedLatenessMicros;
  }

  get statistics(): EngineStatistics {
    return {
      packets: this.packets,
      rebuiltPackets: this.rebuiltPackets,
      latePackets: this.latePackets,
      duplicatePackets: this.duplicatePackets,
      evictedSources: this.evictedSources,
      evictedEpisodes: this.evictedEpisodes,
      sources: this.sources.size,
      windows: this.windows.windowCount,
      stateBytes: this.stateBytes,
      openEpisodes: this.episodes.size,
      detectors: this.rules.map((rule) => rule.statistics),
    };
  }

  private get stateBytes(): number {
    const duplicates = this.duplicates?.bytes ?? 0;
    return this.sources.bytes + this.windows.bytes + this.addresses.stateBytes + this.episodes.bytes + duplicates;
  }

  private compile(rules: DetectionRules): void {
    this.rules = rules.rules.map((rule) => new CompiledRule(rule, this.limits.allowedLatenessMicros));
    this.kinds = this.rules.reduce((mask, rule) => mask | rule.kinds, 0);
    this.longestWindow = Math.max(0, ...this.rules.map((rule) => rule.shape.window));
    const replayed = this.rules.filter((rule) => !rule.durable);
    this.longestReplayedWindow = Math.max(0, ...replayed.map((rule) => rule.shape.window));
  }

  /** The packet path. Rows come in runs of one source, so a source is looked up once a run. */
  private consume(block: PacketBlock, from: number, to: number): void {
    const { sourceKind, sourceAddress, origin, timestamp } = block;
    const lateness = this.limits.allowedLatenessMicros;
    let kind = -1;
    let address = -1;
    let originIndex = -1;
    let slot = NONE;
    let node = 0;
    let timeline: Timeline | undefined;
    for (let row = from; row < to; row++) {
      const rowKind = sourceKind[row]!;
      if (rowKind !== ADDRESS_IPV4 && rowKind !== ADDRESS_IPV6) continue;
      const time = timestamp[row]!;
      if (sourceAddress[row] !== address || rowKind !== kind || origin[row] !== originIndex) {
        kind = rowKind;
        address = sourceAddress[row]!;
        if (origin[row] !== originIndex) {
          originIndex = origin[row]!;
          node = this.nodeIndex(block.origins[originIndex]!.captureNode);
          timeline = this.timelineOf(block.origins[originIndex]!.timeline);
        }
        slot = this.sourceSlot(block, row, timeline!, time);
        this.current = slot;
      }
      const clock = this.sources.clock[slot]!;
      if (time > clock) {
        this.sources.clock[slot] = time;
      } else if (time < clock - lateness) {
        if (!this.rebuilding) this.latePackets++;
        continue;
      }
      const packet = packetKind(block, row);
      if ((packet & this.kinds) === 0) continue;
      if (this.duplicates?.repeats(block, row, timeline!.index, node)) {
        if (!this.rebuilding) this.duplicatePackets++;
        continue;
      }
      this.offer(block, row, packet, slot, node, time);
    }
    this.current = NONE;
  }

  private sourceSlot(block: PacketBlock, row: number, timeline: Timeline, time: number): number {
    const { words } = this;
    if (block.sourceKind[row] === ADDRESS_IPV4) words.setIpv4(block.sourceAddress[row]!);
    else words.setIpv6(block.ipv6, block.sourceAddress[row]! * 16);
    return this.slotOf(timeline, time);
  }

  /** The slot of the source in `words`, made when it is new. */
  private slotOf(timeline: Timeline, clock: number): number {
    const { kind, words } = this.words;
    const w0 = words[0]!;
    const w1 = words[1]!;
    const w2 = words[2]!;
    const w3 = words[3]!;
    const known = this.sources.find(timeline.index, kind, w0, w1, w2, w3);
    if (known !== NONE) {
      this.sources.touch(known);
      return known;
    }
    this.expire();
    for (;;) {
      const bytes = this.sources.growthBytes;
      if (bytes === 0 || this.stateBytes + bytes <= this.limits.stateBudgetBytes || !this.evict()) break;
    }
    return this.sources.add(timeline.index, kind, w0, w1, w2, w3, clock);
  }

  /** Shows a packet to the rules that asked for its kind. */
  private offer(block: PacketBlock, row: number, packet: number, slot: number, node: number, time: number): void {
    const { rules } = this;
    for (let index = 0; index < rules.length; index++) {
      const rule = rules[index]!;
      if ((rule.kinds & packet) === 0) continue;
      if (this.rebuilding && rule.durable) continue; // the changelog has these windows whole
      const value = rule.observe(block, row);
      if (value < 0) continue;
      if (rule.rule.exceptions?.matches(block, row)) {
        if (!this.rebuilding) rule.exceptedPackets++;
        continue;
      }
      const key = ((index << 16) | (rule.perPort ? block.destinationPort[row]! : 0)) >>> 0;
      this.count(rule, key, slot, block, row, time, value, node);
    }
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
    const { windows } = this;
    const window = this.windowOf(slot, key);
    const newest = windows.isNewest(window, time);
    let target = 0;
    let targetKind = TARGET_NONE;
    if (block.destinationKind[row] === ADDRESS_IPV4) {
      target = block.destinationAddress[row]!;
      targetKind = TARGET_IPV4;
    } else if (block.destinationKind[row] === ADDRESS_IPV6) {
      target = this.addresses.hold(block.ipv6, block.destinationAddress[row]! * 16);
      targetKind = TARGET_IPV6;
    }
    windows.add(window, rule.shape, time, value, target, targetKind, node);
    if (rule.durable) this.dirtyWindows.add(window);
    const open = windows.open[window] === 1;
    if (this.rebuilding) {
      if (open) this.episodes.of(window).recall(time, value);
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
    else if (!Number.isNaN(firstFull)) this.open(rule, window, firstFull, lastFull);
  }

  private windowOf(slot: number, key: number): number {
    const first = this.sources.windows[slot]!;
    const known = this.windows.find(first, key);
    if (known !== NONE) return known;
    const window = this.windows.create(slot, key);
    this.windows.next[window] = first;
    this.sources.windows[slot] = window;
    return window;
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
    const episode = this.episodes.of(window);
    const full = !Number.isNaN(firstFull);
    if (full && firstFull > episode.quietAt) {
      this.episodes.close(episode, 'quiet');
      this.open(rule, window, firstFull, lastFull);
      return;
    }
    if (full) {
      if (lastFull > episode.lastFull) episode.lastFull = lastFull;
    } else if (time > episode.quietAt) {
      // a packet still on its way within the allowed lateness may yet show that it went on
      if (time > episode.quietAt + this.limits.allowedLatenessMicros) this.episodes.close(episode, 'quiet');
      return;
    }
    episode.count(time, value, 1, this.windows.heldBy(window), node, this.nodeNames[node]!);
    const address = block.destinationAddress[row]!;
    if (block.destinationKind[row] === ADDRESS_IPV4) addIpv4Target(episode, address);
    else if (block.destinationKind[row] === ADDRESS_IPV6) addIpv6Target(episode, block.ipv6, address * 16);
    this.episodes.markDirty(episode);
    if (episode.packets >= episode.nextUpdate) this.episodes.emit(episode, 'update', time, null);
  }

  private open(rule: CompiledRule, window: number, firstFull: number, lastFull: number): void {
    const episode = new Episode(this.windowKey(window), rule, firstFull, window);
    episode.lastFull = lastFull;
    const held = this.windows.heldBy(window);
    this.windows.forEach(window, firstFull - rule.shape.window, (time, value, target, targetKind, node, sightings) => {
      episode.count(time, value, sightings, held, node, this.nodeNames[node]!);
      if (targetKind === TARGET_IPV4) addIpv4Target(episode, target);
      else if (targetKind === TARGET_IPV6) addIpv6Target(episode, this.addresses.bytes, target * 16);
    });
    this.episodes.add(episode);
    this.episodes.emit(episode, 'open', firstFull, null);
    if (this.stateBytes > this.limits.stateBudgetBytes) this.evict();
  }

  private closeQuiet(timeline: Timeline): void {
    timeline.sweptAt = timeline.progress;
    timeline.slowestClock = timeline.findSlowestClock();
    const lateness = this.limits.allowedLatenessMicros;
    this.episodes.closeAll(
      (episode) =>
        episode.key.timeline === timeline.name && timeline.clockOf(episode.lastNode) > episode.quietAt + lateness,
      () => 'quiet',
    );
  }

  private advanceLiveClocks(block: PacketBlock, from: number, to: number): void {
    let row = from;
    while (row < to) {
      const originIndex = block.origin[row]!;
      const origin = block.origins[originIndex]!;
      let newest = Number.NEGATIVE_INFINITY;
      for (; row < to && block.origin[row] === originIndex; row++) newest = Math.max(newest, block.timestamp[row]!);
      if (origin.timeline === '') this.timelineOf('').advance(this.nodeIndex(origin.captureNode), newest);
    }
    const live = this.timelines.find('');
    if (live !== undefined && live.progress - live.sweptAt >= SWEEP_INTERVAL_MICROS) this.closeQuiet(live);
  }

  private timelineOf(name: string): Timeline {
    const known = this.timelines.find(name);
    if (known !== undefined) return known;
    if (this.timelines.size >= TIMELINES_MAX) {
      const oldest = this.timelines.oldestReplay;
      if (oldest !== undefined) this.endTimeline(oldest.name, oldest.newest);
    }
    return this.timelines.of(name);
  }

  private nodeIndex(name: string): number {
    const known = this.nodeIndexes.get(name);
    if (known !== undefined) return known;
    if (this.nodeNames.length > NODES_TOLD_APART) return NODES_TOLD_APART;
    const index = this.nodeNames.push(name) - 1;
    this.nodeIndexes.set(name, index);
    return index;
  }

  /** Forgets idle sources at the end of the list, two for each new one, when nothing of theirs can matter any more. */
  private expire(): void {
    for (let i = 0; i < 2; i++) {
      const slot = this.sources.leastRecent;
      if (slot === NONE || slot === this.current) return;
      const { slowestClock } = this.timelines.at(this.sources.timeline[slot]!);
      const horizon = this.longestWindow + 2 * this.limits.allowedLatenessMicros;
      if (this.sources.clock[slot]! + horizon >= slowestClock || this.hasOpenEpisode(slot)) return;
      this.forget(slot);
    }
  }

  private hasOpenEpisode(slot: number): boolean {
    for (let window = this.sources.windows[slot]!; window !== NONE; window = this.windows.next[window]!) {
      if (this.windows.open[window] === 1) return true;
    }
    return false;
  }

  /** Gives up the least recently active source to stay within the budget; false when there is none to give up. */
  private evict(): boolean {
    const slot = this.sources.leastRecent;
    if (slot === NONE || slot === this.current) return false;
    for (let window = this.sources.windows[slot]!; window !== NONE; window = this.windows.next[window]!) {
      if (this.windows.open[window] === 0) continue;
      this.evictedEpisodes++;
      this.episodes.close(this.episodes.of(window), 'evicted');
    }
    this.evictedSources++;
    this.forget(slot);
    return true;
  }

  /** Frees a source without open episodes. */
  private forget(slot: number): void {
    let window = this.sources.windows[slot]!;
    while (window !== NONE) {
      const next = this.windows.next[window]!;
      this.dropWindow(window);
      window = next;
    }
    this.restoredClocks.delete(slot);
    this.sources.remove(slot);
  }

  private dropWindow(window: number, rules: readonly CompiledRule[] = this.rules): void {
    if (rules[this.windows.key[window]! >>> 16]!.durable) {
      this.dirtyWindows.delete(window);
      this.episodes.log(windowEntryKey(this.windowKey(window, rules)), null);
    }
    this.windows.remove(window);
  }

  /** Gives a source's windows the numbers of the new rules and drops those that have none. */
  private renumberWindows(slot: number, kept: readonly number[], before: readonly CompiledRule[]): void {
    let window = this.sources.windows[slot]!;
    this.sources.windows[slot] = NONE;
    while (window !== NONE) {
      const next = this.windows.next[window]!;
      const key = this.windows.key[window]!;
      const index = kept[key >>> 16]!;
      if (index < 0) {
        this.dropWindow(window, before);
      } else {
        this.windows.key[window] = ((index << 16) | (key & 0xffff)) >>> 0;
        this.windows.next[window] = this.sources.windows[slot]!;
        this.sources.windows[slot] = window;
      }
      window = next;
    }
  }

  private windowKey(window: number, rules: readonly CompiledRule[] = this.rules): EpisodeKey {
    const slot = this.windows.source[window]!;
    const key = this.windows.key[window]!;
    return {
      timeline: this.timelines.at(this.sources.timeline[slot]!).name,
      source: this.words.format(this.sources.kind[slot]!, this.sources.words, slot * 4),
      detector: rules[key >>> 16]!.id,
      part: key & 0xffff,
    };
  }

  private durableWindow(window: number): DurableWindow {
    const { version } = this.rules[this.windows.key[window]! >>> 16]!.rule.detector;
    const clock = this.sources.clock[this.windows.source[window]!]!;
    const sightings: DurableWindow['sightings'] = [];
    this.windows.forEach(window, Number.NEGATIVE_INFINITY, (time, value, target, targetKind, node, count) => {
      sightings.push([time, value, count, targetText(this.addresses, targetKind, target), this.nodeNames[node]!]);
    });
    return { kind: 'window', ...this.windowKey(window), version, clock, sightings };
  }

  /** The reason when the entry cannot be taken up, else null. */
  private restoreEntry(entry: EpisodeSnapshot | DurableWindow): string | null {
    const index = this.rules.findIndex(
      (rule) => rule.id === entry.detector && rule.rule.detector.version === entry.version,
    );
    if (index < 0) return `the rules have no detector ${entry.detector} of version ${entry.version}`;
    if (!this.words.parse(entry.source)) return `its source ${JSON.stringify(entry.source)} is no address`;
    const rule = this.rules[index]!;
    const slot = this.slotOf(this.timelineOf(entry.timeline), 0);
    this.restoredClocks.set(slot, Math.max(entry.clock, this.restoredClocks.get(slot) ?? 0));
    this.current = slot;
    const window = this.windowOf(slot, ((index << 16) | entry.part) >>> 0);
    if (entry.kind === 'episode') {
      this.episodes.add(Episode.restored(entry, rule, window, (name) => this.nodeIndex(name)));
    } else {
      for (const [time, value, count, text, node] of entry.sightings) {
        const { target, kind } = holdTarget(this.addresses, text);
        this.windows.add(window, rule.shape, time, value, target, kind, this.nodeIndex(node), count);
      }
    }
    this.current = NONE;
    return null;
  }

  private finishRestore(): void {
    if (this.restoredClocks.size === 0) return;
    for (const [slot, clock] of this.restoredClocks) {
      if (clock > this.sources.clock[slot]!) this.sources.clock[slot] = clock;
    }
    this.restoredClocks.clear();
  }
}
