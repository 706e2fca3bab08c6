/** `nta analyze` of a capture file, from the start of the process to its end. */
import { mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { projectRoot } from '../../../runtime/process/project.js';
import type { Bench, BenchContext } from '../bench.js';
import type { Yardstick } from '../figure.js';
import { type Input, provideInput } from '../inputs.js';
import { repeated } from '../repeated.js';
import { findTool, timeRun } from '../yardsticks.js';

const NTA = join(projectRoot, 'dist', 'deploy', 'nta', 'main.js');
/** Captures worth a rate are large: this one has as many times the packets of other inputs. */
const LARGE = 4;
const TSHARK_PACKETS = 200_000;
const SURICATA_PACKETS = 500_000;

export const analyze: Bench = {
  name: 'analyze',
  summary: 'nta analyze of a capture, start to end, beside tshark and Suricata',
  needsServers: false,
  async run(context) {
    const { scale } = context;
    const mix = provideInput(context, 'mix', scale.quick ? scale.packets : scale.packets * LARGE);
    const short = provideInput(context, 'mix');
    const spoofed = provideInput(context, 'spoofed', Math.min(mix.packets, 1_000_000));
    await wallTime(short);
    const onMix = await repeated(scale.repeats, () => wallTime(mix));
    const onShort = await repeated(scale.repeats, () => wallTime(short));
    const onFlood = await repeated(scale.repeats, () => wallTime(spoofed));
    const figure = { unit: 'packets/s', better: 'higher' } as const;
    const note = `Wall time of the command on ${mix.packets.toLocaleString('en-US')} packets, start of Node included.`;
    return [
      {
        name: 'analyze',
        ...onMix,
        ...figure,
        target: 2_000_000,
        against: await suricata(context, mix),
        note: `${note} ${mix.summary}.`,
      },
      { name: 'analyze-beside-tshark', ...onMix, ...figure, against: await tshark(context, mix), note },
      {
        name: 'analyze-short',
        ...onShort,
        ...figure,
        note: `The same of ${short.packets.toLocaleString('en-US')} packets, of which the start and what V8 compiles take more.`,
      },
      {
        name: 'analyze-spoofed-flood',
        ...onFlood,
        ...figure,
        note: `Of ${spoofed.packets.toLocaleString('en-US')} SYNs, each from a source of its own: all state, no grouping.`,
      },
    ];
  },
};

async function wallTime(input: Input): Promise<number> {
  const { seconds } = await timeRun(process.execPath, [NTA, 'analyze', input.path]);
  return input.packets / seconds;
}

async function tshark({ scale }: BenchContext, input: Input): Promise<Yardstick> {
  const name = 'tshark -z expert';
  if (findTool('tshark') === undefined) return { name, value: null, note: 'not installed.' };
  const packets = Math.min(input.packets, scale.quick ? 20_000 : TSHARK_PACKETS);
  const args = ['-n', '-q', '-r', input.path, '-c', String(packets), '-z', 'expert'];
  const { seconds } = await timeRun('tshark', args, { stdio: ['ignore', 'ignore', 'ignore'] });
  return {
    name,
    value: packets / seconds,
    note: `the first ${packets.toLocaleString('en-US')} packets with its start. It dissects fully and reports protocol errors; it knows no scans and no floods.`,
  };
}

async function suricata({ scale, folder }: BenchContext, input: Input): Promise<Yardstick> {
  const name = 'Suricata';
  if (findTool('suricata') === undefined)
    return { name, value: null, note: 'not installed, and this Debian has no package of it.' };
  const packets = Math.min(input.packets, scale.quick ? 50_000 : SURICATA_PACKETS);
  const head = join(folder, `suricata-${packets}.pcap`);
  await timeRun('tcpdump', ['-r', input.path, '-c', String(packets), '-w', head]);
  const logs = mkdtempSync(join(folder, 'suricata-'));
  try {
    const { seconds } = await timeRun('suricata', ['-r', head, '-l', logs, '-k', 'none', '--runmode', 'autofp']);
    return {
      name,
      value: packets / seconds,
      note: `the first ${packets.toLocaleString('en-US')} packets with its start, its default rules and workers on all cores. It reassembles streams, parses protocols and matches rules; we use two threads and do none of that.`,
    };
  } finally {
    rmSync(logs, { recursive: true, force: true });
  }
}
