/**
 * What a packet costs each process, by how many packets a source has in what is sent at once: the more capture nodes see a source,
 * the fewer of its packets each of them has in the 50 ms after which it sends. The model of the sizing in deploy/README.md is fitted to these.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { decodeCapture } from '../../../producers/decoding/capture-decoder.js';
import { RecordAccumulator } from '../../../producers/publisher/record-accumulator.js';
import { addRows } from '../../support/accumulated-rows.js';
import { normalTraffic } from '../../support/normal-traffic.js';
import { writeTraffic } from '../../support/traffic.js';
import type { Bench, BenchContext } from '../bench.js';
import type { Figure } from '../figure.js';
import { type Input, provideInput } from '../inputs.js';
import { followStage, type Part, Pipeline, type StageProgress } from '../pipeline.js';
import { ProcessMeter } from '../process-meter.js';
import { BLOCK_SIZES, COST_CASES, COST_PACKETS_PER_SECOND, type CostCase } from '../sizing.js';

const SECONDS = 10;
const SECONDS_QUICK = 2;
const CLIENTS = 2_000;
/** What comes before is left to compilers. */
const WARM_SHARE = 1 / 3;

export const cost: Bench = {
  name: 'cost',
  summary: 'processor time and bytes a packet in each process, with 1, 4 and 16 capture nodes',
  needsServers: true,
  async run(context) {
    const mix = provideInput(context, 'mix', Math.min(context.scale.packets, 500_000));
    await publishOnce(context, mix.path);
    const figures: Figure[] = [];
    for (const size of BLOCK_SIZES) figures.push(await countSources(mix, size));
    for (const costCase of context.scale.quick ? COST_CASES.slice(0, 2) : COST_CASES)
      figures.push(...(await measure(context, costCase)));
    return figures;
  },
};

/** Sources of the mix that a capture node sees among so many packets between two flushes. */
async function countSources({ path, packets }: Input, size: number): Promise<Figure> {
  let accumulator: RecordAccumulator | undefined;
  let sources = 0;
  await decodeCapture(path, { blockCapacity: size }, (block) => {
    accumulator ??= new RecordAccumulator(block);
    addRows(accumulator, block);
    // Without partitions each source has a record of its own.
    accumulator.flush(() => sources++);
  });
  return {
    name: `cost-block-${size}-sources`,
    value: sources / packets,
    unit: 'sources/packet',
    better: 'lower',
    note: `Sources in ${size.toLocaleString('en-US')} packets of the mix, counted.`,
  };
}

/** So that the code of capture nodes, which run in this process, is compiled. */
async function publishOnce(context: BenchContext, file: string): Promise<void> {
  const pipeline = await Pipeline.create(context);
  try {
    await pipeline.publish([file]);
  } finally {
    await pipeline.remove();
  }
}

async function measure(context: BenchContext, { name, nodes, paced }: CostCase): Promise<Figure[]> {
  const { say, servers } = context;
  const inputs = provideNodeInputs(context, nodes);
  const pipeline = await Pipeline.create(context, { database: true });
  try {
    const kafka = new ProcessMeter(servers().kafkaPid);
    const replay = paced ? await pipeline.publishFromNodes(inputs) : await pipeline.publish(inputs);
    const written = kafka.stop().cpuSeconds;
    const { published } = replay;
    const ends = await pipeline.ends();
    const records = ends.reduce((sum, end) => sum + end, 0);

    const worker = await pipeline.start(['process', '--commit-interval=100ms']);
    const detection = await costOfStage(worker, () => pipeline.processed(ends), [worker.pid, servers().kafkaPid]);
    await worker.stop();
    const sink = await pipeline.start(['sink', 'postgres']);
    const storage = await costOfStage(sink, () => pipeline.stored(ends), [sink.pid, servers().postgresPid]);
    await sink.stop();

    say(`${name}: ${(published / records).toFixed(1)} packets a record`);
    const note = `${describe(nodes, paced)}, ${published.toLocaleString('en-US')} packets of the mix from ${CLIENTS.toLocaleString('en-US')} clients.`;
    const micros = (part: string, seconds: number, what: string): Figure => ({
      name: `cost-${name}-${part}`,
      value: (seconds * 1e6) / published,
      unit: 'µs/packet',
      better: 'lower',
      note: `Processor time of ${what}. ${note}`,
    });
    return [
      {
        name: `cost-${name}-records`,
        value: records / published,
        unit: 'records/packet',
        better: 'lower',
        note: `Records on the topic. ${note}`,
      },
      micros('capture', replay.cpuSeconds, 'all capture nodes'),
      micros('kafka-write', written, 'the broker while they publish, one replica'),
      micros('kafka-read', detection[1]! * published, 'the broker while one group reads, the first third left out'),
      micros('process', detection[0]! * published, 'the worker, its first third left out'),
      micros('sink', storage[0]! * published, 'the Postgres sink, its first third left out'),
      micros('postgres', storage[1]! * published, 'Postgres with every packet, the first third left out'),
      {
        name: `cost-${name}-kafka-bytes`,
        value: pipeline.topicBytes() / published,
        unit: 'bytes/packet',
        better: 'lower',
        note: `On the broker’s disk, uncompressed, one replica. ${note}`,
      },
      {
        name: `cost-${name}-postgres-bytes`,
        value: (await pipeline.tableBytes()) / published,
        unit: 'bytes/packet',
        better: 'lower',
        note: `Table and indexes. ${note}`,
      },
    ];
  } finally {
    await pipeline.remove();
  }
}

function describe(nodes: number, paced: boolean): string {
  if (!paced) return 'One replay at full speed, so with blocks of 65,536 packets';
  return `${nodes} capture node(s) that together see ${COST_PACKETS_PER_SECOND.toLocaleString('en-US')} packets/s of the same hosts, in one process`;
}

/** Processor seconds a packet of each process, from a third of the packets on. */
async function costOfStage(
  part: Part,
  look: () => Promise<StageProgress>,
  pids: readonly number[],
): Promise<readonly number[]> {
  const meters = pids.map((pid) => new ProcessMeter(pid));
  const samples: { readonly count: number; readonly cpuSeconds: readonly number[] }[] = [];
  await part.during(
    followStage(async () => {
      const progress = await look();
      samples.push({ count: progress.count, cpuSeconds: meters.map((meter) => meter.usage().cpuSeconds) });
      return progress;
    }),
  );
  for (const meter of meters) meter.stop();
  const last = samples.at(-1)!;
  const first = samples.findLast(({ count }) => count <= last.count * WARM_SHARE)!;
  return pids.map((_, index) => (last.cpuSeconds[index]! - first.cpuSeconds[index]!) / (last.count - first.count));
}

/** A capture for each node: the same hosts, and of their packets as many as together make the rate. */
function provideNodeInputs({ folder, scale, say }: BenchContext, nodes: number): string[] {
  const packets = (scale.quick ? SECONDS_QUICK : SECONDS) * COST_PACKETS_PER_SECOND;
  return Array.from({ length: nodes }, (_, node) => {
    const path = join(folder, `node-${node + 1}-of-${nodes}.pcap`);
    if (existsSync(path)) return path;
    if (node === 0) say(`making ${packets.toLocaleString('en-US')} packets for ${nodes} capture node(s)`);
    const rate = COST_PACKETS_PER_SECOND / nodes;
    const script = normalTraffic({ seed: 100 + node, packetsPerSecond: rate, clients: CLIENTS, ipv6Share: 0.25 });
    writeTraffic(path, script, { maxPackets: packets / nodes, snapLength: 256 });
    return path;
  });
}
