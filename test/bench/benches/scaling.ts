/** How detection grows with partitions and workers, and what a packet costs as sources and rows become many. */
import { join } from 'node:path';
import { writeTraffic } from '../../support/traffic.js';
import { smallestFrames } from '../../support/worst-case-traffic.js';
import type { Bench, BenchContext } from '../bench.js';
import type { Figure } from '../figure.js';
import { type Input, provideInput } from '../inputs.js';
import { followStage, Pipeline } from '../pipeline.js';
import { ProcessMeter } from '../process-meter.js';
import { rateOfProgress } from '../statistics.js';

const WORKERS = [1, 2, 4] as const;
const SOURCES = [1_000, 10_000, 100_000, 1_000_000] as const;
/** Sizes of the table, packets; each is reached from the one before. */
const STORED = [1_000_000, 2_000_000] as const;
const STORED_FULL = [5_000_000, 10_000_000, 20_000_000] as const;
const PACKETS_WANTED = 4_000_000;
const PACKETS_OF_SOURCES = 1_000_000;

export const scaling: Bench = {
  name: 'scaling',
  summary:
    'detection with 1, 2 and 4 partitions and workers; its cost with 1,000 to 1,000,000 sources; that of storing a packet with the table',
  needsServers: true,
  async run(context) {
    const figures: Figure[] = [];
    const mix = provideInput(context, 'mix');
    const copies = context.scale.quick ? 1 : Math.max(1, Math.round(PACKETS_WANTED / mix.packets));
    for (const workers of context.scale.quick ? WORKERS.slice(0, 2) : WORKERS) {
      const { rate, packets } = await measure(context, mix, copies, workers);
      figures.push({
        name: `scaling-workers-${workers}`,
        value: rate,
        unit: 'packets/s',
        better: 'higher',
        ...(workers === 1
          ? {}
          : {
              against: {
                name: '1 worker',
                value: figures[0]!.value,
                note: 'the same packets, one partition, one worker.',
              },
            }),
        note: `nta process --workers ${workers} on ${workers} partition(s), ${packets.toLocaleString('en-US')} packets. The broker and all workers share the cores of this machine. ${mix.summary}.`,
      });
    }
    for (const sources of context.scale.quick ? SOURCES.slice(0, 1) : SOURCES) {
      const measured = await measure(context, inputOfSources(context, sources), 1, 4, 1);
      const note = `${measured.packets.toLocaleString('en-US')} packets of ${sources.toLocaleString('en-US')} sources in turn, 4 partitions: the fewer packets a source has in a block, the fewer there are in a record.`;
      const figure = { unit: 'µs/packet', better: 'lower' } as const;
      figures.push(
        {
          name: `scaling-sources-${sources}`,
          value: measured.cpuMicros,
          ...figure,
          note: `Processor time of one worker for ${note}`,
        },
        {
          name: `scaling-sources-${sources}-capture`,
          value: measured.captureMicros,
          ...figure,
          note: `Processor time of the replay for ${note}`,
        },
      );
    }
    figures.push(...(await measureTableSizes(context)));
    return figures;
  },
};

/** What a packet costs Postgres as the table grows, by what it costs between one size and the next. */
async function measureTableSizes(context: BenchContext): Promise<Figure[]> {
  const { scale, servers, say } = context;
  const input = provideInput(context, 'mix', Math.min(scale.packets, STORED[0]));
  const sizes = scale.quick ? [input.packets] : scale.full ? [...STORED, ...STORED_FULL] : [...STORED];
  const pipeline = await Pipeline.create(context, { database: true });
  try {
    const figures: Figure[] = [];
    let stored = 0;
    for (const size of sizes) {
      const copies = Math.ceil((size - stored) / input.packets);
      const { published } = await pipeline.publish(new Array<string>(copies).fill(input.path));
      const ends = await pipeline.ends();
      const meter = new ProcessMeter(servers().postgresPid);
      const sink = await pipeline.start(['sink', 'postgres']);
      await sink.during(followStage(() => pipeline.stored(ends)));
      await sink.stop();
      const { cpuSeconds } = meter.stop();
      say(`${(stored + published).toLocaleString('en-US')} packets stored`);
      figures.push({
        name: `scaling-rows-${size}`,
        value: (cpuSeconds * 1e6) / published,
        unit: 'µs/packet',
        better: 'lower',
        note: `Processor time of Postgres a packet, from ${stored.toLocaleString('en-US')} packets in the table to ${(stored + published).toLocaleString('en-US')}. ${input.summary}.`,
      });
      stored += published;
    }
    return figures;
  } finally {
    await pipeline.remove();
  }
}

function inputOfSources({ folder, scale }: BenchContext, sources: number): Input {
  const packets = scale.quick ? 100_000 : PACKETS_OF_SOURCES;
  const path = join(folder, `sources-${sources}.pcap`);
  const { bytes } = writeTraffic(path, smallestFrames({ packetsPerSecond: 50_000, sources }), { maxPackets: packets });
  return { path, packets, bytes, summary: `64-byte frames of ${sources} sources` };
}

async function measure(
  context: BenchContext,
  input: Input,
  copies: number,
  partitions: number,
  workers = partitions,
): Promise<{ rate: number; cpuMicros: number; captureMicros: number; packets: number }> {
  const pipeline = await Pipeline.create(context, { partitions });
  try {
    const { published, cpuSeconds: captureSeconds } = await pipeline.publish(
      new Array<string>(copies).fill(input.path),
    );
    const ends = await pipeline.ends();
    const startedAt = performance.now();
    const processor = await pipeline.start(['process', `--workers=${workers}`, '--commit-interval=100ms']);
    const meter = new ProcessMeter(processor.pid);
    const samples = await processor.during(followStage(() => pipeline.processed(ends)));
    const { cpuSeconds } = meter.stop();
    const { at, count } = samples.at(-1)!;
    if (count !== published) throw new Error(`${count} of ${published} packets processed`);
    const rate = rateOfProgress(samples) ?? (published * 1000) / (at - startedAt);
    return {
      rate,
      cpuMicros: (cpuSeconds * 1e6) / published,
      captureMicros: (captureSeconds * 1e6) / published,
      packets: published,
    };
  } finally {
    await pipeline.remove();
  }
}
