/** From the packet on the wire (the kernel's timestamp) to its alert, readable on the topic. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { CaptureBalance } from '../../../producers/balance.js';
import type { AlertDocument } from '../../../schemas/alert.js';
import { topicName } from '../../../schemas/topics.js';
import { createCaptureWire } from '../../support/capture-wire.js';
import type { Bench, BenchContext } from '../bench.js';
import type { Figure } from '../figure.js';
import { describeStages, type OpenedAlert } from '../latency-stages.js';
import { Pipeline } from '../pipeline.js';
import { provideScans } from '../scan-input.js';
import { quantile } from '../statistics.js';
import { requireWire } from '../wire.js';

const RATES = [1_000, 10_000, 50_000] as const;
/** Sources that scan a second, so many alerts. */
const SCANS_PER_SECOND = 10;
const SECONDS_MAX = 20;
const SETTLE_MS = 3_000;
/** Traffic that goes first and is told apart: Node and the broker's JVM still compile what they run. */
const WARM_UP_SECONDS = 5;

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

async function measure(context: BenchContext, packetsPerSecond: number): Promise<Figure[]> {
  const { scale, say } = context;
  const seconds = Math.min(scale.seconds, SECONDS_MAX);
  const input = provideScans(context, packetsPerSecond, WARM_UP_SECONDS + seconds, SCANS_PER_SECOND);
  const wire = createCaptureWire();
  const pipeline = await Pipeline.create(context);
  const consumer = pipeline.kafka.consumer({ groupId: `${pipeline.prefix}latency`, maxWaitTimeInMs: 5 });
  try {
    await pipeline.start(['process']);
    const capture = await pipeline.start(['capture', `--interface=${wire.interface}`, '--spool-dir=']);
    const opened: OpenedAlert[] = [];
    await consumer.connect();
    await consumer.subscribe({ topic: topicName('alerts', pipeline.prefix), fromBeginning: true });
    await consumer.run({
      eachMessage: async ({ message }) => {
        const now = performance.timeOrigin + performance.now();
        const alert = JSON.parse(String(message.value)) as AlertDocument;
        if (alert.event.action !== 'open') return;
        const { crossed } = alert.nta.alert;
        opened.push({ source: alert.source.address, crossed, sentAt: Number(message.timestamp), readAt: now });
      },
    });
    await sleep(SETTLE_MS); // the workers have their partitions, the consumer its own
    const startedAt = performance.now();
    const warmAt = Date.now() + WARM_UP_SECONDS * 1000;
    await wire.replay(input.path, { packetsPerSecond });
    const sent = (input.packets * 1000) / (performance.now() - startedAt);
    await sleep(SETTLE_MS);
    await capture.stop();
    const { seen, published, dropped } = capture.result as CaptureBalance;
    const latencyOf = ({ crossed, readAt }: OpenedAlert): number => readAt - Date.parse(crossed);
    const [early, warm] = partition(opened, ({ crossed }) => Date.parse(crossed) < warmAt);
    if (early.length === 0 || warm.length === 0) throw new Error('no alert came');
    const latencies = warm.map(latencyOf);
    const first = early.map(latencyOf);
    const values = [quantile(latencies, 0.5), quantile(latencies, 0.99), Math.max(...latencies)] as const;
    const stages = await describeStages(pipeline.kafka, pipeline.topic, warm);
    const firstSeconds = `first ${WARM_UP_SECONDS} s after the start ${Math.round(quantile(first, 0.5))} / ${Math.round(quantile(first, 0.99))} ms`;
    say(
      `${packetsPerSecond}/s: ${opened.length} of ${input.scans} alerts; sent ${Math.round(sent)}/s; ${stages}; ${firstSeconds}`,
    );
    const note = `Kernel timestamp of the packet that crosses the threshold to the alert in the hands of a consumer that reads committed records, default settings. ${opened.length} alerts of ${input.scans} scans, ${Math.round(sent).toLocaleString('en-US')} packets/s sent by tcpreplay over a veth pair for ${WARM_UP_SECONDS} s that do not count and ${seconds} s that do; seen ${seen}, published ${published}, dropped by the kernel ${dropped.kernel_dropped}. p50 / p99: ${stages}; ${firstSeconds}.`;
    const unit = { unit: 'ms', better: 'lower' } as const;
    return [
      { name: `latency-${packetsPerSecond}-p50`, value: values[0], ...unit, note },
      {
        name: `latency-${packetsPerSecond}-p99`,
        value: values[1],
        ...unit,
        ...(packetsPerSecond === 50_000 ? { target: 500 } : {}),
        note,
      },
      { name: `latency-${packetsPerSecond}-max`, value: values[2], ...unit, note },
    ];
  } finally {
    await consumer.disconnect().catch(() => undefined);
    await pipeline.remove();
    wire.remove();
  }
}

function partition<T>(items: readonly T[], first: (item: T) => boolean): [T[], T[]] {
  return [items.filter(first), items.filter((item) => !first(item))];
}
