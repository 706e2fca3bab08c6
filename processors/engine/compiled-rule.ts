/** A rule as the packet path wants it, with its counters. */

import { messageOf } from '../../runtime/process/failure.js';
import type { ObservationKind } from '../../schemas/observations/observation.js';
import type { PacketBlock } from '../../schemas/packets/packet-block.js';
import type { Detector, PacketKind, PacketObserver } from '../contract/detector.js';
import type { EpisodeEvidence } from '../contract/evidence.js';
import { packetKindMask } from '../contract/packet-kind.js';
import type { DetectionRule } from '../contract/rule.js';
import type { Watcher, WatcherSettings, WatcherText } from '../contract/watch.js';
import type { DetectorStatistics } from './engine.js';
import { type WindowShape, windowShape } from './window-shape.js';

/** A rule and its number, which is part of the keys of its windows. */
export interface RuleAt {
  readonly rule: CompiledRule;
  readonly index: number;
  readonly detector: Detector;
}

/** The rules that ask for each kind of observation. */
export function rulesByKind(rules: readonly RuleAt[]): Map<ObservationKind, RuleAt[]> {
  const byKind = new Map<ObservationKind, RuleAt[]>();
  for (const rule of rules) {
    for (const kind of rule.detector.observations ?? []) byKind.set(kind, [...(byKind.get(kind) ?? []), rule]);
  }
  return byKind;
}

export class CompiledRule {
  readonly kinds: number;
  readonly observe: PacketObserver;
  readonly shape: WindowShape;
  readonly durable: boolean;
  readonly perPort: boolean;
  readonly watcher: Watcher<unknown> | null;
  readonly concerns: ((block: PacketBlock, row: number) => boolean) | null;
  /** Its severity depends on what became of the attempts in its window. */
  readonly judges: boolean;
  readonly settings: WatcherSettings;
  /** Its bit in what is kept of first packets (first-packets.ts); 0 for none. */
  firstBit = 0;
  countedPackets = 0;
  exceptedPackets = 0;
  exceptedAlerts = 0;
  opened = 0;
  updated = 0;
  closed = 0;
  open = 0;
  private failures = 0;
  private latestFailure: string | null = null;

  constructor(
    readonly rule: DetectionRule,
    latenessMicros: number,
    readonly isCompanion = false,
  ) {
    const { detector, threshold, windowMicros } = rule;
    this.settings = { threshold, windowMicros, severity: rule.severity };
    this.watcher = detector.createWatcher?.(rule.options, this.settings) ?? null;
    this.concerns = this.watcher?.concerns ?? null;
    this.judges = detector.judge !== undefined;
    this.kinds = packetKindMask([...detector.packets, ...linkKinds(detector)]);
    this.observe = detector.createObserver(rule.options);
    this.shape = windowShape(detector.measure === 'distinct', threshold, windowMicros, latenessMicros);
    this.durable = detector.durable;
    this.perPort = detector.perDestinationPort;
  }

  get id(): string {
    return this.rule.detector.id;
  }

  /** The alert in the detector's words; in few of ours when its code fails, since the alert itself stands. */
  describe(evidence: EpisodeEvidence, state: unknown): WatcherText {
    const { detector, options } = this.rule;
    try {
      return this.watcher === null ? detector.describe(evidence, options) : this.watcher.describe(evidence, state);
    } catch (error) {
      this.noteFailure(error);
      return { message: `${detector.name}: ${evidence.source}, ${evidence.packets} packets`, details: {} };
    }
  }

  noteFailure(error: unknown): void {
    this.failures++;
    this.latestFailure = messageOf(error);
  }

  /** Whether windows filled under the other rule serve this one. */
  sharesWindows(other: CompiledRule): boolean {
    return (
      this.id === other.id &&
      this.rule.detector.version === other.rule.detector.version &&
      this.rule.threshold === other.rule.threshold &&
      this.rule.windowMicros === other.rule.windowMicros &&
      (this.watcher === null || this.rule.severity === other.rule.severity) &&
      JSON.stringify(this.rule.options) === JSON.stringify(other.rule.options)
    );
  }

  takeCounters(other: CompiledRule): void {
    this.countedPackets = other.countedPackets;
    this.exceptedPackets = other.exceptedPackets;
    this.exceptedAlerts = other.exceptedAlerts;
    this.opened = other.opened;
    this.updated = other.updated;
    this.closed = other.closed;
    this.open = other.open;
    this.failures = other.failures;
    this.latestFailure = other.latestFailure;
  }

  get statistics(): DetectorStatistics {
    const { id, countedPackets, exceptedPackets, exceptedAlerts, opened, updated, closed, open } = this;
    const { failures, latestFailure } = this;
    const counts = { countedPackets, exceptedPackets, exceptedAlerts, opened, updated, closed, open };
    return { detector: id, ...counts, failures, latestFailure };
  }
}

/** Packets that observations are made of by row. */
function linkKinds({ observations = [] }: Detector): PacketKind[] {
  return [
    ...(observations.includes('arp') ? (['arp'] as const) : []),
    ...(observations.includes('neighbor') ? (['neighbor-discovery'] as const) : []),
  ];
}
