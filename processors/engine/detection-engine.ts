/** The engine: its parts behind the interface of engine.ts, which says what it promises. */

import type { AlertDocument } from '../../schemas/alerts/alert.js';
import type { ConversationBlock, ReceivedBlock } from '../../schemas/conversations/conversation-block.js';
import type { Observation } from '../../schemas/observations/observation.js';
import type { PacketBlock } from '../../schemas/packets/packet-block.js';
import type { AlertExceptions } from '../contract/alert-exceptions.js';
import type { DetectionRules } from '../contract/rule.js';
import type { ChangelogReading } from './changelog-reader.js';
import type { CompiledRule } from './compiled-rule.js';
import type {
  DetectorStatistics,
  Engine,
  EngineLimits,
  EngineOutput,
  EngineStatistics,
  TimelineEnd,
} from './engine.js';
import { EngineState } from './engine-state.js';
import type { Episode } from './episode.js';
import { Offering } from './offering.js';
import { Outcomes } from './outcomes.js';
import { PacketIntake } from './packet-intake.js';
import { Recovery } from './recovery.js';
import { changeRules } from './rule-change.js';
import { Verdicts } from './verdicts.js';
import { Watching } from './watching.js';

/** Event time between two looks for episodes that have gone quiet. µs. */
const SWEEP_INTERVAL_MICROS = 1e6;

export class DetectionEngine implements Engine {
  private readonly state: EngineState;
  private readonly verdicts: Verdicts;
  private readonly watching: Watching;
  private readonly outcomes: Outcomes;
  private readonly offering: Offering;
  private readonly intake: PacketIntake;
  private readonly recovery: Recovery;
  private packets = 0;
  private rebuiltPackets = 0;

  constructor(rules: DetectionRules, limits: EngineLimits) {
    this.state = new EngineState(rules, limits);
    this.verdicts = new Verdicts(this.state);
    this.watching = new Watching(this.state);
    this.outcomes = new Outcomes(this.state, this.watching, this.verdicts);
    this.offering = new Offering(this.state, this.watching, this.outcomes, this.verdicts);
    this.intake = new PacketIntake(this.state, this.offering, this.outcomes);
    this.recovery = new Recovery(this.state, this.verdicts);
    this.state.endOldest = (timeline) => this.endTimeline(timeline.name, timeline.newest, 'cut_off');
  }

  process(
    block: PacketBlock,
    from: number,
    to: number,
    conversations: ConversationBlock | null = null,
    received: ReceivedBlock | null = null,
    observations: readonly Observation[] | null = null,
  ): void {
    this.packets += to - from;
    this.recovery.finish();
    this.takeIn(block, from, to, conversations, received, observations);
  }

  rebuild(
    block: PacketBlock,
    from: number,
    to: number,
    conversations: ConversationBlock | null = null,
    received: ReceivedBlock | null = null,
    observations: readonly Observation[] | null = null,
  ): void {
    this.rebuiltPackets += to - from;
    this.state.rebuilding = true;
    this.takeIn(block, from, to, conversations, received, observations);
    this.state.rebuilding = false;
  }

  rebuildTick(timelineName: string, captureNode: string, micros: number): void {
    const timeline = this.state.timelineOf(timelineName);
    timeline.advance(this.state.nodeIndex(captureNode), micros);
    this.state.rebuilding = true;
    this.outcomes.settleTimeline(timeline);
    this.state.rebuilding = false;
  }

  private takeIn(
    block: PacketBlock,
    from: number,
    to: number,
    conversations: ConversationBlock | null,
    received: ReceivedBlock | null,
    observations: readonly Observation[] | null,
  ): void {
    this.watching.isObserved = observations !== null;
    this.outcomes.begin(conversations, received);
    this.intake.consume(block, from, to);
    this.outcomes.finish();
    if (observations !== null) this.outcomes.observe(observations, block);
    this.advanceLiveClocks(block, from, to);
  }

  tick(timelineName: string, captureNode: string, micros: number): void {
    this.recovery.finish();
    const timeline = this.state.timelineOf(timelineName);
    timeline.advance(this.state.nodeIndex(captureNode), micros);
    this.outcomes.settleTimeline(timeline);
    this.state.closeQuiet(timeline);
  }

