/** From the packet on the wire (the kernel's timestamp) to its alert, readable on the topic. */
import {
  atEachRate,
  latencyFigures,
  latencyOf,
  medianAndTail,
  onWire,
  sendScans,
  WARM_UP_SECONDS,
} from '../alerts-on-wire.js';
import type { Bench, BenchContext } from '../bench.js';
import type { Figure } from '../figure.js';
import { describeStages } from '../latency-stages.js';

export const latency: Bench = {
  name: 'latency',
  summary: 'packet on the wire to alert on the topic, at 1,000, 10,000 and 50,000 packets/s',
  needsServers: true,
  run: (context) => atEachRate(context, (rate, p99Target) => measure(context, rate, p99Target)),
};

function measure(context: BenchContext, packetsPerSecond: number, p99Target: number | undefined): Promise<Figure[]> {
  return onWire(context, {}, async (pipeline, wire) => {
    const { early, warm, traffic } = await sendScans(context, pipeline, wire, { packetsPerSecond });
    const stages = await describeStages(pipeline.kafka, pipeline.topic, warm);
    const first = early.map((alert) => latencyOf(alert, alert.readAt));
    if (first.length === 0) throw new Error(`no alert came in the first ${WARM_UP_SECONDS} s: ${traffic}`);
    const firstSeconds = `first ${WARM_UP_SECONDS} s after the start ${medianAndTail(first)}`;
    context.say(`${traffic}; ${stages}; ${firstSeconds}`);
    return latencyFigures(
      `latency-${packetsPerSecond}`,
      warm.map((alert) => latencyOf(alert, alert.readAt)),
      `Kernel timestamp of the packet that crosses the threshold to the alert in the hands of a consumer that reads committed records, default settings. ${traffic}. p50 / p99: ${stages}; ${firstSeconds}.`,
      p99Target,
    );
  });
}
