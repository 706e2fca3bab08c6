/** Live capture at the speed of tcpreplay: what is lost, beside tcpdump that throws everything away. */

import { spawn } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import type { CaptureBalance } from '../../../producers/balance.js';
import { type CaptureWire, createCaptureWire } from '../../support/capture-wire.js';
import type { Bench } from '../bench.js';
import { type Input, provideInput } from '../inputs.js';
import { Pipeline } from '../pipeline.js';
import { FULL_SPEED, requireWire } from '../wire.js';

const SETTLE_MS = 2_000;

interface Loss {
  readonly percent: number;
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
      const theirs = await tcpdumpLoss(wire, input);
      const ours = await captureLoss(pipeline, wire, input);
      const note = `Of ${input.packets.toLocaleString('en-US')} 64-byte frames sent by tcpreplay at ${Math.round(ours.rate).toLocaleString('en-US')} packets/s over a veth pair, on the same two cores as everything else, with Kafka; loss is what the kernel had no room for.`;
      return [
        {
          name: 'live-loss',
          value: ours.percent,
          unit: '%',
          better: 'lower',
          against: {
            name: 'tcpdump -w /dev/null',
            value: theirs.percent,
            note: `the same frames at ${Math.round(theirs.rate).toLocaleString('en-US')} packets/s, the same buffer and snap length. It decodes nothing, keeps nothing and has the other core to itself.`,
          },
          note,
        },
        {
          name: 'live-rate',
          value: ours.rate,
          unit: 'packets/s',
          better: 'higher',
          note: 'What tcpreplay sent meanwhile.',
        },
      ];
    } finally {
      await pipeline.remove();
      wire.remove();
    }
  },
};

async function captureLoss(pipeline: Pipeline, wire: CaptureWire, input: Input): Promise<Loss> {
  const capture = await pipeline.start(['capture', `--interface=${wire.interface}`, '--spool-dir=']);
  await sleep(SETTLE_MS);
  const rate = await replay(wire, input);
  await sleep(SETTLE_MS);
  await capture.stop();
  const { seen, published, dropped } = capture.result as CaptureBalance;
  const lost = dropped.kernel_dropped;
  if (seen !== input.packets || published + lost !== seen) {
    throw new Error(`${input.packets} sent, but seen ${seen} = published ${published} + lost ${lost}?`);
  }
  return { percent: (lost * 100) / seen, rate };
}

async function tcpdumpLoss(wire: CaptureWire, input: Input): Promise<Loss> {
  const args = ['-n', '-i', wire.interface, '-s', '1024', '-B', '32768', '-w', '/dev/null'];
  const child = spawn('tcpdump', args, { stdio: ['ignore', 'ignore', 'pipe'] });
  let output = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (output += text));
  const ended = new Promise((resolve) => child.once('close', resolve));
  await sleep(SETTLE_MS);
  const rate = await replay(wire, input);
  await sleep(SETTLE_MS);
  child.kill('SIGINT');
  await ended;
  const count = (what: string): number => {
    const match = new RegExp(`(\\d+) packets? ${what}`).exec(output);
    if (match === null) throw new Error(`tcpdump did not say what it ${what}: ${output}`);
    return Number(match[1]);
  };
  return { percent: (count('dropped by kernel') * 100) / input.packets, rate };
}

async function replay(wire: CaptureWire, input: Input): Promise<number> {
  const startedAt = performance.now();
  await wire.replay(input.path, { packetsPerSecond: FULL_SPEED });
  return (input.packets * 1000) / (performance.now() - startedAt);
}
