/** From the packet on the wire (the kernel's timestamp) to its alert, readable on the topic. */
import { latencyFigures, latencyOf, onWire, sendScans, WARM_UP_SECONDS } from '../alerts-on-wire.js';
import type { Bench, BenchContext } from '../bench.js';
import type { Figure } from '../figure.js';
import { describeStages } from '../latency-stages.js';
import { quantile } from '../statistics.js';
import { requireWire } from '../wire.js';

const RATES = [1_000, 10_000, 50_000] as const;
/** The p99 to reach at the highest of them. */
const TARGET_MS = 500;

export const latency: Bench = {
  name: 'latency',
  summary: 'packet on the wire to alert on the topic, at 1,000, 10,000 and 50,000 packets/s',
  needsServers: true,
  async run(context) {
    requireWire();
    const figures: Figure[] = [];
    for (const rate of context.scale.quick ? RATES.slice(1, 2) : RATES) figures.push(...(await measure(context, rate)));
    return figures;
  },
};

function measure(context: BenchContext, packetsPerSecond: number): Promise<Figure[]> {
  return onWire(context, {}, async (pipeline, wire) => {
    const { early, warm, traffic } = await sendScans(context, pipeline, wire, { packetsPerSecond });
    const stages = await describeStages(pipeline.kafka, pipeline.topic, warm);
    const first = early.map((alert) => latencyOf(alert, alert.readAt));
    if (first.length === 0) throw new Error(`no alert came in the first ${WARM_UP_SECONDS} s: ${traffic}`);
    const firstSeconds = `first ${WARM_UP_SECONDS} s after the start ${Math.round(quantile(first, 0.5))} / ${Math.round(quantile(first, 0.99))} ms`;
    context.say(`${traffic}; ${stages}; ${firstSeconds}`);
    return latencyFigures(
      `latency-${packetsPerSecond}`,
      warm.map((alert) => latencyOf(alert, alert.readAt)),
      `Kernel timestamp of the packet that crosses the threshold to the alert in the hands of a consumer that reads committed records, default settings. ${traffic}. p50 / p99: ${stages}; ${firstSeconds}.`,
      packetsPerSecond === RATES.at(-1) ? TARGET_MS : undefined,
    );
  });
}
