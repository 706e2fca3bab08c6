/** The engine: sources, windows and episodes behind the interface of engine.ts, which says what it promises. */

import type { AlertDocument } from '../../schemas/alerts/alert.js';
import { ADDRESS_IPV4, ADDRESS_IPV6, type PacketBlock } from '../../schemas/packets/packet-block.js';
import { packetKind } from '../contract/packet-kind.js';
import { CompiledRule } from '../rules/compiled-rule.js';
import type { DetectionRules } from '../rules/rules.js';
import { AddressPool } from './address-pool.js';
import type { CloseReason } from './alert-document.js';
import { windowEntryKey } from './changelog.js';
import type { ChangelogReading, DurableWindow, EpisodeSnapshot } from './changelog-reader.js';
import { DuplicateFilter } from './duplicate-filter.js';
import type { Engine, EngineLimits, EngineOutput, EngineStatistics } from './engine.js';
import { Episode, type EpisodeKey } from './episode.js';
import { EpisodeBook } from './episode-book.js';
import { addIpv4Target, addIpv6Target, holdTarget, targetText } from './sighting-target.js';
import { SourceWords } from './source-address.js';
import { SourceRuns } from './source-runs.js';
import { NONE, SourceTable } from './source-table.js';
import { type Timeline, Timelines } from './timelines.js';
import { type StateBudget, TARGET_IPV4, TARGET_IPV6, TARGET_NONE, WindowStore } from './window-store.js';

/** Event time between two looks for episodes that have gone quiet. µs. */
const SWEEP_INTERVAL_MICROS = 1e6;
/** Replays at the same time; one more ends the oldest. */
const TIMELINES_MAX = 1000;
/** Capture nodes told apart; all beyond share the last number. */
const NODES_TOLD_APART = 65_535;

export class DetectionEngine implements Engine, StateBudget {
  private rules: CompiledRule[] = [];
  private kinds = 0;
  private readonly sources = new SourceTable();
  private readonly runs: SourceRuns;
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

