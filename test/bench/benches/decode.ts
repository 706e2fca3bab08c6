/** A capture file to columns: the parser of captures and the decoders, without anything behind them. */

import { ConversationTracker } from '../../../producers/conversations/conversation-tracker.js';
import { decodeCapture } from '../../../producers/decoding/capture-decoder.js';
import type { Bench, BenchContext } from '../bench.js';
import type { Figure, Yardstick } from '../figure.js';
import { type Input, type InputName, provideInput } from '../inputs.js';
import { repeated } from '../repeated.js';
import { scapyToObjects } from '../scapy.js';
import { findTool, timeRun } from '../yardsticks.js';

/** Other programs get so many packets of the same capture: enough that their start hardly counts. */
const TSHARK_PACKETS = 200_000;

/** V8 compiles hot code anew until the third or fourth pass; the first also brings the file into the page cache. */
const WARM_UP_PASSES = 6;
/** Passes of a run: one takes a third of a second, too short to tell anything on a shared machine. */
const PASSES = 4;

/** The columns that we fill, as far as tshark has a field for them. */
const TSHARK_FIELDS = [
  'frame.time_epoch',
  'frame.len',
  'eth.src',
  'eth.dst',
  'eth.type',
  'vlan.id',
  'ip.src',
  'ip.dst',
  'ip.proto',
  'ip.ttl',
  'ip.id',
  'ipv6.src',
  'ipv6.dst',
  'tcp.srcport',
  'tcp.dstport',
  'tcp.flags',
  'tcp.seq_raw',
  'udp.srcport',
  'udp.dstport',
  'icmp.type',
  'icmp.code',
  'dns.qry.name',
  'tls.handshake.extensions_server_name',
  'http.host',
];

export const decode: Bench = {
  name: 'decode',
  summary: 'a capture file to columns, beside tshark -T fields and Scapy',
  needsServers: false,
  async run(context) {
    const mix = provideInput(context, 'mix');
    const measured = await measure(context, 'decode', mix);
    const figures: Figure[] = [
      { ...measured, target: 5_000_000, against: await tshark(context, mix) },
      { ...measured, name: 'decode-beside-scapy', against: await scapyToObjects(context, mix) },
    ];
    for (const name of ['smallest', 'distinct', 'mix-whole'] as const satisfies readonly InputName[]) {
      figures.push(await measure(context, `decode-${name}`, provideInput(context, name)));
    }
    const withRoles = await repeated(context.scale.repeats, () => rate(mix, true, PASSES));
    figures.push({
      name: 'decode-with-roles',
      ...withRoles,
      unit: 'packets/s',
      better: 'higher',
      note: `As decode, and each packet marked as its originator’s or responder’s. ${mix.summary}.`,
    });
    return figures;
  },
};

async function measure(context: BenchContext, name: string, input: Input): Promise<Figure> {
  for (let pass = 0; pass < WARM_UP_PASSES; pass++) await rate(input, false, 1);
  const runs = await repeated(context.scale.repeats, () => rate(input, false, PASSES));
  return {
    name,
    ...runs,
    unit: 'packets/s',
    better: 'higher',
    note: `decodeCapture from a file in the page cache, ${PASSES} times, one core, without roles, after ${WARM_UP_PASSES} passes that compile the code. ${input.summary}.`,
  };
}

async function rate(input: Input, roles: boolean, passes: number): Promise<number> {
  const startedAt = performance.now();
  for (let pass = 0; pass < passes; pass++) {
    const options = roles ? { conversations: new ConversationTracker() } : {};
    const { frames, failure } = await decodeCapture(input.path, options, () => undefined);
    if (failure !== null || frames !== input.packets)
      throw new Error(`${frames} of ${input.packets} frames: ${failure?.message}`);
  }
  return (passes * input.packets * 1000) / (performance.now() - startedAt);
}

async function tshark({ scale }: BenchContext, input: Input): Promise<Yardstick> {
  const name = 'tshark -T fields';
  if (findTool('tshark') === undefined) return { name, value: null, note: 'not installed.' };
  const packets = Math.min(input.packets, scale.quick ? 20_000 : TSHARK_PACKETS);
  const fields = TSHARK_FIELDS.flatMap((field) => ['-e', field]);
  const args = ['-n', '-r', input.path, '-c', String(packets), '-T', 'fields', ...fields];
  const { seconds } = await timeRun('tshark', args, { stdio: ['ignore', 'ignore', 'ignore'] });
  return {
    name,
    value: packets / seconds,
    note: `the first ${packets.toLocaleString('en-US')} packets with its start; prints the same fields as text to /dev/null. It dissects 3,000 protocols, follows TCP streams and reassembles; we do none of that.`,
  };
}
