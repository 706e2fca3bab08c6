/**
 * An open episode: what it is known by, how far it has come and the evidence so far. It outlives a restart as a snapshot
 * in the changelog; what a snapshot leaves out is what re-reading the last window brings back.
 */

import type { Severity } from '../../schemas/alerts/alert.js';
import { formatMacNumber } from '../../schemas/observations/observation.js';
import type { Excepted } from '../contract/alert-exceptions.js';
import type { EpisodeEvidence, WindowOutcomes } from '../contract/evidence.js';
import { NODES_MAX, SAMPLE_MAX, TARGETS_MAX, VALUES_MAX } from '../contract/evidence.js';
import type { DetectionRule } from '../contract/rule.js';
import type { WatcherText } from '../contract/watch.js';
import type { CompiledRule } from '../engine/compiled-rule.js';
import type { EpisodeSnapshot } from './changelog-reader.js';
import { ConversationIds } from './conversation-ids.js';
import { PacketMeter, ValueMeter } from './peak-meter.js';

/** In front of the text of a key that is no address. */
export const TEXT_MARK = '=';

export interface EpisodeKey {
  /** The timeline group: '' for live traffic. */
  readonly timeline: string;
  /** The address space; '' where sites are not told apart. */
  readonly site: string;
  /** The address, or behind a mark another text. */
  readonly source: string;
  readonly detector: string;
  /** Destination port of detectors that keep one window each, else 0. */
  readonly part: number;
}

interface MacClaim {
  firstSeen: number;
  lastSeen: number;
}

/** More ports than this take less room as a bitmap. */
const PORT_LIST_MAX = 1500;

export class Episode {
  firstSeen = Number.POSITIVE_INFINITY;
  lastSeen = Number.NEGATIVE_INFINITY;
  /** End of the latest full window. */
  lastFull: number;
  packets = 0;
  peak = 0;
  /** Events so far. */
  sequence = 0;
  /** `packets` at which the next update is due. */
  nextUpdate = 0;
  valueChanges = 0;
  severity: Severity;
  /** Whose incident it belongs to, and its id; null of episodes of before there were incidents. */
  incident: NonNullable<EpisodeSnapshot['incident']> | null = null;
  /** The exception for which it has not been published. */
  excepted: Excepted | null = null;
  /** State of its watcher; null while there is none: the episode was restored, and nothing of it came again. */
  state: unknown = null;
  /** What its watcher had to say at the snapshot that it was restored from. */
  private words: WatcherText | null = null;
  /**
   * What became of the attempts of the latest full window, as noted when the last of them was settled: later, after a restart,
   * the window itself may be there in part only.
   */
  outcomes: WindowOutcomes | null = null;
  /** Whether the changelog does not know its present state. */
  dirty = false;
  /** The capture node of the last packet to arrive, whose clock says when the episode has been quiet. */
  lastNode = 0;
  /** The timeline of the last packet, in full. */
  run = '';
  /** The node last put among `captureNodes`. */
  private lastNamed = -1;
  readonly captureNodes = new Set<string>();
  /** Conversations behind it. */
  conversations = new ConversationIds();
  private lastValue = -1;
  private lastTarget = -1;
  private readonly valueSample: number[] = [];
  private readonly targets = new Set<number>();
  private readonly targetSample: string[] = [];
  private readonly macClaims = new Map<number, MacClaim>();
  private readonly packetMeter: PacketMeter | null;
  private readonly valueMeter: ValueMeter | null;

  constructor(
    readonly key: EpisodeKey,
    public compiled: CompiledRule,
    readonly crossed: number,
    /** Its window in the window store. */
    readonly window: number,
  ) {
    this.lastFull = crossed;
    const { windowMicros, detector } = compiled.rule;
    this.severity = compiled.rule.severity;
    const distinct = detector.measure === 'distinct' || detector.values === 'ports';
    this.packetMeter = distinct || detector.isWatcher === true ? null : new PacketMeter(windowMicros);
    this.valueMeter = distinct ? new ValueMeter(windowMicros, VALUES_MAX) : null;
  }

  get rule(): DetectionRule {
    return this.compiled.rule;
  }

  /** When it has been quiet for a whole window. */
  get quietAt(): number {
    return this.lastFull + this.rule.windowMicros;
  }

  /** A rough measure of the memory it holds. */
  get bytes(): number {
    return 1500 + this.targets.size * 40 + (this.valueMeter?.distinct ?? 0) * 48;
  }