  endTimeline(timelineName: string, micros: number, reason: TimelineEnd = 'end_of_timeline'): void {
    this.recovery.finish();
    const timeline = this.state.timelines.find(timelineName);
    if (timeline === undefined) return;
    this.outcomes.endTimeline(timeline);
    const end = Math.max(micros, timeline.newest);
    this.state.episodes.closeAll(
      (episode) => this.state.lastTimeline(episode.window) === timeline,
      (episode) => (end > episode.quietAt + this.state.limits.allowedLatenessMicros ? 'quiet' : reason),
    );
    for (const episode of this.state.episodes.all()) {
      if (episode.run === timelineName) this.handOver(episode);
    }
    const gone: number[] = [];
    for (let slot = 0; slot < this.state.keys.slots; slot++) {
      if (this.state.keys.kind[slot] === 0 || this.state.keys.run[slot] !== timeline.serial) continue;
      this.state.forgetContents(slot);
      gone.push(slot);
    }
    this.state.keys.removeAll(gone);
    this.state.timelines.delete(timeline);
    if (timeline.group.timelines.size === 0) this.state.incidents.endGroup(timeline.group.name);
  }

  rebuildEnd(timelineName: string): void {
    const timeline = this.state.timelines.find(timelineName);
    if (timeline !== undefined) {
      this.state.rebuilding = true;
      this.outcomes.endTimeline(timeline);
      this.state.rebuilding = false;
    }
    this.recovery.rebuildEnd(timelineName);
  }

  take(): EngineOutput {
    const { episodes, keys, windows, nodeNames } = this.state;
    this.recovery.logWindows();
    const changelog = episodes.takeChangelog(
      (window) => keys.clock[windows.slot[window]!]!,
      (node) => nodeNames[node]!,
    );
    return { alerts: episodes.takeAlerts(), changelog };
  }

  takeAlerts(): readonly AlertDocument[] {
    this.state.dirtyWindows.clear();
    this.state.episodes.forgetChangelog();
    return this.state.episodes.takeAlerts();
  }

  setRules(rules: DetectionRules): void {
    changeRules(this.state, rules);
  }

  setExceptions(exceptions: AlertExceptions): void {
    this.state.episodes.setExceptions(exceptions);
  }

  restore(entries: Iterable<ChangelogReading>): { key: string; reason: string }[] {
    return this.recovery.restore(entries);
  }

  get rebuildMicros(): number {
    return this.state.longestReplayedWindow + 2 * this.state.limits.allowedLatenessMicros;
  }

  get statistics(): EngineStatistics {
    const { state } = this;
    return {
      packets: this.packets,
      rebuiltPackets: this.rebuiltPackets,
      latePackets: this.intake.latePackets,
      resetClocks: this.intake.resetClocks,
      duplicatePackets: this.offering.duplicatePackets,
      evictedSources: state.evictedSources,
      evictedEpisodes: state.evictedEpisodes,
      sources: state.keys.size,
      windows: state.windows.windowCount,
      stateBytes: state.stateBytes,
      openEpisodes: state.episodes.size,
      detectors: detectorStatistics(state.rules),
    };
  }

  private advanceLiveClocks(block: PacketBlock, from: number, to: number): void {
    const { origin: column, timestamp } = block;
    let row = from;
    while (row < to) {
      const originIndex = column[row]!;
      const { timeline, captureNode } = block.origins[originIndex]!;
      let newest = Number.NEGATIVE_INFINITY;
      for (; row < to && column[row] === originIndex; row++) if (timestamp[row]! > newest) newest = timestamp[row]!;
      if (timeline === '') this.state.timelineOf('').advance(this.state.nodeIndex(captureNode), newest);
    }
    const live = this.state.timelines.find('');
    if (live === undefined) return;
    this.outcomes.settleTimeline(live);
    if (!this.state.rebuilding && live.progress - live.sweptAt >= SWEEP_INTERVAL_MICROS) this.state.closeQuiet(live);
  }

  /** Leaves an episode whose run ends to the run that reached its source since. */
  private handOver(episode: Episode): void {
    const heir = this.state.lastTimeline(episode.window);
    if (heir === undefined) return;
    episode.run = heir.name;
    episode.lastNode = heir.captureNode;
    this.state.episodes.markDirty(episode);
  }
}

/** One entry a rule: what its companion did counts with it. */
function detectorStatistics(rules: readonly CompiledRule[]): DetectorStatistics[] {
  const all: DetectorStatistics[] = [];
  for (const { isCompanion, statistics: own } of rules) {
    const main = all.at(-1);
    if (!isCompanion || main === undefined) {
      all.push(own);
      continue;
    }
    all[all.length - 1] = {
      detector: main.detector,
      countedPackets: main.countedPackets + own.countedPackets,
      exceptedPackets: main.exceptedPackets + own.exceptedPackets,
      exceptedAlerts: main.exceptedAlerts + own.exceptedAlerts,
      opened: main.opened + own.opened,
      updated: main.updated + own.updated,
      closed: main.closed + own.closed,
      open: main.open + own.open,
      failures: main.failures + own.failures,
      latestFailure: own.latestFailure ?? main.latestFailure,
    };
  }
  return all;
}
