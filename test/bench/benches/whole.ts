/** Everything at once: replay to Kafka to detection to Postgres, sustained, with what each process costs and the balance. */
import type { CaptureBalance } from '../../../producers/balance.js';
import type { Bench, BenchContext } from '../bench.js';
import type { Figure } from '../figure.js';
import { type Input, provideInput } from '../inputs.js';
import { followStage, type Part, Pipeline } from '../pipeline.js';
import { pmacctdToPostgres } from '../pmacctd.js';
import { ProcessMeter } from '../process-meter.js';
import { scapyToPostgres } from '../scapy.js';

/** Packets a second that the pipeline is expected to take, which decides how many are replayed at first. */
const EXPECTED_RATE = { all: 250_000, alerts: 700_000 } as const;
/** Packets a second to reach. */
const TARGET = { all: 300_000, alerts: 1_000_000 } as const;
/** More than the rate of the run that was too short asks for. */
const SAFETY = 1.2;

export const whole: Bench = {
  name: 'whole',
  summary: 'replay, Kafka, detection and Postgres at once, sustained; processor time, memory, bytes and the balance',
  needsServers: true,
  async run(context) {
    const input = provideInput(context, 'mix');
    const [rate, ...others] = await sustain(context, input, 'all');
    const [alertsRate, ...alertsOthers] = await sustain(context, input, 'alerts');
    return [
      { ...rate!, target: TARGET.all },
      { ...rate!, name: 'whole-beside-pmacctd', against: await pmacctdToPostgres(context) },
      { ...rate!, name: 'whole-beside-scapy', against: await scapyToPostgres(context, input) },
      ...others,
      { ...alertsRate!, target: TARGET.alerts },
      ...alertsOthers,
    ];
  },
};

/** Again with more packets when they went through faster than expected, so that the figures are of a run that was long enough. */
async function sustain(context: BenchContext, input: Input, policy: 'all' | 'alerts'): Promise<Figure[]> {
  const { scale, say } = context;
  if (scale.quick) return (await measure(context, input, policy, 3)).figures;
  let copies = Math.max(1, Math.round((EXPECTED_RATE[policy] * scale.seconds) / input.packets));
  for (;;) {
    const { figures, seconds } = await measure(context, input, policy, copies);
    if (seconds >= scale.seconds) return figures;
    say(`only ${seconds.toFixed(0)} s: again with more packets`);
    copies = Math.ceil(copies * (scale.seconds / seconds) * SAFETY);
  }
}

async function measure(
  context: BenchContext,
  input: Input,
  policy: 'all' | 'alerts',
  copies: number,
): Promise<{ readonly figures: Figure[]; readonly seconds: number }> {
  const { servers, say } = context;
  const pipeline = await Pipeline.create(context, { database: true });
  const names = ['capture', 'process', 'sink', 'kafka', 'postgres'] as const;
  try {
    const processor = await pipeline.start(['process']);
    const sink = await pipeline.start(['sink', 'postgres', `--store=${policy}`]);
    const meters = new Map<(typeof names)[number], ProcessMeter>([
      ['process', new ProcessMeter(processor.pid)],
      ['sink', new ProcessMeter(sink.pid)],
      ['kafka', new ProcessMeter(servers().kafkaPid)],
      ['postgres', new ProcessMeter(servers().postgresPid)],
    ]);
    const startedAt = performance.now();
    const reads = new Array<string>(copies).fill(`--read=${input.path}`);
    const capture = await pipeline.start(['capture', '--node-id=bench', ...reads]);
    meters.set('capture', new ProcessMeter(capture.pid));
    if ((await capture.ended) !== 0) throw new Error(`the replay failed: ${capture.log.slice(-1000)}`);
    const ends = await pipeline.ends();
    const all: readonly Part[] = [processor, sink];
    const wait = Promise.all([followStage(() => pipeline.processed(ends)), followStage(() => pipeline.stored(ends))]);
    const [processed, stored] = await Promise.race(all.map((part) => part.during(wait)));
    const seconds = (Math.max(processed!.at(-1)!.at, stored!.at(-1)!.at) - startedAt) / 1000;
    const usage = names.map((name) => ({ name, ...meters.get(name)!.stop() }));

    const balance = capture.result as CaptureBalance;
    const { rows } = await pipeline.sql<{ rows: string }>(
      `SELECT sum(stored_rows) AS rows FROM sink_offsets WHERE topic = '${pipeline.topic}'`,
    );
    const packets = copies * input.packets;
    const dropped = Object.values(balance.dropped).reduce((sum, count) => sum + count, 0);
    const counts = `seen ${balance.seen}, published ${balance.published}, dropped ${dropped}, processed ${processed!.at(-1)!.count}, taken by the sink ${stored!.at(-1)!.count}, rows ${rows[0]!.rows}`;
    say(counts);
    const closes =
      balance.seen === packets &&
      balance.seen === balance.published + dropped &&
      processed!.at(-1)!.count === balance.published &&
      stored!.at(-1)!.count === balance.published &&
      (policy !== 'all' || Number(rows[0]!.rows) === balance.published);
    if (!closes) throw new Error(`the balance does not close: ${counts}`);

    const name = policy === 'all' ? 'whole' : 'whole-store-alerts';
    const note = `nta capture --read of ${packets.toLocaleString('en-US')} packets until each is detected on and ${policy === 'all' ? 'stored' : 'in the statistics, and stored if its source has an alert'}: ${seconds.toFixed(0)} s, all on one machine, start of the capture included. The balance closed: ${counts}. ${input.summary}.`;
    const figures: Figure[] = [
      {
        name,
        value: packets / seconds,
        unit: 'packets/s',
        better: 'higher',
        note,
      },
    ];
    for (const { name: part, cpuSeconds, peakBytes } of usage) {
      figures.push(
        {
          name: `${name}-${part}-cpu`,
          value: (cpuSeconds * 1e6) / packets,
          unit: 's/1M packets',
          better: 'lower',
          note: `Processor time of ${part} during ${name}.`,
        },
        {
          name: `${name}-${part}-memory`,
          value: peakBytes / 2 ** 20,
          unit: 'MiB',
          better: 'lower',
          note: `Most memory of ${part} during ${name}${part === 'kafka' || part === 'postgres' ? ', without the page cache' : ''}.`,
        },
      );
    }
    figures.push({
      name: `${name}-kafka-bytes`,
      value: pipeline.topicBytes() / packets,
      unit: 'bytes/packet',
      better: 'lower',
      note: 'On the broker’s disk, uncompressed, one replica.',
    });
    if (policy === 'all') {
      figures.push({
        name: `${name}-postgres-bytes`,
        value: (await pipeline.tableBytes()) / packets,
        unit: 'bytes/packet',
        better: 'lower',
        note: 'Table and indexes.',
      });
    }
    return { figures, seconds };
  } finally {
    await pipeline.remove();
  }
}
