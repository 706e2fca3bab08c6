/**
 * Detection over whole captures in one process, without Kafka: what `nta analyze` puts behind the decoder. The alerts
 * are those that workers make of the same captures.
 */
import type { AlertDocument } from '../schemas/alerts/alert.js';
import type { ConversationBlock, ReceivedBlock } from '../schemas/conversations/conversation-block.js';
import type { Observation } from '../schemas/observations/observation.js';
import { ObservationBudget } from '../schemas/observations/observation-budget.js';
import { unaskedObservations } from '../schemas/observations/unasked.js';
import type { PacketBlock } from '../schemas/packets/packet-block.js';
import type { DetectionRules } from './contract/rule.js';
import { DetectionEngine } from './engine/detection-engine.js';
import { DEFAULT_ENGINE_LIMITS, type EngineLimits, type EngineStatistics } from './engine/engine.js';
import { defaultRules } from './rules/default-rules.js';

export class Analysis {
  private readonly engine: DetectionEngine;
  private readonly budget = new ObservationBudget();
  /** How far each timeline has come, and the capture nodes seen on it. */
  private readonly ends = new Map<string, { newest: number; readonly captureNodes: Set<string> }>();

  constructor(rules: DetectionRules = defaultRules(), limits: Partial<EngineLimits> = {}) {
    this.engine = new DetectionEngine(rules, { ...DEFAULT_ENGINE_LIMITS, ...limits });
  }

  /**
   * Takes in the rows of a block in the order they were captured and gives the alerts that came of them. A timeline's
   * blocks must come in order, with what was said of conversations and received up to their end, which lets quiet episodes close and idle state go while a long capture is read.
   */
  process(
    block: PacketBlock,
    conversations: ConversationBlock | null = null,
    received: ReceivedBlock | null = null,
    observations: readonly Observation[] | null = null,
  ): readonly AlertDocument[] {
    const observed = observations === null ? null : [...observations, ...this.unasked(block, received)];
    this.engine.process(block, 0, block.count, conversations, received, observed);
    this.advance(block);
    return this.engine.takeAlerts();
  }

  /** What records of a fleet carry to the senders and networks concerned. */
  private unasked(block: PacketBlock, received: ReceivedBlock | null): Observation[] {
    const said: Observation[] = [];
    if (received === null) return said;
    for (let row = 0; row < received.count; row++) {
      if (received.unasked[row] === 0) continue;
      const origin = block.originIndex(received.origins[received.origin[row]!]!);
      said.push(...unaskedObservations(received, row, origin, this.budget));
    }
    return said;
  }

  /** Ends a timeline: nothing more comes of this capture. */
  endTimeline(timeline: string): readonly AlertDocument[] {
    this.engine.endTimeline(timeline, this.ends.get(timeline)?.newest ?? 0);
    this.ends.delete(timeline);
    return this.engine.takeAlerts();
  }

  /** Ends every timeline that is still open. */
  finish(): readonly AlertDocument[] {
    return [...this.ends.keys()].flatMap((timeline) => this.endTimeline(timeline));
  }

  get statistics(): EngineStatistics {
    return this.engine.statistics;
  }

  private advance(block: PacketBlock): void {
    const touched = new Set<string>();
    let row = 0;
    while (row < block.count) {
      const originIndex = block.origin[row]!;
      const { timeline, captureNode } = block.origins[originIndex]!;
      let end = this.ends.get(timeline);
      if (end === undefined) {
        end = { newest: Number.NEGATIVE_INFINITY, captureNodes: new Set() };
        this.ends.set(timeline, end);
      }
      end.captureNodes.add(captureNode);
      touched.add(timeline);
      let newest = end.newest;
      for (; row < block.count && block.origin[row] === originIndex; row++) {
        const time = block.timestamp[row]!;
        if (time > newest) newest = time;
      }
      end.newest = newest;
    }
    for (const timeline of touched) {
      const { newest, captureNodes } = this.ends.get(timeline)!;
      for (const captureNode of captureNodes) this.engine.tick(timeline, captureNode, newest);
    }
  }
}
