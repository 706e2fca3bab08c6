import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { portScan, synFlood } from './attack-traffic.js';
import { clientHost, normalTraffic } from './normal-traffic.js';
import { outermostPacket, referencePacket } from './outermost-packet.js';
import { Random } from './random.js';
import { referenceDetections } from './reference-detection.js';
import { requireTool } from './requirement.js';
import {
  mergeTraffic,
  SECOND,
  TRAFFIC_START,
  type TrafficScript,
  trafficFile,
  trafficStream,
  writeTraffic,
} from './traffic.js';
import { EXPERT_WARNING, readWithTshark } from './tshark.js';
import { distinctSources, largestFrames, oneSource, smallestFrames, spoofedFlood } from './worst-case-traffic.js';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'nta-traffic-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

interface Record {
  readonly time: number;
  readonly captured: number;
  readonly length: number;
  readonly source: number;
}

/** The records of a generated file: times, lengths and the bytes where IPv4 has its source. */
function records(file: Buffer): Record[] {
  const found = [];
  for (let at = 24; at < file.length; ) {
    const captured = file.readUInt32LE(at + 8);
    found.push({
      time: file.readUInt32LE(at) * SECOND + file.readUInt32LE(at + 4),
      captured,
      length: file.readUInt32LE(at + 12),
      source: file.readUInt32BE(at + 16 + 26),
    });
    at += 16 + captured;
  }
  return found;
}

const busy = (seed: number): TrafficScript => normalTraffic({ seed, packetsPerSecond: 1000, clients: 200 });

test('the same seed gives the same bytes, another seed others', () => {
  const first = trafficFile(busy(1), { maxPackets: 5000 });
  expect(trafficFile(busy(1), { maxPackets: 5000 }).equals(first)).toBe(true);
  expect(trafficFile(busy(2), { maxPackets: 5000 }).equals(first)).toBe(false);
});

test('merged scripts are in order of time, and limits hold', () => {
  const script = (): TrafficScript =>
    mergeTraffic(
      busy(3),
      portScan({ start: TRAFFIC_START + SECOND, attacker: clientHost(1), targets: [clientHost(2)], ports: [1, 2, 3] }),
      synFlood({ start: TRAFFIC_START, source: 'spoofed', target: clientHost(2), packetsPerSecond: 500 }),
    );
  const until = TRAFFIC_START + 2 * SECOND;
  const times = records(trafficFile(script(), { until })).map(({ time }) => time);
  expect(times.length).toBeGreaterThan(2500);
  expect(times).toEqual(times.toSorted((a, b) => a - b));
  expect(times.at(-1)).toBeLessThan(until);
  expect(records(trafficFile(script(), { maxPackets: 77 }))).toHaveLength(77);
  const cut = records(trafficFile(busy(3), { maxPackets: 500, snapLength: 64 }));
  expect(cut.every(({ captured, length }) => captured === Math.min(64, length))).toBe(true);
  expect(cut.some(({ length }) => length > 1000)).toBe(true);
});

test('files and streams carry the bytes of the file in memory', async () => {
  const limits = { maxPackets: 4000, chunkBytes: 1 };
  const whole = trafficFile(busy(4), limits);
  const path = join(folder, 'written.pcap');
  expect(writeTraffic(path, busy(4), limits)).toEqual({ packets: 4000, bytes: whole.length });
  expect(readFileSync(path).equals(whole)).toBe(true);
  const streamed: Buffer[] = [];
  for await (const chunk of trafficStream(busy(4), limits)) streamed.push(chunk as Buffer);
  expect(Buffer.concat(streamed).equals(whole)).toBe(true);
});

test('normal traffic is sound, varied and fulfils no rule', { timeout: 60_000 }, async (context) => {
  requireTool(context, 'tshark');
  const path = join(folder, 'normal.pcap');
  // 70 s: longer than the window of the rules.
  writeTraffic(path, normalTraffic({ seed: 5, packetsPerSecond: 250, clients: 30, ipv6Share: 0.3 }), {
    until: TRAFFIC_START + 70 * SECOND,
  });
  const { frames, error } = await readWithTshark(path, { verifyChecksums: true });
  expect(error).toBeUndefined();
  const complaints = frames.flatMap(({ frame, expert }) =>
    expert.filter(({ severity }) => severity >= EXPERT_WARNING).map(({ message }) => `${frame}: ${message}`),
  );
  expect(complaints.filter((complaint) => !/No response seen/.test(complaint))).toEqual([]);
  for (const layer of ['dns', 'tls', 'http', 'arp', 'ntp', 'icmp', 'icmpv6', 'mdns', 'ipv6']) {
    expect(
      frames.some(({ layers }) => layers.includes(layer)),
      layer,
    ).toBe(true);
  }
  expect(frames.some(({ tlsServerName }) => tlsServerName?.startsWith('www.site-'))).toBe(true);
  const versions = frames.map((frame) => outermostPacket(frame)?.version);
  const share = versions.filter((version) => version === 6).length / frames.length;
  expect(share).toBeGreaterThan(0.15);
  expect(share).toBeLessThan(0.45);
  expect(referenceDetections(frames.map(referencePacket))).toEqual([]);
});

test('worst cases are what they say', () => {
  const rate = { packetsPerSecond: 100_000 };
  const limits = { maxPackets: 20_000 };
  const sources = (script: TrafficScript): number =>
    new Set(records(trafficFile(script, limits)).map(({ source }) => source)).size;
  expect(sources(distinctSources(rate))).toBe(20_000);
  expect(sources(oneSource(rate))).toBe(1);
  expect(sources(smallestFrames({ ...rate, sources: 50 }))).toBe(50);
  expect(sources(spoofedFlood())).toBeGreaterThan(19_990);
  expect(records(trafficFile(smallestFrames(rate), limits)).every(({ length }) => length === 60)).toBe(true);
  expect(records(trafficFile(largestFrames(rate), { maxPackets: 9 })).every(({ length }) => length === 1514)).toBe(
    true,
  );
  const flood = records(trafficFile(spoofedFlood(), { until: TRAFFIC_START + SECOND }));
  expect(flood.length).toBeCloseTo(1_000_000 / 60, -1);
});

test('random numbers stay in their ranges and follow their laws', () => {
  const random = new Random(9);
  const counts = new Array<number>(10).fill(0);
  for (let i = 0; i < 100_000; i++) counts[random.zipf(10)]!++;
  expect(counts.every((count, index) => index === 0 || count < counts[index - 1]!)).toBe(true);
  expect(counts[0]! / counts[9]!).toBeGreaterThan(5);
  let sum = 0;
  for (let i = 0; i < 100_000; i++) sum += random.exponential(50);
  expect(sum / 100_000).toBeCloseTo(50, -1);
  for (let i = 0; i < 1000; i++) {
    const value = random.between(-3, 3);
    expect(value).toBeGreaterThanOrEqual(-3);
    expect(value).toBeLessThanOrEqual(3);
  }
});