  /** Clocks and timelines of restored sources, which hold from the first packet after the rebuild. */
  private readonly restored = new Map<number, { readonly clock: number; readonly run: number }>();
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
    this.runs = new SourceRuns(limits.allowedLatenessMicros);
    this.windows = new WindowStore(this, this.addresses);
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
      (episode) => this.lastTimeline(episode.window) === timeline,
      (episode) => (end > episode.quietAt + this.limits.allowedLatenessMicros ? 'quiet' : 'end_of_timeline'),
    );
    for (const episode of this.episodes.all()) {
      if (episode.run === timelineName) this.handOver(episode);
    }
    const gone: number[] = [];
    for (let slot = 0; slot < this.sources.slots; slot++) {
      if (this.sources.kind[slot] === 0 || this.sources.run[slot] !== timeline.serial) continue;
      this.forgetContents(slot);
      gone.push(slot);
    }
    this.sources.removeAll(gone);
    this.timelines.delete(timeline);
  }

  rebuildEnd(timelineName: string): void {
    const timeline = this.timelines.find(timelineName);
    if (timeline === undefined) return;
    for (let slot = 0; slot < this.sources.slots; slot++) {
      if (this.sources.kind[slot] === 0 || this.sources.run[slot] !== timeline.serial) continue;
      if (!this.restored.has(slot)) {
        this.forget(slot);
        continue;
      }
      this.emptyReplayedWindows(slot);
      this.runs.forget(slot);
      this.sources.clock[slot] = 0;
      this.sources.run[slot] = 0;
      this.sources.founder[slot] = 0;
    }
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

  takeAlerts(): readonly AlertDocument[] {
    this.dirtyWindows.clear();
    this.episodes.forgetChangelog();
    return this.episodes.takeAlerts();
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

  restore(entries: Iterable<ChangelogReading>): { key: string; reason: string }[] {
    const refused: { key: string; reason: string }[] = [];
    for (const { key, entry } of entries) {
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
    const { sources, runs, windows, addresses, episodes } = this;
    return sources.bytes + runs.bytes + windows.bytes + addresses.stateBytes + episodes.bytes + duplicates;
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
        node = this.nodeIndex(block.origins[originIndex]!.captureNode);
        timeline = this.timelineOf(block.origins[originIndex]!.timeline);
        if (timeline.captureNode === NONE) timeline.captureNode = node;
      }
      const slot = this.sourceSlot(block, row, timeline, timestamp[row]!);
      this.current = slot;
      row = this.consumeRun(block, row, to, slot, timeline, node);
    }
    this.current = NONE;
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
    const { kinds } = this;
    const kind = sourceKind[from]!;
    const address = sourceAddress[from]!;
    const originIndex = origin[from]!;
    const lateness = this.limits.allowedLatenessMicros;
    let clock = this.sources.clock[slot]!;
    let meets = this.sources.run[slot] !== timeline.serial || this.runs.hasSeveral(slot);
    let row = from;
    do {
      const time = timestamp[row]!;
      if (meets) {
        this.sources.clock[slot] = clock;
        if (!this.meet(slot, timeline, node, time)) {
          if (!this.rebuilding) this.latePackets++;
          continue;
        }
        meets = this.runs.hasSeveral(slot);
        clock = this.sources.clock[slot]!;
      }
      if (time > clock) clock = time;
      else if (time < clock - lateness) {
        if (!this.rebuilding) this.latePackets++;
        continue;
      }
      const packet = packetKind(block, row);
      if ((packet & kinds) !== 0) {
        this.sources.clock[slot] = clock;
        this.offer(block, row, packet, slot, node, time);
      }
    } while (++row < to && sourceAddress[row] === address && sourceKind[row] === kind && origin[row] === originIndex);
    this.sources.clock[slot] = clock;
    return row;
  }

  /**
   * Settles what a packet is to a source that another run has reached too.
   *
   * @returns false when it is late
   */
  private meet(slot: number, timeline: Timeline, node: number, time: number): boolean {
    const { sources } = this;
    const last = this.timelines.withSerial(sources.run[slot]!);
    const lastRun = last === undefined ? null : { run: last.serial, node: last.captureNode };
    const meeting = this.runs.meet(slot, lastRun, sources.clock[slot]!, timeline.serial, node, time);
    if (meeting === 'late') return false;
    if (meeting === 'starts over') this.startOver(slot, timeline, time);
    sources.run[slot] = timeline.serial;
    if (sources.founder[slot] === 0) sources.founder[slot] = timeline.serial;
    return true;
  }

  /** Empties a source for a capture that is replayed again. */
  private startOver(slot: number, timeline: Timeline, time: number): void {
    if (this.rebuilding) {
      this.emptyReplayedWindows(slot);
    } else {
      this.closeEpisodes(slot, 'superseded');
      this.dropWindows(slot);
    }
    this.runs.forget(slot);
    this.sources.clock[slot] = time;
    this.sources.founder[slot] = timeline.serial;
  }

  /** Empties the windows that a rebuild fills, and leaves what came from the changelog. */
  private emptyReplayedWindows(slot: number): void {
    for (let window = this.sources.windows[slot]!; window !== NONE; window = this.windows.next[window]!) {
      if (this.rules[this.windows.key[window]! >>> 16]!.durable) continue;
      this.windows.empty(window);
      if (this.windows.open[window] === 1) this.episodes.of(window).forgetRecalled();
    }
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
    const known = this.sources.find(timeline.group.index, kind, w0, w1, w2, w3);
    if (known !== NONE) {
      this.sources.touch(known);
      return known;
    }
    this.expire();
    for (;;) {
      const bytes = this.sources.growthBytes;
      if (bytes === 0 || this.mayGrow(bytes) || !this.evict()) break;
    }
    return this.sources.add(timeline.group.index, timeline.serial, kind, w0, w1, w2, w3, clock);
  }

  /** Shows a packet to the rules that asked for its kind, unless another node has shown it before. */
  private offer(block: PacketBlock, row: number, packet: number, slot: number, node: number, time: number): void {
    if (this.duplicates?.repeats(block, row, this.sources.founder[slot]!, node)) {
      if (!this.rebuilding) this.duplicatePackets++;
      return;
    }
    const { rules } = this;
    for (let index = 0; index < rules.length; index++) {
      const rule = rules[index]!;
      if ((rule.kinds & packet) === 0) continue;
      if (this.rebuilding && rule.durable) continue; // the changelog has these windows whole
      let value: number;
      try {
        value = rule.observe(block, row);
      } catch (error) {
        if (!this.rebuilding) rule.noteFailure(error);
        continue;
      }
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
    else if (!Number.isNaN(firstFull)) this.open(rule, window, node, firstFull, lastFull);
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
      this.open(rule, window, node, firstFull, lastFull);
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
    episode.run = this.lastTimeline(window)!.name;
    const address = block.destinationAddress[row]!;
    if (block.destinationKind[row] === ADDRESS_IPV4) addIpv4Target(episode, address);
    else if (block.destinationKind[row] === ADDRESS_IPV6) addIpv6Target(episode, block.ipv6, address * 16);
    this.episodes.markDirty(episode);
    if (episode.packets >= episode.nextUpdate) this.episodes.emit(episode, 'update', time, null);
  }

  private open(rule: CompiledRule, window: number, node: number, firstFull: number, lastFull: number): void {
    const episode = new Episode(this.windowKey(window), rule, firstFull, window);
    episode.lastFull = lastFull;
    const held = this.windows.heldBy(window);
    // A durable window comes back whole after a restart; another is rebuilt from input that may begin later.
    const newestOnly = rule.shape.distinct && !rule.durable;
    this.windows.forEach(
      window,
      firstFull - rule.shape.window,
      newestOnly,
      (time, value, target, targetKind, seenBy, sightings) => {
        episode.count(time, value, sightings, held, seenBy, this.nodeNames[seenBy]!);
        if (targetKind === TARGET_IPV4) addIpv4Target(episode, target);
        else if (targetKind === TARGET_IPV6) addIpv6Target(episode, this.addresses.bytes, target * 16);
      },
    );
    episode.lastNode = node;
    episode.run = this.lastTimeline(window)!.name;
    this.episodes.add(episode);
    this.episodes.emit(episode, 'open', firstFull, null);
    if (this.stateBytes > this.limits.stateBudgetBytes) this.evict();
  }

  private closeQuiet(timeline: Timeline): void {
    timeline.sweptAt = timeline.progress;
    timeline.slowestClock = timeline.findSlowestClock();
    const lateness = this.limits.allowedLatenessMicros;
    this.episodes.closeAll(
      (episode) => episode.run === timeline.name && timeline.clockOf(episode.lastNode) > episode.quietAt + lateness,
      () => 'quiet',
    );
  }

  private advanceLiveClocks(block: PacketBlock, from: number, to: number): void {
    const { origin: column, timestamp } = block;
    let row = from;
    while (row < to) {
      const originIndex = column[row]!;
      const { timeline, captureNode } = block.origins[originIndex]!;
      let newest = Number.NEGATIVE_INFINITY;
      for (; row < to && column[row] === originIndex; row++) if (timestamp[row]! > newest) newest = timestamp[row]!;
      if (timeline === '') this.timelineOf('').advance(this.nodeIndex(captureNode), newest);
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
      const { slowestClock } = this.timelines.groupAt(this.sources.group[slot]!);
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

  mayGrow(bytes: number): boolean {
    return this.stateBytes + bytes <= this.limits.stateBudgetBytes;
  }

  /** Gives up the least recently active source to stay within the budget; false when there is none to give up. */
  evict(): boolean {
    const slot = this.sources.leastRecent;
    if (slot === NONE || slot === this.current) return false;
    this.evictedEpisodes += this.closeEpisodes(slot, 'evicted');
    this.evictedSources++;
    this.forget(slot);
    return true;
  }

  /** @returns how many were open */
  private closeEpisodes(slot: number, reason: CloseReason): number {
    const due: Episode[] = [];
    for (let window = this.sources.windows[slot]!; window !== NONE; window = this.windows.next[window]!) {
      if (this.windows.open[window] === 1) due.push(this.episodes.of(window));
    }
    this.episodes.closeEach(due, () => reason);
    return due.length;
  }

  /** The timeline of the last packet of a window's source. */
  private lastTimeline(window: number): Timeline | undefined {
    return this.timelines.withSerial(this.sources.run[this.windows.source[window]!]!);
  }

  /** Leaves an episode whose run ends to the run that reached its source since. */
  private handOver(episode: Episode): void {
    const heir = this.lastTimeline(episode.window);
    if (heir === undefined) return;
    episode.run = heir.name;
    episode.lastNode = heir.captureNode;
    this.episodes.markDirty(episode);
  }

  /** Frees a source without open episodes. */
  private forget(slot: number): void {
    this.forgetContents(slot);
    this.sources.remove(slot);
  }

  private forgetContents(slot: number): void {
    this.dropWindows(slot);
    this.restored.delete(slot);
    this.runs.forget(slot);
  }

  private dropWindows(slot: number): void {
    let window = this.sources.windows[slot]!;
    this.sources.windows[slot] = NONE;
    while (window !== NONE) {
      const next = this.windows.next[window]!;
      this.dropWindow(window);
      window = next;
    }
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
      timeline: this.timelines.groupAt(this.sources.group[slot]!).name,
      source: this.words.format(this.sources.kind[slot]!, this.sources.words, slot * 4),
      detector: rules[key >>> 16]!.id,
      part: key & 0xffff,
    };
  }

  private durableWindow(window: number): DurableWindow {
    const { version } = this.rules[this.windows.key[window]! >>> 16]!.rule.detector;
    const clock = this.sources.clock[this.windows.source[window]!]!;
    const sightings: DurableWindow['sightings'] = [];
    this.windows.forEach(window, Number.NEGATIVE_INFINITY, false, (time, value, target, targetKind, node, count) => {
      sightings.push([time, value, count, targetText(this.addresses, targetKind, target), this.nodeNames[node]!]);
    });
    const run = this.lastTimeline(window)!.name;
    return { kind: 'window', ...this.windowKey(window), version, clock, run, sightings };
  }

  /** The reason when the entry cannot be taken up, else null. */
  private restoreEntry(entry: EpisodeSnapshot | DurableWindow): string | null {
    const index = this.rules.findIndex(
      (rule) => rule.id === entry.detector && rule.rule.detector.version === entry.version,
    );
    if (index < 0) return `the rules have no detector ${entry.detector} of version ${entry.version}`;
    if (!this.words.parse(entry.source)) return `its source ${JSON.stringify(entry.source)} is no address`;
    const rule = this.rules[index]!;
    const timeline = this.timelineOf(entry.run ?? entry.timeline);
    const slot = this.slotOf(timeline, 0);
    this.sources.run[slot] = 0;
    this.sources.founder[slot] = 0;
    const before = this.restored.get(slot);
    if (before === undefined || entry.clock > before.clock) {
      this.restored.set(slot, { clock: entry.clock, run: timeline.serial });
    }
    this.current = slot;
    const window = this.windowOf(slot, ((index << 16) | entry.part) >>> 0);
    if (entry.kind === 'episode') {
      const episode = Episode.restored(entry, rule, window, (name) => this.nodeIndex(name));
      if (timeline.captureNode === NONE) timeline.captureNode = episode.lastNode;
      this.episodes.add(episode);
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
    if (this.restored.size === 0) return;
    for (const [slot, { clock, run }] of this.restored) {
      if (clock > this.sources.clock[slot]!) this.sources.clock[slot] = clock;
      if (this.sources.run[slot] !== 0) continue;
      this.sources.run[slot] = run;
      this.sources.founder[slot] = run;
    }
    this.restored.clear();
  }
}
