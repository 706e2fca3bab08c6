/** From the packet on the wire to its alert on the topic while others flood the same wire. */
import { latencyFigures, latencyOf, onWire, sendScans } from '../alerts-on-wire.js';
import type { Bench, BenchContext } from '../bench.js';
import type { Figure } from '../figure.js';
import { type InputName, provideInput } from '../inputs.js';
import { describeStages } from '../latency-stages.js';
import { FULL_SPEED, requireWire } from '../wire.js';

const PACKETS_PER_SECOND = 1_000;

/** A million a minute, the rate that the memory of a worker is measured with. */
const SPOOFED_PER_SECOND = Math.round(1_000_000 / 60);

interface FloodCase {
  readonly name: string;
  readonly input: InputName;
  readonly packets: number;
  readonly packetsPerSecond: number;
  readonly loops: number;
  readonly summary: string;
}

const FLOODS: readonly FloodCase[] = [
  {
    name: 'latency-flood',
    input: 'syn-flood',
    packets: 500_000,
    packetsPerSecond: FULL_SPEED,
    loops: 8,
    summary: 'SYNs of one source as fast as tcpreplay sends them, which has a core for itself meanwhile',
  },
  {
    name: 'latency-spoofed-flood',
    input: 'spoofed',
    packets: 15 * SPOOFED_PER_SECOND,
    packetsPerSecond: SPOOFED_PER_SECOND,
    loops: 1, // again, they would be the same addresses
    summary: 'SYNs from random addresses, a million a minute',
  },
];

export const latencyFlood: Bench = {
  name: 'latency-flood',
  summary: 'packet on the wire to alert on the topic while another source floods the wire with SYNs',
  needsServers: true,
  async run(context) {
    requireWire();
    const figures: Figure[] = [];
    for (const flood of context.scale.quick ? FLOODS.slice(1) : FLOODS)
      figures.push(...(await measure(context, flood)));
    return figures;
  },
};

function measure(
  context: BenchContext,
  { name, input, packets, packetsPerSecond, loops, summary }: FloodCase,
): Promise<Figure[]> {
  const flood = { input: provideInput(context, input, packets), packetsPerSecond, loops };
  return onWire(context, {}, async (pipeline, wire) => {
    const { early, warm, scans, traffic } = await sendScans(context, pipeline, wire, {
      packetsPerSecond: PACKETS_PER_SECOND,
      flood,
    });
    const stages = await describeStages(pipeline.kafka, pipeline.topic, warm);
    context.say(`${name}: ${traffic}; ${stages}`);
    const note = `As latency, for the port scans of other sources during a flood: ${summary}. ${traffic}. p50 / p99: ${stages}.`;
    return [
      ...latencyFigures(
        name,
        warm.map((alert) => latencyOf(alert, alert.readAt)),
        note,
      ),
      {
        name: `${name}-scans-found`,
        value: ((early.length + warm.length) * 100) / scans,
        unit: '%',
        better: 'higher',
        note: `Scans during that flood that raised an alert; one probe more than the threshold each, so that two lost in the kernel hide one. ${note}`,
      },
    ];
  });
}