  /** Takes in a counted packet. */
  count(time: number, value: number, sightings: number, held: number, node: number, nodeName: string): void {
    if (node !== this.lastNamed) {
      if (this.captureNodes.size < NODES_MAX) this.captureNodes.add(nodeName);
      this.lastNamed = node;
    }
    this.lastNode = node;
    this.packets += sightings;
    if (time < this.firstSeen) this.firstSeen = time;
    if (time > this.lastSeen) this.lastSeen = time;
    if (held > this.peak) this.peak = held;
    this.measure(time, value, sightings);
    if (this.rule.detector.values === 'macs') this.claim(time, value);
  }

  /** Takes in what a watcher measured. */
  countMeasured(time: number, value: number, packets: number, port: number, node: number, nodeName: string): void {
    if (node !== this.lastNamed) {
      if (this.captureNodes.size < NODES_MAX) this.captureNodes.add(nodeName);
      this.lastNamed = node;
    }
    this.lastNode = node;
    this.packets += packets;
    if (time < this.firstSeen) this.firstSeen = time;
    if (time > this.lastSeen) this.lastSeen = time;
    if (value > this.peak) this.peak = value;
    if (port < 0 || this.valueMeter === null) return;
    if (this.valueSample.length < SAMPLE_MAX && !this.valueMeter.has(port)) this.valueSample.push(port);
    this.valueMeter.add(time, port);
  }

  /** Whether the episode does not know this target yet and still tells targets apart. */
  isNewTarget(targetKey: number): boolean {
    if (targetKey === this.lastTarget) return false;
    this.lastTarget = targetKey;
    return this.targets.size < TARGETS_MAX && !this.targets.has(targetKey);
  }

  addTarget(targetKey: number, text: string): void {
    this.targets.add(targetKey);
    if (this.targetSample.length < SAMPLE_MAX) this.targetSample.push(text);
  }

  /** Brings back what a snapshot leaves out, from a packet it already counts. */
  recall(time: number, value: number): void {
    if (this.valueMeter === null) this.packetMeter?.add(time, 1);
    else if (this.valueMeter.has(value)) this.valueMeter.add(time, value);
  }

  /** What was recalled came before the episode. */
  forgetRecalled(): void {
    this.packetMeter?.clear();
    this.valueMeter?.clear();
  }

  private measure(time: number, value: number, sightings: number): void {
    if (this.valueMeter === null) {
      this.peak = Math.max(this.peak, this.packetMeter?.add(time, sightings) ?? 0);
      return;
    }
    if (this.valueSample.length < SAMPLE_MAX && !this.valueMeter.has(value)) this.valueSample.push(value);
    this.peak = Math.max(this.peak, this.valueMeter.add(time, value));
    if (this.lastValue !== -1 && this.lastValue !== value) this.valueChanges++;
    this.lastValue = value;
  }

  private claim(time: number, mac: number): void {
    const known = this.macClaims.get(mac);
    if (known === undefined) {
      if (this.macClaims.size < SAMPLE_MAX) this.macClaims.set(mac, { firstSeen: time, lastSeen: time });
      return;
    }
    known.firstSeen = Math.min(known.firstSeen, time);
    known.lastSeen = Math.max(known.lastSeen, time);
  }

  evidence(closed: boolean): EpisodeEvidence {
    const { detector } = this.rule;
    return {
      source: this.key.source.startsWith(TEXT_MARK) ? this.key.source.slice(TEXT_MARK.length) : this.key.source,
      site: this.key.site,
      outcomes: this.outcomes,
      destinationPort: detector.perDestinationPort ? this.key.part : null,
      threshold: this.rule.threshold,
      windowSeconds: this.rule.windowMicros / 1e6,
      firstSeen: this.firstSeen,
      lastSeen: this.lastSeen,
      crossed: this.crossed,
      packets: this.packets,
      peak: this.peak,
      ports: {
        distinct: detector.values === 'ports' ? this.valueMeter!.distinct : 0,
        sample: detector.values === 'ports' ? [...this.valueSample].sort((a, b) => a - b) : [],
      },
      targets: { distinct: this.targets.size, sample: this.targetSample },
      macs: [...this.macClaims].map(([mac, { firstSeen, lastSeen }]) => ({
        mac: formatMacNumber(mac),
        firstSeen,
        lastSeen,
      })),
      valueChanges: this.valueChanges,
      closed,
    };
  }

  /** Whether it was restored with words of its own. */
  get hasWords(): boolean {
    return this.words !== null;
  }

