/** A capture file to Kafka, acknowledged by all in-sync replicas: decoding, grouping, encoding and publishing in one process. */
import { decodeCapture } from '../../../producers/decoding/capture-decoder.js';
import { formatSource } from '../../../schemas/address.js';
import { encodePacketBatch } from '../../../schemas/packets/packet-batch.js';
import { ADDRESS_NONE } from '../../../schemas/packets/packet-block.js';
import type { Bench, BenchContext } from '../bench.js';
import type { Figure, Yardstick } from '../figure.js';
import { type Input, type InputName, provideInput } from '../inputs.js';
import { Pipeline } from '../pipeline.js';
import { pmacctdToKafka } from '../pmacctd.js';
import { median } from '../statistics.js';
import { kafkaTool, timeRun } from '../yardsticks.js';

/**
 * Packets of a run, times `--packets`: what is published a second is meant to go on, and connecting, the first requests
 * and the last acknowledgment take a tenth of a second of each run, which was a twentieth of one of 2,000,000 packets.
 */
const RUN_LENGTH = 4;
/** And at most, where each packet is a record of its own. */
const DISTINCT_PACKETS_MAX = 1_000_000;
const SINGLE_RECORDS = 100_000;
const SINGLE_REQUEST_RECORDS = 1_000;
const PERF_TEST_RECORDS = 500_000;

export const publish: Bench = {
  name: 'publish',
  summary: 'a capture to Kafka, acks from all, beside one record a packet and kafka-producer-perf-test',
  needsServers: true,
  async run(context) {
    const packets = context.scale.quick ? context.scale.packets : RUN_LENGTH * context.scale.packets;
    const mix = provideInput(context, 'mix', packets);
    const [first, ...others] = await measure(context, 'publish', mix);
    const single = await oneRecordEach(context, mix);
    const figures: Figure[] = [
      { ...first!, target: 1_000_000, against: single.yardstick },
      { ...first!, name: 'publish-beside-perf-test', against: await producerPerformance(context, single.recordBytes) },
      { ...first!, name: 'publish-beside-pmacctd', against: await pmacctdToKafka(context) },
      ...others,
    ];
    for (const name of ['distinct', 'one-source'] as const satisfies readonly InputName[]) {
      const input = provideInput(
        context,
        name,
        name === 'distinct' ? Math.min(packets, DISTINCT_PACKETS_MAX) : packets,
      );
      figures.push((await measure(context, `publish-${name}`, input))[0]!);
    }
    return figures;
  },
};

async function measure(context: BenchContext, name: string, input: Input): Promise<Figure[]> {
  const rates: number[] = [];
  const cpu: number[] = [];
  // A run before those that count compiles the code and warms the broker up.
  for (let run = context.scale.quick ? 1 : 0; run <= context.scale.repeats; run++) {
    const pipeline = await Pipeline.create(context);
    try {
      const { seconds, published, cpuSeconds } = await pipeline.publish([input.path]);
      if (published !== input.packets) throw new Error(`${published} of ${input.packets} packets published`);
      if (run === 0) continue;
      rates.push(published / seconds);
      cpu.push((cpuSeconds * 1e6) / published);
    } finally {
      await pipeline.remove();
    }
  }
  const length = input.packets.toLocaleString('en-US');
  const note = `From the file to the last acknowledgment of ${length} packets, 4 partitions, idempotent, all in one process. ${input.summary}.`;
  return [
    { name, value: median(rates), runs: rates, unit: 'packets/s', better: 'higher', note },
    {
      name: `${name}-cpu`,
      value: median(cpu),
      runs: cpu,
      unit: 'µs/packet',
      better: 'lower',
      note: `Processor time of that process. ${note}`,
    },
  ];
}

/** The same packets, each a record of its own, through kafkajs. */
async function oneRecordEach(
  context: BenchContext,
  input: Input,
): Promise<{ yardstick: Yardstick; recordBytes: number }> {
  const messages: { key: Buffer; value: Buffer }[] = [];
  const wanted = Math.min(input.packets, context.scale.quick ? 10_000 : SINGLE_RECORDS);
  const stop = new AbortController();
  await decodeCapture(input.path, { signal: stop.signal }, (block) => {
    for (let row = 0; row < block.count && messages.length < wanted; row++) {
      if (block.sourceKind[row] === ADDRESS_NONE) continue;
      messages.push({ key: Buffer.from(formatSource(block, row)), value: encodePacketBatch(block, [row], 0, 1) });
    }
    if (messages.length === wanted) stop.abort();
  });
  const pipeline = await Pipeline.create(context);
  try {
    const producer = pipeline.kafka.producer({ idempotent: true, maxInFlightRequests: 5 });
    await producer.connect();
    const startedAt = performance.now();
    for (let from = 0; from < messages.length; from += SINGLE_REQUEST_RECORDS) {
      await producer.send({
        topic: pipeline.topic,
        acks: -1,
        messages: messages.slice(from, from + SINGLE_REQUEST_RECORDS),
      });
    }
    const seconds = (performance.now() - startedAt) / 1000;
    await producer.disconnect();
    return {
      recordBytes: Math.round(
        messages.reduce((sum, { key, value }) => sum + key.length + value.length, 0) / messages.length,
      ),
      yardstick: {
        name: 'one record a packet (kafkajs)',
        value: messages.length / seconds,
        note: `${messages.length.toLocaleString('en-US')} of the same packets, encoded beforehand, a record each, ${SINGLE_REQUEST_RECORDS} a request. It does not decode; what it writes could be read packet by packet.`,
      },
    };
  } finally {
    await pipeline.remove();
  }
}

async function producerPerformance(context: BenchContext, recordBytes: number): Promise<Yardstick> {
  const pipeline = await Pipeline.create(context);
  try {
    const records = context.scale.quick ? 20_000 : PERF_TEST_RECORDS;
    const { command, args } = await kafkaTool('org.apache.kafka.tools.ProducerPerformance', [
      `--topic=${pipeline.topic}`,
      `--num-records=${records}`,
      `--record-size=${recordBytes}`,
      '--throughput=-1',
      `--bootstrap-server=${context.servers().brokers.join(',')}`,
      `--command-config=${context.servers().kafkaClientFile}`,
      '--command-property',
      ...['acks=all', 'linger.ms=5', 'batch.size=262144'],
    ]);
    const { stdout } = await timeRun(command, args);
    const rate = /([\d.]+) records\/sec/.exec(stdout.trim().split('\n').at(-1) ?? '')?.[1];
    if (rate === undefined) throw new Error(`kafka-producer-perf-test printed no rate: ${stdout}`);
    return {
      name: 'kafka-producer-perf-test',
      value: Number(rate),
      note: `records a second of ${recordBytes} bytes (what one packet takes as a record), acks=all, Kafka’s own Java client without its start. It sends random bytes and decodes nothing.`,
    };
  } finally {
    await pipeline.remove();
  }
}
