import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { referencePacket } from './outermost-packet.js';
import { type ReferencePacket, referenceDetections } from './reference-detection.js';
import { requireTool } from './requirement.js';
import { requireSharedCaptures, sharedCaptureFolder } from './shared-captures.js';
import { readWithTshark } from './tshark.js';

const SYN = 2;
const SECOND = 1_000_000;

function syn(time: number, destinationPort: number, changes: Partial<ReferencePacket> = {}): ReferencePacket {
  const addresses = { source: '192.0.2.1', destination: '192.0.2.2' };
  return { time, ...addresses, ipProtocol: 6, sourcePort: 4000, destinationPort, tcpFlags: SYN, ...changes };
}

describe('port scan', () => {
  test('opens at the tenth distinct port and holds while the window has ten', () => {
    const packets = Array.from({ length: 12 }, (_, i) => syn(i * SECOND, 1000 + i));
    expect(referenceDetections(packets)).toEqual([
      { detector: 'port-scan', source: '192.0.2.1', times: [9 * SECOND, 10 * SECOND, 11 * SECOND] },
    ]);
  });

  test('counts a packet exactly 60 s old and none older', () => {
    const nine = Array.from({ length: 9 }, (_, i) => syn(0, 1000 + i));
    expect(referenceDetections([...nine, syn(60 * SECOND, 5000)])).toHaveLength(1);
    expect(referenceDetections([...nine, syn(60 * SECOND + 1, 5000)])).toEqual([]);
  });

  test('counts NULL, FIN and Xmas segments, but no replies', () => {
    const shapes = [0, 0x01, 0x29, 0x02];
    const probes = Array.from({ length: 10 }, (_, i) => syn(i, 1000 + i, { tcpFlags: shapes[i % 4] }));
    expect(referenceDetections(probes)).toHaveLength(1);
    expect(referenceDetections(probes, { stealthProbes: false })).toEqual([]);
    const replies = Array.from({ length: 10 }, (_, i) => syn(i, 1000 + i, { tcpFlags: 0x12 }));
    expect(referenceDetections(replies)).toEqual([]);
  });

  test('counts UDP that opens a conversation, not UDP that answers', () => {
    const queries = Array.from({ length: 10 }, (_, i) =>
      syn(2 * i, 53, { ipProtocol: 17, tcpFlags: undefined, sourcePort: 3000 + i }),
    );
    const answers = queries.map((query) => ({
      ...query,
      time: query.time + 1,
      source: query.destination,
      destination: query.source,
      sourcePort: 53,
      destinationPort: query.sourcePort,
    }));
    expect(referenceDetections([...queries, ...answers])).toEqual([]);
    expect(referenceDetections(answers)).toMatchObject([{ detector: 'port-scan', source: '192.0.2.2' }]);
  });
});

test('a SYN flood is a hundred SYNs of one source, whoever they are sent to', () => {
  const packets = Array.from({ length: 100 }, (_, i) => syn(i * 1000, 80, { destination: `192.0.2.${i}` }));
  expect(referenceDetections(packets)).toEqual([{ detector: 'syn-flood', source: '192.0.2.1', times: [99_000] }]);
  expect(referenceDetections(packets.slice(1))).toEqual([]);
});

test('brute force counts each login port by itself', () => {
  const mixed = Array.from({ length: 38 }, (_, i) => syn(i, i % 2 === 0 ? 22 : 23));
  expect(referenceDetections(mixed)).toEqual([]);
  expect(referenceDetections([...mixed, syn(38, 22)])).toEqual([
    { detector: 'brute-force', source: '192.0.2.1', port: 22, times: [38] },
  ]);
});

describe('ARP spoofing', () => {
  const claim = (time: number, senderMac: string, senderAddress = '192.0.2.254'): ReferencePacket => ({
    time,
    source: senderAddress,
    destination: '',
    arp: { senderMac, senderAddress },
  });

  test('is two MACs that claim one address within the window', () => {
    const first = claim(0, '02:00:00:00:00:01');
    expect(referenceDetections([first, claim(5, '02:00:00:00:00:02')])).toEqual([
      { detector: 'arp-spoofing', source: '192.0.2.254', times: [5] },
    ]);
    expect(referenceDetections([first, claim(5, '02:00:00:00:00:01')])).toEqual([]);
    expect(referenceDetections([first, claim(60 * SECOND + 1, '02:00:00:00:00:02')])).toEqual([]);
  });

  test('knows probes and virtual routers', () => {
    expect(
      referenceDetections([claim(0, '02:00:00:00:00:01', '0.0.0.0'), claim(1, '02:00:00:00:00:02', '0.0.0.0')]),
    ).toEqual([]);
    const failover = [claim(0, '02:00:00:00:00:01'), claim(1, '00:00:5e:00:01:0a')];
    expect(referenceDetections(failover)).toEqual([]);
    expect(referenceDetections(failover, { ignoreVirtualRouters: false })).toHaveLength(1);
  });
});

interface Truth {
  readonly source: string;
  readonly first_trigger_time: string;
  readonly port?: number;
}
type TruthFile = Record<string, Record<'port_scan' | 'syn_flood' | 'brute_force' | 'arp_spoof', Truth[]>>;

test('agrees with the truth beside the shared captures', { timeout: 600_000 }, async (context) => {
  requireTool(context, 'tshark');
  requireSharedCaptures(context);
  const truth = JSON.parse(readFileSync(join(sharedCaptureFolder, 'detect-truth.json'), 'utf8')) as TruthFile;
  for (const [file, expected] of Object.entries(truth)) {
    const { frames } = await readWithTshark(join(sharedCaptureFolder, file));
    const found = referenceDetections(frames.map(referencePacket), {
      stealthProbes: false,
      ignoreVirtualRouters: false,
    });
    const lines = found.map(({ detector, source, port, times }) => `${detector} ${source} ${port ?? ''} ${times[0]}`);
    const expectedLines = [
      ...expected.port_scan.map((entry) => `port-scan ${entry.source}  ${microseconds(entry)}`),
      ...expected.syn_flood.map((entry) => `syn-flood ${entry.source}  ${microseconds(entry)}`),
      ...expected.brute_force.map((entry) => `brute-force ${entry.source} ${entry.port} ${microseconds(entry)}`),
      ...expected.arp_spoof.map((entry) => `arp-spoofing ${entry.source}  ${microseconds(entry)}`),
    ];
    expect.soft(lines.sort(), file).toEqual(expectedLines.sort());
  }
});

function microseconds(entry: Truth): number {
  return Number(BigInt(entry.first_trigger_time.replace('.', '')) / 1000n);
}
