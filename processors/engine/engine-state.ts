/**
 * What an engine holds: the keys it watches, their windows and episodes, timelines and rules, within the state budget.
 * The parts of the engine (packet-intake, offering, recovery, rule-change) share it; it decides nothing about packets.
 */
import type { ObservationKind } from '../../schemas/observations/observation.js';
import type { Detector } from '../contract/detector.js';
import { ATTEMPT_KINDS } from '../contract/packet-kind.js';
import type { DetectionRule, DetectionRules } from '../contract/rule.js';
import type { AttemptOutcome } from '../contract/watch.js';
import { AddressPool } from './address-pool.js';
import type { CloseReason } from './alert-document.js';
import { Attempts, FAILURE_FIRST, FAILURE_SHOWN } from './attempts.js';
import { stateEntryKey, windowEntryKey } from './changelog.js';
import { CompiledRule, type RuleAt, rulesByKind } from './compiled-rule.js';
import { DuplicateFilter } from './duplicate-filter.js';
import type { EngineLimits } from './engine.js';
import { type Episode, type EpisodeKey, TEXT_MARK } from './episode.js';
import { EpisodeBook } from './episode-book.js';
import { FirstPackets } from './first-packets.js';
import { IncidentBook } from './incidents.js';
import { KeyRuns } from './key-runs.js';
import { KeyTable, NONE } from './key-table.js';
import { KeyWords } from './key-words.js';
import { LateSources } from './late-sources.js';
import { type Timeline, Timelines } from './timelines.js';
import { WatchedStates } from './watched.js';
import type { StateBudget } from './window-shape.js';
import { WindowStore } from './window-store.js';

/** Replays at the same time; one more ends the oldest. */
const TIMELINES_MAX = 1000;
/** Keys that remember longer are asked again later whether they are still needed. */
const LONG_MEMORY_MICROS = 600e6;
/** Capture nodes told apart; all beyond share the last number. */
const NODES_TOLD_APART = 65_535;
/** How long a state is kept at least that is not worth an entry in the changelog: the one packet of a forged source. µs. */
const SLIGHT_MICROS = 900e6;
/** What a text of a key takes, with its entry. */
const KEY_TEXT_BYTES = 150;

/** A companion has thresholds of its own, which its detector's options leave alone. */
function companionSettings(companion: Detector): Pick<DetectionRule, 'threshold' | 'windowMicros'> {
  return { threshold: companion.threshold.default, windowMicros: companion.windowSeconds.default * 1e6 };
}

export class EngineState implements StateBudget {
  rules: CompiledRule[] = [];
  /** Kinds of packets that some rule asks for. */
  kinds = 0;
  /** The rules that ask for each kind of packet, by the number of its bit's leading zeros. */
  packetRules: readonly (readonly RuleAt[])[] = [];
  /** Whether some rule asks what became of attempts. */
  watchesAttempts = false;
  /** The rules that ask for each kind of row, and those whose severity depends on attempts or on logins. */
  attemptRules: readonly RuleAt[] = [];
  conversationRules: readonly RuleAt[] = [];
  receivedRules: readonly RuleAt[] = [];
  observationRules: ReadonlyMap<ObservationKind, readonly RuleAt[]> = new Map();
  attemptJudges: readonly RuleAt[] = [];
  conversationJudges: readonly RuleAt[] = [];
  /** How long the first failure of a source matters, µs. */
  private failureHorizon = 0;
  readonly keys = new KeyTable();
  readonly runs: KeyRuns;
  readonly addresses = new AddressPool();
  readonly windows: WindowStore;
  readonly words: KeyWords;
  readonly duplicates: DuplicateFilter | null;
  readonly lateSources = new LateSources();
  readonly timelines = new Timelines();
  private readonly nodeIndexes = new Map<string, number>();
  readonly nodeNames: string[] = [];
  readonly episodes: EpisodeBook;
  readonly incidents = new IncidentBook((key, value) => this.episodes.log(key, value));
  longestReplayedWindow = 0;
  /** Windows whose entry in the changelog is out of date. */
  readonly dirtyWindows = new Set<number>();
  /** Clocks and timelines of restored keys, which hold from the first packet after the rebuild. */
  readonly restored = new Map<number, { readonly clock: number; readonly run: number }>();
  /** States of watchers, by window. */
  readonly watched = new WatchedStates();
  /** Texts of the keys that are texts, by slot. */
  readonly keyTexts = new Map<number, string>();
  readonly attempts: Attempts;
  readonly firsts: FirstPackets;
  /** What becomes of an attempt, an entry of `attempts`, once it is known; set by the engine. */
  onSettled: (attempt: number, outcome: AttemptOutcome) => void = () => undefined;
  /** Called before an episode closes; set by the engine. */
  onClose: (episode: Episode) => void = () => undefined;
  rebuilding = false;
  /** The key at work, which must not be evicted. */
  current = NONE;
  /** Ends a timeline to make room for another; set by the engine. */
  endOldest: (timeline: Timeline) => void = () => undefined;
  evictedSources = 0;
  evictedEpisodes = 0;

