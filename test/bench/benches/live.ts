/**
 * Live capture at the full speed of tcpreplay, and at the rate to reach, which takes trafgen: what is lost, beside tcpdump
 * that throws everything away.
 */
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { CaptureBalance } from '../../../producers/balance.js';
import { type CaptureWire, createCaptureWire } from '../../support/capture-wire.js';
import type { Bench, BenchContext } from '../bench.js';
import { type Figure, rounded, type Yardstick } from '../figure.js';
import { type Input, provideInput } from '../inputs.js';
import { Pipeline } from '../pipeline.js';
import { type Progress, rateOfProgress } from '../statistics.js';
import { sendByTrafgen } from '../trafgen.js';
import { FULL_SPEED, requireWire } from '../wire.js';
import { findTool } from '../yardsticks.js';

const SETTLE_MS = 2_000;
const RATE_TO_HOLD = 300_000;
/** Asked of trafgen, which stays far below it while others want the cores. */
const RATE_ASKED = 500_000;
const SAMPLE_MS = 50;

/** Sends all of it. */
type Sender = (wire: CaptureWire) => Promise<void>;

interface Loss {
  readonly percent: number;
  /** Packets a second, as sent. */
  readonly rate: number;
}

export const live: Bench = {
  name: 'live',
  summary: 'loss of a live capture at full speed, beside tcpdump -w /dev/null',
  needsServers: true,
  async run(context) {
    requireWire();
    const input = provideInput(context, 'smallest', Math.min(context.scale.packets, 2_000_000));
    const wire = createCaptureWire();
    const pipeline = await Pipeline.create(context);
    try {
      return [...(await lossAtFullSpeed(pipeline, wire, input)), ...(await lossAtRate(pipeline, wire, input, context))];
    } finally {
      await pipeline.remove();
      wire.remove();
    }
  },
};

async function lossAtFullSpeed(pipeline: Pipeline, wire: CaptureWire, input: Input): Promise<Figure[]> {
  const send: Sender = (to) => to.replay(input.path, { packetsPerSecond: FULL_SPEED });
  const theirs = await tcpdumpLoss(wire, input.packets, send);
  const ours = await captureLoss(pipeline, wire, input.packets, send);
  return [
    {
      name: 'live-loss',
      value: ours.percent,
      unit: '%',
      better: 'lower',
      against: tcpdump(theirs),
      note: noteOf(input, 'tcpreplay', ours),
    },
    {
      name: 'live-rate',
      value: ours.rate,
      unit: 'packets/s',
      better: 'higher',
      note: 'What tcpreplay sent meanwhile.',
    },
  ];
}

async function lossAtRate(
  pipeline: Pipeline,
  wire: CaptureWire,
  input: Input,
  { folder, say }: BenchContext,
): Promise<Figure[]> {
  if (findTool('trafgen') === undefined) {
    say(`live-loss-${RATE_TO_HOLD} is absent: not installed: trafgen (Debian package netsniff-ng)`);
    return [];
  }
  const packets = input.packets * 2;
  const send: Sender = (to) => sendByTrafgen(to, input, { packets, packetsPerSecond: RATE_ASKED, folder });
  const theirs = await tcpdumpLoss(wire, packets, send);
  const ours = await captureLoss(pipeline, wire, packets, send);
  return [
    {
      name: `live-loss-${RATE_TO_HOLD}`,
      value: ours.percent,
      unit: '%',
      better: 'lower',
      target: theirs.percent,
      against: tcpdump(theirs),
      note: noteOf({ packets }, 'trafgen', ours),
    },
    {
      name: `live-rate-${RATE_TO_HOLD}`,
      value: ours.rate,
      unit: 'packets/s',
      better: 'higher',
      target: RATE_TO_HOLD,
      note: 'What trafgen sent meanwhile.',
    },
  ];
}

function tcpdump({ percent, rate }: Loss): Yardstick {
  return {
    name: 'tcpdump -w /dev/null',
    value: percent,
    note: `the same frames at ${rounded(rate).toLocaleString('en-US')} packets/s, the same buffer and snap length. It decodes nothing, keeps nothing and has the other core to itself.`,
  };
}

function noteOf({ packets }: { readonly packets: number }, sender: string, { rate }: Loss): string {
  return `Of ${packets.toLocaleString('en-US')} 64-byte frames sent by ${sender} at ${rounded(rate).toLocaleString('en-US')} packets/s over a veth pair, on the same two cores as everything else, with Kafka; loss is what the kernel had no room for.`;
}

async function captureLoss(pipeline: Pipeline, wire: CaptureWire, packets: number, send: Sender): Promise<Loss> {
  const capture = await pipeline.start(['capture', `--interface=${wire.interface}`, '--spool-dir=']);
  await sleep(SETTLE_MS);
  const rate = await rateOnWire(wire, send);
  await sleep(SETTLE_MS);
  await capture.stop();
  const { seen, published, dropped } = capture.result as CaptureBalance;
  const lost = dropped.kernel_dropped;
  if (seen !== packets || published + lost !== seen) {
    throw new Error(`${packets} sent, but seen ${seen} = published ${published} + lost ${lost}?`);
  }
  return { percent: (lost * 100) / seen, rate };
}

async function tcpdumpLoss(wire: CaptureWire, packets: number, send: Sender): Promise<Loss> {
  const args = ['-n', '-i', wire.interface, '-s', '1024', '-B', '32768', '-w', '/dev/null'];
  const child = spawn('tcpdump', args, { stdio: ['ignore', 'ignore', 'pipe'] });
  let output = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (output += text));
  const ended = new Promise((resolve) => child.once('close', resolve));
  await sleep(SETTLE_MS);
  const rate = await rateOnWire(wire, send);
  await sleep(SETTLE_MS);
  child.kill('SIGINT');
  await ended;
  const count = (what: string): number => {
    const match = new RegExp(`(\\d+) packets? ${what}`).exec(output);
    if (match === null) throw new Error(`tcpdump did not say what it ${what}: ${output}`);
    return Number(match[1]);
  };
  return { percent: (count('dropped by kernel') * 100) / packets, rate };
}

/** Packets a second from the first to the last that the interface has received, as its own counter says. */
async function rateOnWire(wire: CaptureWire, send: Sender): Promise<number> {
  const samples: Progress[] = [];
  const sample = (): void => {
    const count = Number(readFileSync(`/sys/class/net/${wire.interface}/statistics/rx_packets`, 'utf8'));
    samples.push({ at: performance.now(), count });
  };
  sample();
  const timer = setInterval(sample, SAMPLE_MS);
  try {
    await send(wire);
  } finally {
    clearInterval(timer);
  }
  sample();
  const rate = rateOfProgress(samples);
  if (rate === null) throw new Error(`nothing was sent to ${wire.interface}`);
  return rate;
}
