/** One worker reads packets from Kafka and detects: `nta process` on a topic that is already full. */
import type { Bench, BenchContext } from '../bench.js';
import type { Figure, Yardstick } from '../figure.js';
import { type InputName, provideInput } from '../inputs.js';
import { freePort, readMetric } from '../metrics.js';
import { followStage, Pipeline, type StageProgress } from '../pipeline.js';
import { ProcessMeter } from '../process-meter.js';
import { median, rateOfProgress } from '../statistics.js';
import { kafkaTool, timeRun } from '../yardsticks.js';

/** At 2,000,000 packets/s so many take a dozen seconds. */
const PACKETS_WANTED = 24_000_000;
/** A worker runs for weeks: what V8 does in its first seconds, until all that is hot is compiled, is a figure of its own. */
const WARM_UP_PACKETS = 8_000_000;
const FLOOD_PACKETS = 1_000_000;

export const detect: Bench = {
  name: 'detect',
  summary: 'one worker reads from Kafka and detects, beside kafka-consumer-perf-test',
  needsServers: true,
  async run(context) {
    const mix = await measure(context, 'mix', PACKETS_WANTED);
    const flood = await measure(context, 'spoofed', FLOOD_PACKETS);
    const rate = { unit: 'packets/s', better: 'higher' } as const;
    const figures: Figure[] = [
      {
        name: 'detect',
        ...mix.rate,
        ...rate,
        target: 2_000_000,
        against: mix.consumer,
        note: `Of what follows the first ${WARM_UP_PACKETS.toLocaleString('en-US')} packets. ${mix.note}`,
      },
      { name: 'detect-first-seconds', ...mix.firstRate, ...rate, note: `Of the first packets alone. ${mix.note}` },
      {
        name: 'detect-cpu',
        ...mix.cpu,
        unit: 'µs/packet',
        better: 'lower',
        note: `Processor time of the worker from when it had joined. ${mix.note}`,
      },
      { name: 'detect-spoofed-flood', ...flood.firstRate, ...rate, against: flood.consumer, note: flood.note },
    ];
    return figures;
  },
};

interface DetectMeasurement {
  /** Of what comes after the warm-up; of all where there is no more. */
  readonly rate: Pick<Figure, 'value' | 'runs'>;
  /** Until the end of the warm-up. */
  readonly firstRate: Pick<Figure, 'value' | 'runs'>;
  readonly cpu: Pick<Figure, 'value' | 'runs'>;
  readonly consumer: Yardstick;
  readonly note: string;
}

async function measure(context: BenchContext, name: InputName, wanted: number): Promise<DetectMeasurement> {
  const { scale } = context;
  const input = provideInput(context, name, Math.min(scale.packets, wanted));
  const copies = scale.quick ? 2 : Math.max(1, Math.round(wanted / input.packets));
  const rates: number[] = [];
  const firstRates: number[] = [];
  const cpu: number[] = [];
  const pipeline = await Pipeline.create(context);
  try {
    const { published } = await pipeline.publish(new Array<string>(copies).fill(input.path));
    const ends = await pipeline.ends();
    for (let run = 0; run < scale.repeats; run++) {
      const startedAt = performance.now();
      const port = await freePort();
      const worker = await pipeline.start(['process', `--metrics-port=${port}`]);
      const meter = new ProcessMeter(worker.pid);
      const samples = await worker.during(followStage(() => counted(port, published)));
      const { cpuSeconds } = meter.stop();
      await worker.stop();
      const { at, count } = samples.at(-1)!;
      const committed = (await pipeline.processed(ends)).count;
      if (count !== published || committed !== published) {
        throw new Error(`${count} of ${published} packets processed, ${committed} committed`);
      }
      const whole = rateOfProgress(samples) ?? (published * 1000) / (at - startedAt);
      const warm = samples.findIndex((sample) => sample.count >= WARM_UP_PACKETS);
      rates.push((warm > 0 && rateOfProgress(samples.slice(warm - 1))) || whole);
      firstRates.push((warm > 0 && rateOfProgress(samples.slice(0, warm + 1))) || whole);
      cpu.push((cpuSeconds * 1e6) / published);
      await pipeline.forgetProcessing();
    }
    return {
      rate: { value: median(rates), runs: rates },
      firstRate: { value: median(firstRates), runs: firstRates },
      cpu: { value: median(cpu), runs: cpu },
      consumer: await consumerPerformance(context, pipeline, ends, published),
      note: `Packets that nta process with one worker has counted in its metrics, asked for ten times a second, of ${published.toLocaleString('en-US')} in 4 partitions, exactly once: commits every second, as by default, and all is found committed afterwards. ${input.summary}.`,
    };
  } finally {
    await pipeline.remove();
  }
}

/** How far the worker has come by its own count; commits, a second apart, would be too coarse. */
async function counted(port: number, published: number): Promise<StageProgress> {
  const count = await readMetric(port, 'nta_process_packets_total');
  return { at: performance.now(), count, atEnd: count >= published };
}

async function consumerPerformance(
  { servers }: BenchContext,
  pipeline: Pipeline,
  ends: readonly number[],
  packets: number,
): Promise<Yardstick> {
  const records = ends.reduce((sum, end) => sum + end, 0);
  const { command, args } = await kafkaTool('org.apache.kafka.tools.ConsumerPerformance', [
    `--bootstrap-server=${servers().brokers.join(',')}`,
    `--command-config=${servers().kafkaClientFile}`,
    `--topic=${pipeline.topic}`,
    `--num-records=${records}`,
    '--timeout=20000',
  ]);
  const { stdout } = await timeRun(command, args);
  const [header, row] = stdout.trim().split('\n').slice(-2);
  const column = header?.split(',').findIndex((title) => title.trim() === 'fetch.nMsg.sec') ?? -1;
  const recordsPerSecond = Number(row?.split(',')[column]);
  if (!(recordsPerSecond > 0)) throw new Error(`kafka-consumer-perf-test printed no rate: ${stdout}`);
  return {
    name: 'kafka-consumer-perf-test',
    value: (recordsPerSecond * packets) / records,
    note: `the same topic with Kafka’s own Java client, ${(packets / records).toFixed(1)} packets a record, without its start and the group’s. It throws the bytes away: no decoding, no detection, no transactions.`,
  };
}
