/**
 * From where the input has to be read again so that windows come out as they were.
 *
 * Windows are not logged. What they may still have to hold at the committed offset is packets at most `span` (the longest
 * window and the allowed lateness) older than those still to come. At intervals this keeps a checkpoint: an offset and,
 * for every capture node, its newest packet before that offset. The newest checkpoint whose packets all lie a span behind
 * what is still to come is where to begin. What is still to come from a node that captures live is not older than what
 * it sent (but for the allowed lateness); a replay publishes source by source, so there only its ticks tell. Each live
 * node counts for itself, because one that empties its spool after an outage may be hours behind the others. The runs of
 * a replayed group join: what one of them left matters until no other can come so far back, even after its own end.
 *
 * Kafka's timestamps of records say nothing about event time (last year's capture is replayed today). They decide one
 * thing only: when a node from which nothing comes any more is given up, which would otherwise pin the checkpoint. They
 * are part of the log, so they decide it the same way every time.
 */

import { groupOfTimeline } from '../engine/timelines.js';

/** A capture node is given up when others had records for so long and it had none, ms. Living nodes send ticks. */
export const CAPTURE_NODE_IDLE_MS = 5 * 60_000;

/** Checkpoints a span: a recovery reads up to 1/8 of a span more than needed. */
const CHECKPOINTS_PER_SPAN = 8;
const CHECKPOINTS_MAX = 64;

/** The timeline of live traffic; replays have names. */
const LIVE = '';

interface NodeClock {
  readonly timeline: string;
  readonly group: string;
  readonly captureNode: string;
  /** Its newest packet, µs; −∞ while there was none. */
  newest: number;
  /** No packet older than this is still to come, but for lateness, µs; −∞ while nothing is known. */
  watermark: number;
  /** `newest` at the last checkpoint. */
  checkpointed: number;
  /** Kafka's timestamp of its newest record, ms. */
  lastRecord: number;
}

export interface EndedTimeline {
  readonly timeline: string;
  /** How far it came, µs. */
  readonly newest: number;
}

interface Checkpoint {
  /** The record to begin with. */
  readonly offset: number;
  readonly nodes: readonly (readonly [node: NodeClock, newest: number])[];
}

export class ReplayPosition {
  /** By timeline, then by capture node. */
  private readonly timelines = new Map<string, Map<string, NodeClock>>();
  private checkpoints: Checkpoint[];
  private nextIdleCheck = Number.POSITIVE_INFINITY;

  /**
   * @param offset where reading begins, rebuilding included.
   * @param spanMicros how far back packets still matter.
   */
  constructor(
    offset: number,
    private spanMicros: number,
  ) {
    this.checkpoints = [{ offset, nodes: [] }];
  }

  /** A longer span holds for what is yet to come: older checkpoints may be gone. */
  setSpan(spanMicros: number): void {
    this.spanMicros = spanMicros;
  }

  /**
   * Takes note of a record before it is processed.
   *
   * @param newest the newest packet of the record, or its clock when it is a tick, µs.
   * @param recordMs Kafka's timestamp of the record.
   * @returns replays to end first, because nothing came of them any more.
   */
  observe(
    offset: number,
    timeline: string,
    captureNode: string,
    newest: number,
    isTick: boolean,
    recordMs: number,
  ): readonly EndedTimeline[] {
    const node = this.nodeOf(timeline, captureNode, recordMs);
    if (!isTick && newest > node.newest) {
      if (newest - node.checkpointed > this.spanMicros / CHECKPOINTS_PER_SPAN) this.checkpoint(offset);
      node.newest = newest;
    }
    if ((isTick || timeline === LIVE) && newest > node.watermark) node.watermark = newest;
    if (recordMs > node.lastRecord) node.lastRecord = recordMs;
    return recordMs > this.nextIdleCheck ? this.forgetIdle(recordMs) : [];
  }

  private nodeOf(timeline: string, captureNode: string, recordMs: number): NodeClock {
    let nodes = this.timelines.get(timeline);
    if (nodes === undefined) {
      nodes = new Map();
      this.timelines.set(timeline, nodes);
    }
    let node = nodes.get(captureNode);
    if (node === undefined) {
      const never = Number.NEGATIVE_INFINITY;
      const clock = { newest: never, watermark: never, checkpointed: never, lastRecord: recordMs };
      node = { timeline, group: groupOfTimeline(timeline), captureNode, ...clock };
      nodes.set(captureNode, node);
      this.nextIdleCheck = Math.min(this.nextIdleCheck, recordMs + CAPTURE_NODE_IDLE_MS);
    }
    return node;
  }

  /** Forgets a timeline that has ended. */
  end(timeline: string): void {
    this.timelines.delete(timeline);
  }

  /** The offset where a recovery would have to begin; older checkpoints are dropped. */
  replayFrom(): number {
    const watermarks = this.groupWatermarks();
    let index = this.checkpoints.length - 1;
    while (index > 0 && !this.isCovered(this.checkpoints[index]!, watermarks)) index--;
    if (index > 0) this.checkpoints.splice(0, index);
    return this.checkpoints[0]!.offset;
  }

  private isCovered(checkpoint: Checkpoint, watermarks: ReadonlyMap<string, number>): boolean {
    return checkpoint.nodes.every(([node, newest]) => {
      if (node.timeline !== LIVE)
        return newest < (watermarks.get(node.group) ?? Number.POSITIVE_INFINITY) - this.spanMicros;
      return newest < node.watermark - this.spanMicros || this.timelines.get(LIVE)?.get(node.captureNode) !== node;
    });
  }

  /** How far all that still comes of each replayed group has come, µs; nothing comes any more of those that are absent. */
  private groupWatermarks(): Map<string, number> {
    const watermarks = new Map<string, number>();
    for (const [timeline, nodes] of this.timelines) {
      if (timeline === LIVE) continue;
      for (const { group, watermark } of nodes.values()) {
        watermarks.set(group, Math.min(watermark, watermarks.get(group) ?? Number.POSITIVE_INFINITY));
      }
    }
    return watermarks;
  }

  private checkpoint(offset: number): void {
    const nodes: [NodeClock, number][] = [];
    for (const ofTimeline of this.timelines.values()) {
      for (const node of ofTimeline.values()) {
        node.checkpointed = node.newest;
        if (node.newest > Number.NEGATIVE_INFINITY) nodes.push([node, node.newest]);
      }
    }
    this.checkpoints.push({ offset, nodes });
    // A node that lags far behind keeps an old checkpoint in use; fewer between it and the newest cost only precision.
    if (this.checkpoints.length > CHECKPOINTS_MAX) {
      this.checkpoints = this.checkpoints.filter((_, index, all) => index % 2 === 0 || index === all.length - 1);
    }
  }

  private forgetIdle(recordMs: number): EndedTimeline[] {
    const ended: EndedTimeline[] = [];
    this.nextIdleCheck = Number.POSITIVE_INFINITY;
    for (const [timeline, nodes] of this.timelines) {
      let newest = 0;
      for (const [captureNode, node] of nodes) {
        newest = Math.max(newest, node.newest, node.watermark);
        if (recordMs - node.lastRecord > CAPTURE_NODE_IDLE_MS) nodes.delete(captureNode);
        else this.nextIdleCheck = Math.min(this.nextIdleCheck, node.lastRecord + CAPTURE_NODE_IDLE_MS);
      }
      if (nodes.size > 0) continue;
      this.timelines.delete(timeline);
      // Live traffic has no end; a replay that stopped without saying so (its process was killed) has come to its own.
      if (timeline !== LIVE) ended.push({ timeline, newest });
    }
    return ended;
  }
}
