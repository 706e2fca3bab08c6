/** Ordinary traffic with short scans in it, each by a source of its own: a known number of alerts at known times. */
import { join } from 'node:path';
import { portScan } from '../support/attack-traffic.js';
import { normalTraffic } from '../support/normal-traffic.js';
import { mergeTraffic, SECOND, TRAFFIC_START, type TrafficScript, writeTraffic } from '../support/traffic.js';
import { trafficHost } from '../support/traffic-host.js';
import type { BenchContext } from './bench.js';

/** One more than the threshold of port-scan, and answers to each. */
const PORTS = Array.from({ length: 11 }, (_, index) => 8_000 + index);
const PACKETS_A_SCAN = 2 * PORTS.length;
const VICTIM = trafficHost({ ipv4: '192.0.2.80' });
const FIRST_SCANNER = 0xcb007100; // 203.0.113.0
const SNAP_LENGTH = 1_024;

export interface ScanInput {
  readonly path: string;
  readonly packets: number;
  /** Each is one alert. */
  readonly scans: number;
}

export function provideScans(
  { folder }: BenchContext,
  packetsPerSecond: number,
  seconds: number,
  scansPerSecond: number,
): ScanInput {
  const path = join(folder, `scans-${packetsPerSecond}-${seconds}.pcap`);
  const scans = scansPerSecond * seconds;
  const script = mergeTraffic(
    normalTraffic({ seed: 2, packetsPerSecond: packetsPerSecond - scansPerSecond * PACKETS_A_SCAN, clients: 2_000 }),
    scanners(scans, SECOND / scansPerSecond),
  );
  // Ended by time, not by number: the last scan has to be whole.
  const { packets } = writeTraffic(path, script, {
    until: TRAFFIC_START + seconds * SECOND,
    snapLength: SNAP_LENGTH,
  });
  return { path, packets, scans };
}

function* scanners(scans: number, gap: number): TrafficScript {
  for (let scan = 0; scan < scans; scan++) {
    const attacker = trafficHost({ ipv4: FIRST_SCANNER + scan });
    const start = Math.floor(TRAFFIC_START + scan * gap);
    yield* portScan({ start, attacker, targets: [VICTIM], ports: PORTS, interval: gap / (2 * PORTS.length) });
  }
}
