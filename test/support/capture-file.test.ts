import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type PcapngBlock, pcapFile, pcapngFile } from './capture-file.js';
import { ethernet, LINK_TYPE, rawIp } from './frames.js';
import { ipv4 } from './ip-packets.js';
import { requireTool } from './requirement.js';
import { udp } from './transport-segments.js';
import { readWithTshark, type TsharkFrame } from './tshark.js';

const packet = ipv4(
  { source: '192.0.2.1', destination: '192.0.2.2' },
  udp({ sourcePort: 1, destinationPort: 2 }, Buffer.alloc(101)),
);
const bytes = ethernet({}, packet);
const SECOND = 1_000_000;
const TIME = 1_700_000_000 * SECOND;

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'nta-capture-file-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

async function read(name: string, file: Buffer): Promise<TsharkFrame[]> {
  const path = join(folder, name);
  writeFileSync(path, file);
  const { frames, error } = await readWithTshark(path);
  expect(error).toBeUndefined();
  return frames;
}

const variants = (['little', 'big'] as const).flatMap((byteOrder) =>
  (['microseconds', 'nanoseconds'] as const).map((resolution) => ({ byteOrder, resolution })),
);

test.for(variants)('pcap, $byteOrder endian, $resolution', async ({ byteOrder, resolution }, context) => {
  requireTool(context, 'tshark');
  const frames = [
    { time: TIME, bytes },
    { time: TIME + 999_999.5, bytes, originalLength: 9000 },
  ];
  const file = pcapFile(frames, { byteOrder, resolution, snapLength: 100 });
  const [first, second] = await read(`${byteOrder}-${resolution}.pcap`, file);
  expect(first).toMatchObject({ timeNs: BigInt(TIME) * 1000n, frameLength: bytes.length, capturedLength: 100 });
  const fraction = resolution === 'nanoseconds' ? 999_999_500n : 999_999_000n;
  expect(second).toMatchObject({ timeNs: BigInt(TIME) * 1000n + fraction, frameLength: 9000, udpDestinationPort: 2 });
});

test('pcapng: sections, interfaces with their own resolution, all kinds of blocks', async (context) => {
  requireTool(context, 'tshark');
  const enhanced = (number: number, time: number): PcapngBlock => ({
    kind: 'enhanced',
    interface: number,
    frame: { time, bytes: number === 1 ? rawIp(packet) : bytes },
    comment: 'made by a test',
  });
  const file = pcapngFile([
    {
      blocks: [
        { kind: 'interface', name: 'eth0' },
        { kind: 'interface', linkType: LINK_TYPE.raw, timestampResolution: 9, snapLength: 60 },
        { kind: 'interface', timestampResolution: 0x80 | 20 },
        { kind: 'interface', timestampResolution: 3, timestampOffset: 1_000_000_000 },
        enhanced(0, TIME + 123_456),
        enhanced(1, TIME + 0.25),
        { kind: 'unknown', type: 0x7777, body: Buffer.from('skip me') },
        enhanced(2, TIME + SECOND / 2),
        enhanced(3, TIME + 7000),
      ],
    },
    {
      byteOrder: 'big',
      blocks: [{ kind: 'interface', snapLength: 80 }, { kind: 'simple', bytes }, enhanced(0, TIME + 1)],
    },
  ]);
  const frames = await read('sections.pcapng', file);
  const origin = BigInt(TIME) * 1000n;
  expect(frames.map(({ timeNs, capturedLength }) => [timeNs, capturedLength])).toEqual([
    [origin + 123_456_000n, bytes.length],
    [origin + 250n, 60],
    [origin + 500_000_000n, bytes.length],
    [origin + 7_000_000n, bytes.length],
    [0n, 80], // a simple packet block has no time
    [origin + 1000n, 80],
  ]);
  expect(frames.map(({ udpDestinationPort }) => udpDestinationPort)).toEqual([2, 2, 2, 2, 2, 2]);
});
