/** The conversations of a capture as `tshark -z conv` counts them: a row a pair of ends, in text that is made for people. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

/** Packets and bytes both ways, and when: sums of all conversations between the same ends. */
export interface PairTotals {
  /** Of the end that comes first in the key. */
  readonly packets: [number, number];
  readonly bytes: [number, number];
  /** How exact the bytes are: tshark cuts larger numbers to thousands or millions. */
  readonly unit: [number, number];
  /** Seconds since the first frame of the capture. */
  start: number;
  end: number;
}

const UNITS: Readonly<Record<string, number>> = { bytes: 1, kB: 1e3, MB: 1e6, GB: 1e9 };
const ROW =
  /^(\S+) +<-> (\S+) +(\d+) (\d+) (bytes|kB|MB|GB) +(\d+) (\d+) (bytes|kB|MB|GB) +\d+ \d+ \w+ +(-?[\d.]+) +([\d.]+)$/;

/** By protocol ("tcp", "udp") and both ends ("address:port"), in order. Messages quoted by ICMP errors do not count. */
export async function tsharkConversations(path: string): Promise<Map<string, PairTotals>> {
  const tables = ['tcp', 'udp'].flatMap((protocol) => ['-z', `conv,${protocol},not icmp and not icmpv6`]);
  const options = ['-o', 'ip.defragment:FALSE', '-o', 'ipv6.defragment:FALSE'];
  const args = ['-n', '-q', ...options, ...tables, '-r', path];
  const run = promisify(execFile)('tshark', args, { maxBuffer: 256 * 1024 * 1024 });
  // Of a capture that is cut off it tells what comes before, and fails.
  const { stdout } = await run.catch((error: { readonly stdout: string }) => error);
  const totals = new Map<string, PairTotals>();
  let protocol = '';
  for (const line of stdout.split('\n')) {
    const title = /^(TCP|UDP) Conversations/.exec(line);
    if (title !== null) protocol = title[1]!.toLowerCase();
    const row = ROW.exec(line.trimEnd());
    if (row === null) continue;
    const [, one, other, backPackets, backBytes, backUnit, packets, bytes, unit, start, duration] = row;
    addToPair(totals, protocol, one!, other!, {
      packets: [Number(packets), Number(backPackets)],
      bytes: [Number(bytes) * UNITS[unit!]!, Number(backBytes) * UNITS[backUnit!]!],
      unit: [UNITS[unit!]!, UNITS[backUnit!]!],
      start: Number(start),
      end: Number(start) + Number(duration),
    });
  }
  return totals;
}

/** Adds a conversation from `one` to `other`, whichever of them comes first in the key. */
export function addToPair(
  totals: Map<string, PairTotals>,
  protocol: string,
  one: string,
  other: string,
  added: PairTotals,
): void {
  const isFirst = one <= other;
  const key = `${protocol} ${isFirst ? one : other} ${isFirst ? other : one}`;
  let pair = totals.get(key);
  if (pair === undefined) {
    pair = {
      packets: [0, 0],
      bytes: [0, 0],
      unit: [0, 0],
      start: Number.POSITIVE_INFINITY,
      end: Number.NEGATIVE_INFINITY,
    };
    totals.set(key, pair);
  }
  for (const side of [0, 1] as const) {
    const from = isFirst ? side : side === 0 ? 1 : 0;
    pair.packets[side] += added.packets[from];
    pair.bytes[side] += added.bytes[from];
    pair.unit[side] += added.unit[from];
  }
  pair.start = Math.min(pair.start, added.start);
  pair.end = Math.max(pair.end, added.end);
}
