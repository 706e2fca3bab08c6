/** Captures that benches read: generated from a seed, written once a run, removed with its folder. */
import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { synFlood } from '../support/attack-traffic.js';
import { normalTraffic } from '../support/normal-traffic.js';
import { TRAFFIC_START, type TrafficScript, writeTraffic } from '../support/traffic.js';
import { trafficHost } from '../support/traffic-host.js';
import { distinctSources, oneSource, smallestFrames, spoofedFlood } from '../support/worst-case-traffic.js';
import type { BenchContext } from './bench.js';

/** Bytes kept of each frame: what `nta capture` keeps live is 1,024; headers and names are in the first 256. */
const HEADERS_ONLY = 256;
/** Of the capture's own clock, so that windows hold what they would hold at a busy site. */
const PACKETS_PER_SECOND = 50_000;

const FLOODER = { source: trafficHost({ ipv4: '198.51.100.66' }), target: trafficHost({ ipv4: '192.0.2.80' }) };

export interface InputKind {
  readonly summary: string;
  readonly script: () => TrafficScript;
  readonly snapLength: number;
}

export const INPUT_KINDS = {
  mix: {
    summary: 'realistic mix (Zipf-like sources and sizes, IPv6, DNS, TLS, HTTP, ARP), frames cut to 256 bytes',
    script: () => normalTraffic({ seed: 1, packetsPerSecond: PACKETS_PER_SECOND, clients: 2_000, ipv6Share: 0.25 }),
    snapLength: HEADERS_ONLY,
  },
  'mix-whole': {
    summary: 'the same mix, whole frames',
    script: () => normalTraffic({ seed: 1, packetsPerSecond: PACKETS_PER_SECOND, clients: 2_000, ipv6Share: 0.25 }),
    snapLength: 65_535,
  },
  smallest: {
    summary: '64-byte frames of 1,000 sources',
    script: () => smallestFrames({ packetsPerSecond: PACKETS_PER_SECOND }),
    snapLength: HEADERS_ONLY,
  },
  distinct: {
    summary: 'every packet from a source of its own',
    script: () => distinctSources({ packetsPerSecond: PACKETS_PER_SECOND }),
    snapLength: HEADERS_ONLY,
  },
  'one-source': {
    summary: 'all packets from one source',
    script: () => oneSource({ packetsPerSecond: PACKETS_PER_SECOND }),
    snapLength: HEADERS_ONLY,
  },
  'syn-flood': {
    summary: 'SYNs from one source to one port',
    script: () => synFlood({ start: TRAFFIC_START, ...FLOODER, packetsPerSecond: PACKETS_PER_SECOND }),
    snapLength: HEADERS_ONLY,
  },
  spoofed: {
    summary: 'SYNs from random addresses, a million a minute',
    script: () => spoofedFlood(),
    snapLength: HEADERS_ONLY,
  },
} as const satisfies Record<string, InputKind>;
export type InputName = keyof typeof INPUT_KINDS;

export interface Input {
  readonly path: string;
  readonly packets: number;
  readonly bytes: number;
  readonly summary: string;
}

/** A capture of so many packets, made at first use. */
export function provideInput(context: BenchContext, name: InputName, packets = context.scale.packets): Input {
  const kind = INPUT_KINDS[name];
  const path = join(context.folder, `${name}-${packets}.pcap`);
  if (!existsSync(path)) {
    context.say(`making ${packets.toLocaleString('en-US')} packets: ${kind.summary}`);
    const written = writeTraffic(path, kind.script(), { maxPackets: packets, snapLength: kind.snapLength });
    if (written.packets !== packets) throw new Error(`${name} ended after ${written.packets} packets`);
  }
  return { path, packets, bytes: statSync(path).size, summary: kind.summary };
}
