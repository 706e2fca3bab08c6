/**
 * What the detection engine offers to whoever feeds it: one engine a partition of `packets` in a worker, one for all of
 * `nta analyze`. It is pure: no I/O, no clock, no timer. The same calls give the same output, byte for byte.
 *
 * Time is event time. Each source of each timeline group has a clock of its own, the newest capture time it has reached, and
 * windows and lateness are judged by that alone; so an alert does not depend on the number of partitions nor on which
 * other sources share one. Groups never mix: a capture replayed beside live traffic neither disturbs it nor is
 * disturbed. The runs of a group do, so that a scan split over the captures of several nodes is found; replayed again, a
 * capture gives the same alerts with the same ids again (source-runs.ts says what tells the two cases apart).
 *
 * What is exact: a window is [t − window, t], both ends included. A packet at most `allowedLateness` older than its
 * source's clock counts as if it had arrived in time: whether a threshold is crossed does not depend on the order of
 * arrival within that bound. Nothing waits for the bound to pass, so `crossed` is the earliest crossing among the packets
 * that had arrived when the episode opened.
 *
 * A clock never goes back, but for one case: when a source's packets have all been late for a whole window, some packet's
 * time was wrong, and the source starts over from where it is.
 *
 * An episode is open from the first full window (one that holds the threshold) until a whole window has passed in which
 * none was full. So the ordinary connections of a host that once scanned do not keep its episode open, and its next
 * scan is an alert of its own.
 *
 * Sampled input counts as it was captured: nothing is scaled by the sampling rate, because distinct ports and targets
 * cannot be. Where a capture node samples, thresholds mean sampled packets.
 */

import type { AlertDocument } from '../../schemas/alerts/alert.js';
import type { ConversationBlock, ReceivedBlock } from '../../schemas/conversations/conversation-block.js';
import type { Observation } from '../../schemas/observations/observation.js';
import type { PacketBlock } from '../../schemas/packets/packet-block.js';
import type { AlertExceptions } from '../contract/alert-exceptions.js';
import type { DetectionRules } from '../contract/rule.js';
import type { ChangelogEntry } from './changelog-entry.js';
import type { ChangelogReading } from './changelog-reader.js';

export interface EngineLimits {
  /** State beyond this goes, least recently active source first, counted. */
  readonly stateBudgetBytes: number;
  /** A packet older than its source's clock by more than this is counted as late and ignored. µs. */
  readonly allowedLatenessMicros: number;
  /** IPv6 sources are told apart by so many leading bits: 128, or 64 where an attacker owns a whole /64. */
  readonly ipv6PrefixBits: number;
  /** How long after an attempt its outcome decides the severity; 0: severities do not depend on outcomes. µs of event time. */
  readonly outcomeWaitMicros: number;
  /** The same packet seen by several capture nodes within this time counts once; 0 counts every sighting. µs. */
  readonly dedupeWindowMicros: number;
}

export const DEFAULT_ENGINE_LIMITS: EngineLimits = {
  stateBudgetBytes: 512 * 1024 * 1024,
  allowedLatenessMicros: 5_000_000,
  ipv6PrefixBits: 128,
  outcomeWaitMicros: 1_000_000,
  dedupeWindowMicros: 0,
};

export interface EngineOutput {
  /** In the order they came about. */
  readonly alerts: readonly AlertDocument[];
  /** What changed since the last take, each key once. */
  readonly changelog: readonly ChangelogEntry[];
}

/** Counters are cumulative since the engine was made; gauges say how it stands. */
export interface EngineStatistics {
  /** Rows given to `process`, and those given to `rebuild`. */
  readonly packets: number;
  readonly rebuiltPackets: number;
  readonly latePackets: number;
  /** Sources that started over because their clock had been ahead. */
  readonly resetClocks: number;
  /** Repeated sightings that `dedupeWindow` left out. */
  readonly duplicatePackets: number;
  readonly evictedSources: number;
  readonly evictedEpisodes: number;
  /** Gauges. `stateBytes` is what the engine's own accounting holds against the budget. */
  readonly sources: number;
  readonly windows: number;
  readonly stateBytes: number;
  readonly openEpisodes: number;
  readonly detectors: readonly DetectorStatistics[];
}

