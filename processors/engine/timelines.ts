/**
 * Timelines, and how far each has come, by capture node. A timeline is named `group/run` or only `group`. What is seen in
 * the runs of a group counts together, as what is seen by the nodes of live traffic does; live traffic is the group ''
 * with one run. How far time has come is each run's own business.
 *
 * Its clocks decide when an episode has been quiet for long enough and when an idle source may be forgotten; windows and
 * lateness are judged by the source's own clock instead.
 *
 * Each capture node has its own clock here, because the clocks of a fleet differ and a node that spools lags behind: one
 * node's hour ahead must not close what another still sees going on. Packets of a replay do not move its clock, only its
 * ticks do: a replay publishes source by source, far ahead of its other sources.
 */

/** When a node has been silent while the rest of the timeline moved on by this, its clock moves with the rest. µs. */
const NODE_SILENCE_MICROS = 300e6;

interface NodeClock {
  newest: number;
  /** What its times have to be moved by to compare with those of other nodes; it joined where they were. */
  readonly offset: number;
  /** How far the timeline had moved on when this node was last heard. */
  heardAt: number;
}

const NONE = -1;

/** An address space within a group: keys of different sites never meet. Its small number is given out again when the group has ended. */
export interface Scope {
  readonly group: TimelineGroup;
  readonly site: string;
  readonly index: number;
}

/** Sites told apart; beyond, they share the last. */
const SITES_MAX = 4096;

/** What state is kept for. */
export class TimelineGroup {
  readonly timelines = new Set<Timeline>();
  /** The only one of them; null where there are several. */
  private only: Timeline | null = null;
  readonly scopes = new Map<string, Scope>();

  constructor(readonly name: string) {}

  /** How far every node of every run had come when each run was last looked at. */
  get slowestClock(): number {
    if (this.only !== null) return this.only.slowestClock; // asked for each new key
    let slowest = Number.POSITIVE_INFINITY;
    for (const timeline of this.timelines) slowest = Math.min(slowest, timeline.slowestClock);
    return slowest;
  }

  add(timeline: Timeline): void {
    this.timelines.add(timeline);
    this.findOnly();
  }

  delete(timeline: Timeline): void {
    this.timelines.delete(timeline);
    this.findOnly();
  }

  private findOnly(): void {
    const [first = null] = this.timelines;
    this.only = this.timelines.size === 1 ? first : null;
  }
}

/** The group of a timeline's name. A name that begins with a slash is a group by itself, never live traffic. */
export function groupOfTimeline(name: string): string {
  const slash = name.indexOf('/');
  return slash > 0 ? name.slice(0, slash) : name;
}

export class Timeline {
  /** The newest time of any node, µs. */
  newest = Number.NEGATIVE_INFINITY;
  /** How far time has moved on, whatever the nodes' clocks say, µs; only differences mean something. */
  progress = Number.NEGATIVE_INFINITY;
  /** `progress` when quiet episodes were last looked for. */
  sweptAt = Number.NEGATIVE_INFINITY;
  /** How far every node had come by then. */
  slowestClock = Number.NEGATIVE_INFINITY;
  /** The node whose capture it is; a run has one. */
  captureNode = NONE;
  private readonly nodes = new Map<number, NodeClock>();

  constructor(
    readonly name: string,
    readonly group: TimelineGroup,
    /** Tells it from all others, ended ones too; never 0. */
    readonly serial: number,
  ) {}

  get live(): boolean {
    return this.name === '';
  }

  advance(node: number, time: number): void {
    if (time > this.newest) this.newest = time;
    let clock = this.nodes.get(node);
    if (clock === undefined) {
      if (this.nodes.size === 0) this.progress = time;
      clock = { newest: time, offset: this.progress - time, heardAt: this.progress };
      this.nodes.set(node, clock);
    }
    if (time > clock.newest) clock.newest = time;
    this.progress = Math.max(this.progress, clock.newest + clock.offset);
    clock.heardAt = this.progress;
  }

  /** How far a node has come; −∞ for one that has given no time yet. */
  clockOf(node: number): number {
    const clock = this.nodes.get(node);
    if (clock === undefined) return Number.NEGATIVE_INFINITY;
    return clock.newest + Math.max(0, this.progress - clock.heardAt - NODE_SILENCE_MICROS);
  }

  /** How far every node has come. */
  findSlowestClock(): number {
    let slowest = Number.POSITIVE_INFINITY;
    for (const node of this.nodes.keys()) slowest = Math.min(slowest, this.clockOf(node));
    return this.nodes.size === 0 ? Number.NEGATIVE_INFINITY : slowest;
  }
}

export class Timelines {
  private readonly byName = new Map<string, Timeline>();
  private readonly bySerial = new Map<number, Timeline>();
  private readonly groups = new Map<string, TimelineGroup>();
  private lastScope: Scope | null = null;
  private readonly scopeByIndex: (Scope | undefined)[] = [];
  private serials = 0;
  /** Timelines that have gone: what was found before may be of one of them. */
  deletions = 0;

  of(name: string): Timeline {
    const known = this.byName.get(name);
    if (known !== undefined) return known;
    const group = this.groupOf(groupOfTimeline(name));
    const timeline = new Timeline(name, group, ++this.serials);
    group.add(timeline);
    this.byName.set(name, timeline);
    this.bySerial.set(timeline.serial, timeline);
    return timeline;
  }

  find(name: string): Timeline | undefined {
    return this.byName.get(name);
  }

  withSerial(serial: number): Timeline | undefined {
    return this.bySerial.get(serial);
  }

  scopeAt(index: number): Scope {
    return this.scopeByIndex[index]!;
  }

  scopeOf(group: TimelineGroup, site: string): Scope {
    // asked for each run of packets, mostly with the same answer
    const last = this.lastScope;
    if (last !== null && last.group === group && last.site === site) return last;
    const known = group.scopes.get(site);
    if (known !== undefined) {
      this.lastScope = known;
      return known;
    }
    if (group.scopes.size >= SITES_MAX) return [...group.scopes.values()].at(-1)!;
    let index = this.scopeByIndex.indexOf(undefined);
    if (index < 0) index = this.scopeByIndex.length;
    const scope: Scope = { group, site, index };
    group.scopes.set(site, scope);
    this.scopeByIndex[index] = scope;
    return scope;
  }

  /** The group goes with its last timeline. */
  delete(timeline: Timeline): void {
    const { group } = timeline;
    this.deletions++;
    this.byName.delete(timeline.name);
    this.bySerial.delete(timeline.serial);
    group.delete(timeline);
    if (group.timelines.size > 0) return;
    this.groups.delete(group.name);
    this.lastScope = null;
    for (const { index } of group.scopes.values()) this.scopeByIndex[index] = undefined;
  }

  get size(): number {
    return this.byName.size;
  }

  /** The one that began first, other than live traffic, when there are too many replays at once. */
  get oldestReplay(): Timeline | undefined {
    for (const timeline of this.byName.values()) {
      if (!timeline.live) return timeline;
    }
    return undefined;
  }

  private groupOf(name: string): TimelineGroup {
    const known = this.groups.get(name);
    if (known !== undefined) return known;
    const group = new TimelineGroup(name);
    this.groups.set(name, group);
    return group;
  }
}