  constructor(
    rules: DetectionRules,
    readonly limits: EngineLimits,
  ) {
    this.words = new KeyWords(limits.ipv6PrefixBits);
    this.duplicates = limits.dedupeWindowMicros > 0 ? new DuplicateFilter(limits.dedupeWindowMicros) : null;
    this.runs = new KeyRuns(limits.allowedLatenessMicros);
    this.windows = new WindowStore(this, this.addresses);
    this.attempts = new Attempts(this.keys, this.addresses, (attempt, outcome) => this.onSettled(attempt, outcome));
    this.firsts = new FirstPackets(this);
    this.episodes = new EpisodeBook(this.windows, (episode) => {
      this.onClose(episode);
      this.incidents.leave(episode);
    });
    this.compile(rules);
  }

  get stateBytes(): number {
    const duplicates = this.duplicates?.bytes ?? 0;
    const { keys, runs, windows, addresses, episodes, lateSources, watched, attempts, keyTexts } = this;
    const marks = runs.bytes + lateSources.bytes + duplicates + keyTexts.size * KEY_TEXT_BYTES;
    const pools = keys.bytes + windows.bytes + this.firsts.bytes + addresses.stateBytes + episodes.bytes;
    return pools + marks + watched.bytes + attempts.bytes + this.incidents.bytes;
  }

  compile(rules: DetectionRules): void {
    this.rules = rules.rules.flatMap((rule) => {
      const { companion } = rule.detector;
      const compiled = new CompiledRule(rule, this.limits.allowedLatenessMicros);
      if (companion === undefined) return [compiled];
      const second = { ...rule, ...companionSettings(companion), detector: companion };
      return [compiled, new CompiledRule(second, this.limits.allowedLatenessMicros, true)];
    });
    this.watchesAttempts = this.rules.some((rule) => rule.rule.detector.attempts === true || rule.judges);
    this.sortRules();
    this.kinds = this.rules.reduce((mask, rule) => mask | rule.kinds, this.watchesAttempts ? ATTEMPT_KINDS : 0);
    const replayed = this.rules.filter((rule) => !rule.durable);
    this.longestReplayedWindow = Math.max(0, ...replayed.map((rule) => rule.shape.window));
  }

  /** A row is shown to few of the rules: those are found once. */
  private sortRules(): void {
    const all = this.rules.map((rule, index): RuleAt => ({ rule, index, detector: rule.rule.detector }));
    this.packetRules = Array.from({ length: 32 }, (_, zeros) =>
      all.filter(({ rule }) => (rule.kinds & (0x8000_0000 >>> zeros)) !== 0),
    );
    this.firsts.compile(all);
    this.attemptRules = all.filter(({ detector }) => detector.attempts === true);
    this.conversationRules = all.filter(({ detector }) => detector.conversations === true);
    this.receivedRules = all.filter(({ detector }) => detector.received === true);
    this.observationRules = rulesByKind(all);
    this.attemptJudges = all.filter(({ rule, detector }) => rule.judges && detector.judgeConversation === undefined);
    this.conversationJudges = all.filter(({ detector }) => detector.judgeConversation !== undefined);
    const horizons = this.attemptRules.map(({ rule }) =>
      rule.durable ? Math.min(rule.shape.window, SLIGHT_MICROS) : rule.shape.window,
    );
    this.failureHorizon = Math.max(0, ...horizons);
  }

  /** The slot of the source in `words`, made when it is new. */
  slotOf(timeline: Timeline, site: string, clock: number): number {
    const scope = this.timelines.scopeOf(timeline.group, site).index;
    const { kind, words } = this.words;
    const w0 = words[0]!;
    const w1 = words[1]!;
    const w2 = words[2]!;
    const w3 = words[3]!;
    const known = this.keys.find(scope, kind, w0, w1, w2, w3);
    if (known !== NONE) {
      this.keys.touch(known);
      return known;
    }
    this.expire();
    for (;;) {
      const bytes = this.keys.growthBytes;
      if (bytes === 0 || this.mayGrow(bytes) || !this.evict()) break;
    }
    return this.keys.add(scope, timeline.serial, kind, w0, w1, w2, w3, clock);
  }