export interface DetectorStatistics {
  readonly detector: string;
  /** Packets that counted towards it, and those an exception of the configuration left out. */
  readonly countedPackets: number;
  readonly exceptedPackets: number;
  /** Alerts that an exception kept from being published. */
  readonly exceptedAlerts: number;
  readonly opened: number;
  readonly updated: number;
  readonly closed: number;
  readonly open: number;
  /** Packets and alerts that its own code failed on (such packets do not count for it), and the newest reason. */
  readonly failures: number;
  readonly latestFailure: string | null;
}

/** Whether a timeline said that it is over. */
export type TimelineEnd = 'end_of_timeline' | 'cut_off';

export interface Engine {
  /**
   * Counts rows `from … to - 1` in the order they arrived, of any sources, timelines and capture nodes, and what came with
   * them: conversations their sources began, what hosts received, what was observed of links, names and echoes. Null where
   * the input does not say; observations of ARP and neighbour discovery are then made of the packets.
   */
  process(
    block: PacketBlock,
    from: number,
    to: number,
    conversations?: ConversationBlock | null,
    received?: ReceivedBlock | null,
    observations?: readonly Observation[] | null,
  ): void;

  /**
   * Event time without packets: the capture node's clock. It closes episodes that have gone quiet. On a replay it must
   * follow every packet of that capture node that is older.
   */
  tick(timeline: string, captureNode: string, micros: number): void;

  /**
   * Nothing more follows on this timeline, which came as far as `micros` (the clock of the record that says so): sources
   * whose last packet was of it are forgotten, and their episodes close, as `quiet` or as `end_of_timeline`. Sources that
   * another run of its group has reached since go on there.
   *
   * @param reason `cut_off` when nobody said that this is the end: another run of the same packets may know more
   */
  endTimeline(timeline: string, micros: number, reason?: TimelineEnd): void;

  /** Alert documents and changelog since the last take. Call it once a transaction. */
  take(): EngineOutput;

  /** The alert documents alone, for whoever keeps no changelog; what would have gone there is forgotten unwritten. */
  takeAlerts(): readonly AlertDocument[];

  /**
   * Puts other rules in force. Episodes of detectors that are gone, switched off or whose key is now excepted close with
   * the reason `disabled`; windows whose threshold or length changed start empty.
   */
  setRules(rules: DetectionRules): void;

  /**
   * Puts other exceptions in force. They decide at the publication of an alert, by its event time: what is excepted goes on as an
   * episode without a word, and is published when the exception ends while it still goes on. An alert that is published already and
   * excepted now closes with the reason `disabled`. Which episodes are excepted is in the changelog, so a restart repeats no decision.
   */
  setExceptions(exceptions: AlertExceptions): void;

  /**
   * Takes up the changelog of an earlier engine, as `readChangelog` gives it, before anything else. Entries that cannot be
   * read or used are given back with the reason, and nothing is emitted for them.
   */
  restore(entries: Iterable<ChangelogReading>): readonly { readonly key: string; readonly reason: string }[];

  /**
   * Input from before the point the changelog stands for, which only fills windows: no alert and no change of an
   * episode comes of it. After `restore`, before the first `process`, in the order of arrival.
   */
  rebuild(
    block: PacketBlock,
    from: number,
    to: number,
    conversations?: ConversationBlock | null,
    received?: ReceivedBlock | null,
    observations?: readonly Observation[] | null,
  ): void;

  /** A tick among that input, and how far the capture nodes had come where it ends. */
  rebuildTick(timeline: string, captureNode: string, micros: number): void;

  /** The end of a timeline among that input: the windows it left are emptied. It is still to be given to `endTimeline`. */
  rebuildEnd(timeline: string): void;

  /** How far back in event time `rebuild` must reach for windows to be whole: the longest window and the lateness. µs. */
  readonly rebuildMicros: number;

  readonly statistics: EngineStatistics;
}
