/**
 * Capture nodes whose clocks are ahead. No packet is captured after Kafka has taken its record, so Kafka's clock (the topic
 * `packets` has log append time) bounds what a packet of live traffic may say: what is ahead of it counts as of then. It
 * would otherwise move its source's clock, and everything that follows would be late. A replay has only its own times, and
 * the engine judges those.
 */
import type { Logger } from '../../runtime/process/log.js';
import type { ProcessMetrics } from './process-metrics.js';

/** How far ahead of Kafka's clock packets are left as they are: clocks of a fleet agree to less. Below the default allowed lateness, so that what other nodes see of the same source is not late. µs. */
export const AHEAD_TOLERANCE_MICROS = 2e6;

/** Without packets ahead for so long, a node's clock counts as set again, ms. */
const CALM_MS = 60_000;
/** Nodes told apart. */
const NODES_MAX = 1_000;

interface NodeSkew {
  at: number;
  seconds: number;
}

export class ClockSkew {
  /** When packets of each node were last ahead, and by how much. */
  private readonly ahead = new Map<string, NodeSkew>();

  constructor(
    private readonly log: Logger,
    private readonly metrics: ProcessMetrics,
  ) {}

  note(captureNode: string, packets: number, aheadMicros: number): void {
    this.metrics.aheadPackets.inc(packets);
    const now = performance.now();
    const seconds = Math.round(aheadMicros / 1e6);
    const known = this.ahead.get(captureNode);
    if (known === undefined || now - known.at > CALM_MS) {
      this.log.error(
        { capture_node: captureNode, seconds },
        `${describe(captureNode, seconds)}: its packets count as of when Kafka took them; set the clock of the node, or of the brokers (NTP)`,
      );
    }
    if (known === undefined && this.ahead.size >= NODES_MAX) this.ahead.delete(this.ahead.keys().next().value!);
    this.ahead.set(captureNode, { at: now, seconds });
  }

  /** The nodes whose clocks are ahead, or null when none is. */
  readiness(): string | null {
    const now = performance.now();
    const nodes = [...this.ahead].filter(([, { at }]) => now - at <= CALM_MS);
    if (nodes.length === 0) return null;
    return nodes.map(([captureNode, { seconds }]) => describe(captureNode, seconds)).join('; ');
  }
}

function describe(captureNode: string, seconds: number): string {
  return `the clock of capture node ${captureNode} is ${seconds} s ahead of Kafka’s`;
}
