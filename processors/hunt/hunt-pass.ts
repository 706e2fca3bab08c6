/** The engine over stored conversations of one site and timeline, in the order of their ends: pure, as in a worker. */
import type { AlertDocument } from '../../schemas/alerts/alert.js';
import type { ConversationBlock } from '../../schemas/conversations/conversation-block.js';
import { PacketBlock } from '../../schemas/packets/packet-block.js';
import type { AlertExceptions } from '../contract/alert-exceptions.js';
import type { DetectionRules } from '../contract/rule.js';
import { DetectionEngine } from '../engine/detection-engine.js';
import type { EngineLimits } from '../engine/engine.js';

/** Event time after which quiet episodes are looked for, µs. */
const TICK_MICROS = 60e6;

export class HuntPass {
  private readonly engine: DetectionEngine;
  private readonly noPackets = new PacketBlock(0);
  private ticked = Number.NEGATIVE_INFINITY;
  private newest = Number.NEGATIVE_INFINITY;
  private readonly alerts: AlertDocument[] = [];

  constructor(
    rules: DetectionRules,
    limits: EngineLimits,
    private readonly timeline: string,
    private readonly captureNodes: readonly string[],
    exceptions: AlertExceptions,
  ) {
    this.engine = new DetectionEngine(rules, limits);
    this.engine.setExceptions(exceptions);
  }

  /** Takes in a block of one row, so that all hosts are in one order. */
  take(block: ConversationBlock): void {
    const time = block.time[0]!;
    if (time - this.ticked >= TICK_MICROS) this.tick(time);
    this.engine.process(this.noPackets, 0, 0, block);
    if (time > this.newest) this.newest = time;
  }

  /** @param end of what was looked through, µs; null when the timeline itself has ended, as a replay does */
  finish(end: number | null): readonly AlertDocument[] {
    if (end === null) this.engine.endTimeline(this.timeline, this.newest);
    else this.tick(Math.max(end, this.newest));
    this.collect();
    return this.alerts;
  }

  private tick(time: number): void {
    this.ticked = time;
    for (const node of this.captureNodes) this.engine.tick(this.timeline, node, time);
    this.collect();
  }

  private collect(): void {
    this.alerts.push(...this.engine.takeAlerts());
  }
}
