/**
 * From where the input has to be read again so that windows come out as they were.
 *
 * Windows are not logged. What they hold at the committed offset comes from packets at most `span` older than the clock
 * of the capture node that saw them (the longest window and the allowed lateness). At intervals this keeps a checkpoint:
 * an offset and the clock of every capture node there. Packets before a checkpoint are not newer than its clocks, so the
 * newest checkpoint whose clocks all lie a span behind the present ones is where to begin. Clocks are kept per node, not
 * per timeline, because a node that empties its spool after an outage may be hours behind the others.
 *
 * Kafka's timestamps of records say nothing about event time (last year's capture is replayed today). They decide one
 * thing only: when a node from which nothing comes any more is given up, which would otherwise pin the checkpoint. They
 * are part of the log, so they decide it the same way every time.
 */

/** A capture node is given up when others had records for so long and it had none, ms. Living nodes send ticks. */
export const CAPTURE_NODE_IDLE_MS = 5 * 60_000;

/** Checkpoints a span: a recovery reads up to 1/8 of a span more than needed. */
const CHECKPOINTS_PER_SPAN = 8;
const CHECKPOINTS_MAX = 64;

interface NodeClock {
  readonly timeline: string;
  readonly captureNode: string;
  /** Highest capture time seen, µs. */
  clock: number;
  /** `clock` at the newest checkpoint. */
  checkpointClock: number;
  /** Kafka's timestamp of its newest record, ms. */
  lastRecord: number;
}

interface Checkpoint {
  /** The record to begin with. */
  readonly offset: number;
  readonly clocks: readonly (readonly [node: NodeClock, clock: number])[];
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
    this.checkpoints = [{ offset, clocks: [] }];
  }

  /** A longer span holds for what is yet to come: older checkpoints may be gone. */
  setSpan(spanMicros: number): void {
    this.spanMicros = spanMicros;
  }

  /**
   * Takes note of a record before it is processed.
   *
   * @returns timelines of replays to end first, because nothing came on them any more.
   */
  observe(
    offset: number,
    timeline: string,
    captureNode: string,
    clockMicros: number,
    recordMs: number,
  ): readonly string[] {
    let nodes = this.timelines.get(timeline);
    if (nodes === undefined) {
      nodes = new Map();
      this.timelines.set(timeline, nodes);
    }
    const node = nodes.get(captureNode);
    if (node === undefined) {
      nodes.set(captureNode, {
        timeline,
        captureNode,
        clock: clockMicros,
        checkpointClock: clockMicros,
        lastRecord: recordMs,
      });
      this.nextIdleCheck = Math.min(this.nextIdleCheck, recordMs + CAPTURE_NODE_IDLE_MS);
    } else {
      if (clockMicros - node.checkpointClock > this.spanMicros / CHECKPOINTS_PER_SPAN) this.checkpoint(offset);
      if (clockMicros > node.clock) node.clock = clockMicros;
      if (recordMs > node.lastRecord) node.lastRecord = recordMs;
    }
    return recordMs > this.nextIdleCheck ? this.forgetIdle(recordMs) : [];
  }

  /** Forgets a timeline that has ended. */
  end(timeline: string): void {
    this.timelines.delete(timeline);
  }

  /** The offset where a recovery would have to begin; older checkpoints are dropped. */
  replayFrom(): number {
    let index = this.checkpoints.length - 1;
    while (index > 0 && !this.isCovered(this.checkpoints[index]!)) index--;
    if (index > 0) this.checkpoints.splice(0, index);
    return this.checkpoints[0]!.offset;
  }

  private isCovered(checkpoint: Checkpoint): boolean {
    return checkpoint.clocks.every(
      ([node, clock]) =>
        clock < node.clock - this.spanMicros || this.timelines.get(node.timeline)?.get(node.captureNode) !== node,
    );
  }

  private checkpoint(offset: number): void {
    const clocks: [NodeClock, number][] = [];
    for (const nodes of this.timelines.values()) {
      for (const node of nodes.values()) {
        node.checkpointClock = node.clock;
        clocks.push([node, node.clock]);
      }
    }
    this.checkpoints.push({ offset, clocks });
    // A node that lags far behind keeps an old checkpoint in use; fewer between it and the newest cost only precision.
    if (this.checkpoints.length > CHECKPOINTS_MAX) {
      this.checkpoints = this.checkpoints.filter((_, index, all) => index % 2 === 0 || index === all.length - 1);
    }
  }

  private forgetIdle(recordMs: number): string[] {
    const ended: string[] = [];
    this.nextIdleCheck = Number.POSITIVE_INFINITY;
    for (const [timeline, nodes] of this.timelines) {
      for (const [captureNode, { lastRecord }] of nodes) {
        if (recordMs - lastRecord > CAPTURE_NODE_IDLE_MS) nodes.delete(captureNode);
        else this.nextIdleCheck = Math.min(this.nextIdleCheck, lastRecord + CAPTURE_NODE_IDLE_MS);
      }
      if (nodes.size > 0) continue;
      this.timelines.delete(timeline);
      // Live traffic has no end; a replay that stopped without saying so (its process was killed) has come to its own.
      if (timeline !== '') ended.push(timeline);
    }
    return ended;
  }
}