  /** The slot of the key in `words`, or `NONE`. */
  findSlot(timeline: Timeline, site: string): number {
    const { kind, words } = this.words;
    const scope = this.timelines.scopeOf(timeline.group, site).index;
    return this.keys.find(scope, kind, words[0]!, words[1]!, words[2]!, words[3]!);
  }

  windowOf(slot: number, key: number): number {
    if (this.keys.first[slot] !== NONE) this.firsts.unfold(slot);
    const known = this.windows.find(this.keys.windows[slot]!, key);
    if (known !== NONE) return known;
    const window = this.windows.create(slot, key);
    this.windows.next[window] = this.keys.windows[slot]!;
    this.keys.windows[slot] = window;
    return window;
  }

  timelineOf(name: string): Timeline {
    const known = this.timelines.find(name);
    if (known !== undefined) return known;
    if (this.timelines.size >= TIMELINES_MAX) {
      const oldest = this.timelines.oldestReplay;
      if (oldest !== undefined) this.endOldest(oldest);
    }
    return this.timelines.of(name);
  }

  nodeIndex(name: string): number {
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
      const slot = this.keys.leastRecent;
      if (slot === NONE || slot === this.current) return;
      const { slowestClock } = this.timelines.scopeAt(this.keys.scope[slot]!).group;
      // So young nothing is idle, and those behind it are younger.
      if (this.keys.clock[slot]! + this.longestReplayedWindow >= slowestClock) return;
      const horizon = this.horizonOf(slot) + 2 * this.limits.allowedLatenessMicros;
      if (this.keys.clock[slot]! + horizon < slowestClock && !this.hasOpenEpisode(slot)) this.forget(slot);
      // What is remembered for hours must not keep those behind it that are not.
      else if (horizon >= LONG_MEMORY_MICROS) this.keys.touch(slot);
      else return;
    }
  }

  /** How long what a key has matters after its last packet, but for lateness, µs. */
  private horizonOf(slot: number): number {
    let horizon = this.longestReplayedWindow;
    const failure = this.keys.failure[slot]!;
    if (failure >= 0 || failure === FAILURE_FIRST) horizon = Math.max(horizon, this.failureHorizon);
    for (let window = this.keys.windows[slot]!; window !== NONE; window = this.windows.next[window]!) {
      const rule = this.rules[this.windows.key[window]! >>> 16]!;
      const isSlight = rule.watcher !== null && rule.durable && !this.isWorthKeeping(window, rule);
      horizon = Math.max(horizon, isSlight ? Math.min(rule.shape.window, SLIGHT_MICROS) : rule.shape.window);
    }
    return horizon;
  }

  /** Whether the state of a durable watcher would go to the changelog. */
  private isWorthKeeping(window: number, rule: CompiledRule): boolean {
    const watched = this.watched.find(window);
    return watched !== undefined && rule.watcher!.save?.(watched.state) !== undefined;
  }

  private hasOpenEpisode(slot: number): boolean {
    for (let window = this.keys.windows[slot]!; window !== NONE; window = this.windows.next[window]!) {
      if (this.windows.open[window] === 1) return true;
    }
    return false;
  }

  mayGrow(bytes: number): boolean {
    return this.stateBytes + bytes <= this.limits.stateBudgetBytes;
  }

  /** Gives up the least recently active source to stay within the budget; false when there is none to give up. */
  evict(): boolean {
    const slot = this.keys.leastRecent;
    if (slot === NONE || slot === this.current) return false;
    this.evictedEpisodes += this.closeEpisodes(slot, 'evicted');
    this.evictedSources++;
    this.forget(slot);
    return true;
  }

  /** @returns how many were open */
  closeEpisodes(slot: number, reason: CloseReason): number {
    const due: Episode[] = [];
    for (let window = this.keys.windows[slot]!; window !== NONE; window = this.windows.next[window]!) {
      if (this.windows.open[window] === 1) due.push(this.episodes.of(window));
    }
    this.episodes.closeEach(due, () => reason);
    return due.length;
  }

  /** The timeline of the last packet of a window's source. */
  lastTimeline(window: number): Timeline | undefined {
    return this.timelines.withSerial(this.keys.run[this.windows.slot[window]!]!);
  }

  /** Frees a source without open episodes. */
  forget(slot: number): void {
    this.forgetContents(slot);
    this.keys.remove(slot);
  }

  forgetContents(slot: number): void {
    this.keyTexts.delete(slot);
    this.attempts.forget(slot);
    this.dropWindows(slot);
    this.restored.delete(slot);
    this.lateSources.forget(slot);
    this.runs.forget(slot);
  }

  dropWindows(slot: number): void {
    this.attempts.forgetFailure(slot);
    this.firsts.forget(slot);
    let window = this.keys.windows[slot]!;
    this.keys.windows[slot] = NONE;
    while (window !== NONE) {
      const next = this.windows.next[window]!;
      this.dropWindow(window);
      window = next;
    }
  }

  dropWindow(window: number, rules: readonly CompiledRule[] = this.rules): void {
    if (rules[this.windows.key[window]! >>> 16]!.durable) {
      this.dirtyWindows.delete(window);
      const isState = rules[this.windows.key[window]! >>> 16]!.watcher !== null;
      if (!isState) this.episodes.log(windowEntryKey(this.windowKey(window, rules)), null);
      else if (this.watched.find(window)?.logged === true) {
        this.episodes.log(stateEntryKey(this.windowKey(window, rules)), null);
      }
    }
    this.watched.delete(window);
    this.windows.remove(window);
  }

  /** Empties the windows that a rebuild fills, and leaves what came from the changelog. */
  emptyReplayedWindows(slot: number): void {
    if (this.keys.failure[slot] !== FAILURE_SHOWN) this.attempts.forgetFailure(slot);
    this.firsts.forget(slot);
    for (let window = this.keys.windows[slot]!; window !== NONE; window = this.windows.next[window]!) {
      const { durable, watcher } = this.rules[this.windows.key[window]! >>> 16]!;
      if (durable && (watcher === null || this.watched.find(window)?.logged === true)) continue;
      this.windows.empty(window);
      this.watched.delete(window);
      if (this.windows.open[window] === 1) this.episodes.of(window).forgetRecalled();
    }
  }

  windowKey(window: number, rules: readonly CompiledRule[] = this.rules): EpisodeKey {
    const slot = this.windows.slot[window]!;
    const key = this.windows.key[window]!;
    const { group, site } = this.timelines.scopeAt(this.keys.scope[slot]!);
    const text = this.keyTexts.get(slot);
    return {
      timeline: group.name,
      site,
      source:
        text === undefined ? this.words.format(this.keys.kind[slot]!, this.keys.words, slot * 4) : TEXT_MARK + text,
      detector: rules[key >>> 16]!.id,
      part: key & 0xffff,
    };
  }

  /**
   * Settles what a packet is to a source that another run has reached too.
   *
   * @returns false when it is late
   */
  meet(slot: number, timeline: Timeline, node: number, time: number): boolean {
    const { keys } = this;
    const last = this.timelines.withSerial(keys.run[slot]!);
    const lastRun = last === undefined ? null : { run: last.serial, node: last.captureNode };
    const meeting = this.runs.meet(slot, lastRun, keys.clock[slot]!, timeline.serial, node, time);
    if (meeting === 'late') return false;
    if (meeting === 'starts over') this.startOver(slot, timeline, time);
    keys.run[slot] = timeline.serial;
    if (keys.founder[slot] === 0) keys.founder[slot] = timeline.serial;
    return true;
  }

  /** Empties a source for a capture that is replayed again, or one whose clock was wrong. */
  startOver(slot: number, timeline: Timeline, time: number): void {
    if (this.rebuilding) {
      this.emptyReplayedWindows(slot);
    } else {
      this.closeEpisodes(slot, 'superseded');
      this.dropWindows(slot);
    }
    // those of before wait for rows that do not come, and in front of what begins now
    this.attempts.forgetWaiting(slot);
    this.runs.forget(slot);
    this.keys.clock[slot] = time;
    this.keys.founder[slot] = timeline.serial;
  }

  closeQuiet(timeline: Timeline): void {
    timeline.sweptAt = timeline.progress;
    timeline.slowestClock = timeline.findSlowestClock();
    const lateness = this.limits.allowedLatenessMicros;
    this.episodes.closeAll(
      (episode) => episode.run === timeline.name && timeline.clockOf(episode.lastNode) > episode.quietAt + lateness,
      () => 'quiet',
    );
    this.incidents.expire(timeline.group.name, timeline.group.slowestClock);
  }
}