  /** What there is to say of it. */
  describe(evidence: EpisodeEvidence): WatcherText {
    if (this.state === null && this.words !== null) return this.words;
    return this.compiled.describe(evidence, this.state);
  }

  snapshot(clock: number, nodeName: (node: number) => string): EpisodeSnapshot {
    return {
      kind: 'episode',
      ...this.key,
      version: this.rule.detector.version,
      severity: this.severity,
      crossed: this.crossed,
      firstSeen: this.firstSeen,
      lastSeen: this.lastSeen,
      lastFull: this.lastFull,
      packets: this.packets,
      peak: this.peak,
      sequence: this.sequence,
      nextUpdate: this.nextUpdate,
      valueChanges: this.valueChanges,
      lastValue: this.lastValue,
      captureNodes: [...this.captureNodes],
      lastNode: nodeName(this.lastNode),
      run: this.run,
      clock,
      values: this.snapshotValues(),
      valueSample: this.valueSample,
      targets: [...this.targets],
      targetSample: this.targetSample,
      macs: [...this.macClaims].map(([mac, claim]) => [mac, claim.firstSeen, claim.lastSeen]),
      outcomes: this.outcomes,
      incident: this.incident,
      excepted: this.excepted === null ? null : { id: this.excepted.id, until: finiteOrNull(this.excepted.until) },
      words: this.compiled.watcher === null ? null : { ...this.describe(this.evidence(false)) },
      conversations: this.conversations.all(),
      conversationsAsked: this.conversations.asked,
    };
  }

  private snapshotValues(): EpisodeSnapshot['values'] {
    if (this.valueMeter === null) return [];
    const { distinct } = this.valueMeter;
    if (this.rule.detector.values !== 'ports' || distinct <= PORT_LIST_MAX) return [...this.valueMeter.values()];
    const bitmap = new Uint8Array(8192);
    for (const port of this.valueMeter.values()) bitmap[port >>> 3]! |= 1 << (port & 7);
    return Buffer.from(bitmap).toString('base64');
  }

  /** The episode of a snapshot. */
  static restored(
    snapshot: EpisodeSnapshot,
    compiled: CompiledRule,
    window: number,
    nodeIndex: (name: string) => number,
  ): Episode {
    const { timeline, site = '', source, detector, part } = snapshot;
    const episode = new Episode({ timeline, site, source, detector, part }, compiled, snapshot.crossed, window);
    episode.severity = (snapshot.severity ?? episode.severity) as Severity;
    episode.firstSeen = snapshot.firstSeen;
    episode.lastSeen = snapshot.lastSeen;
    episode.lastFull = snapshot.lastFull;
    episode.packets = snapshot.packets;
    episode.peak = snapshot.peak;
    episode.sequence = snapshot.sequence;
    episode.nextUpdate = snapshot.nextUpdate;
    episode.valueChanges = snapshot.valueChanges;
    episode.lastValue = snapshot.lastValue;
    episode.lastNode = nodeIndex(snapshot.lastNode);
    episode.run = snapshot.run ?? timeline;
    for (const name of snapshot.captureNodes) episode.captureNodes.add(name);
    const values = typeof snapshot.values === 'string' ? portsOf(snapshot.values) : snapshot.values;
    for (const value of values) episode.valueMeter?.restore(value);
    episode.valueSample.push(...snapshot.valueSample);
    for (const target of snapshot.targets) episode.targets.add(target);
    episode.targetSample.push(...snapshot.targetSample);
    for (const [mac, firstSeen, lastSeen] of snapshot.macs) episode.macClaims.set(mac, { firstSeen, lastSeen });
    episode.outcomes = snapshot.outcomes ?? null;
    episode.incident = snapshot.incident ?? null;
    const { excepted } = snapshot;
    if (excepted) episode.excepted = { id: excepted.id, until: excepted.until ?? Number.POSITIVE_INFINITY };
    episode.words = (snapshot.words ?? null) as WatcherText | null;
    episode.conversations = new ConversationIds(snapshot.conversations, snapshot.conversationsAsked);
    return episode;
  }
}

/** JSON has no ∞. */
function finiteOrNull(value: number): number | null {
  return Number.isFinite(value) ? value : null;
}

function portsOf(base64: string): number[] {
  const bitmap = Buffer.from(base64, 'base64');
  return Array.from({ length: bitmap.length * 8 }, (_, port) => port).filter(
    (port) => (bitmap[port >>> 3]! & (1 << (port & 7))) !== 0,
  );
}
