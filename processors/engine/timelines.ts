/**
 * How far each timeline has come, by capture node. It decides when an episode has been quiet for long enough and when
 * an idle source may be forgotten; windows and lateness are judged by the source's own clock instead.
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

export class Timeline {
  /** The newest time of any node, µs. */
  newest = Number.NEGATIVE_INFINITY;
  /** How far time has moved on, whatever the nodes' clocks say, µs; only differences mean something. */
  progress = Number.NEGATIVE_INFINITY;
  /** `progress` when quiet episodes were last looked for. */
  sweptAt = Number.NEGATIVE_INFINITY;
  /** How far every node had come by then. */
  slowestClock = Number.NEGATIVE_INFINITY;
  private readonly nodes = new Map<number, NodeClock>();

  constructor(
    readonly name: string,
    readonly index: number,
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

/** Timelines under small numbers that are given out again when a timeline has ended. */
export class Timelines {
  private readonly byName = new Map<string, Timeline>();
  private readonly byIndex: (Timeline | undefined)[] = [];

  of(name: string): Timeline {
    const known = this.byName.get(name);
    if (known !== undefined) return known;
    let index = this.byIndex.indexOf(undefined);
    if (index < 0) index = this.byIndex.length;
    const timeline = new Timeline(name, index);
    this.byName.set(name, timeline);
    this.byIndex[index] = timeline;
    return timeline;
  }

  find(name: string): Timeline | undefined {
    return this.byName.get(name);
  }

  at(index: number): Timeline {
    return this.byIndex[index]!;
  }

  delete(timeline: Timeline): void {
    this.byName.delete(timeline.name);
    this.byIndex[timeline.index] = undefined;
  }

  get size(): number {
    return this.byName.size;
  }

  /** The one that has come least far, other than live traffic, when there are too many replays at once. */
  get oldestReplay(): Timeline | undefined {
    for (const timeline of this.byName.values()) {
      if (!timeline.live) return timeline;
    }
    return undefined;
  }
}
