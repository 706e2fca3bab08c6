/**
 * A fleet of capture nodes as records of the topic `packets`: background traffic and all four attacks, seeded. Records
 * come in the order of their event time, which a test publishes faster than time itself.
 */

import { formatIpv4 } from '../../schemas/address.js';
import { encodePacketBatch, encodeTick } from '../../schemas/packets/packet-batch.js';
import {
  ADDRESS_IPV4,
  HAS_IP,
  HAS_MACS,
  HAS_PORTS,
  HAS_TCP,
  PacketBlock,
  type PacketOrigin,
  ROLE_OPENING,
  TCP_ACK,
  TCP_SYN,
} from '../../schemas/packets/packet-block.js';
import { Random } from './random.js';
import { SECOND, TRAFFIC_START } from './traffic.js';

export interface StreamRecord {
  /** µs. */
  readonly time: number;
  /** Source address; null for a tick, which goes to every partition. */
  readonly key: string | null;
  readonly value: Buffer;
  readonly packets: number;
}

export interface AttackStreamOptions {
  readonly seed: number;
  readonly seconds: number;
  readonly captureNodes: number;
  /** Packets a second of ordinary traffic. */
  readonly backgroundRate: number;
  /** Sources of ordinary traffic. */
  readonly backgroundSources: number;
  readonly timeline?: string;
  /** µs; traffic of the support folder's own beginning when absent. */
  readonly start?: number;
}

export const SPREAD_SCANNER = '203.0.113.7';
export const FLOODER = '203.0.113.8';
export const GUESSER = '203.0.113.9';
export const SPOOFED_GATEWAY = '192.168.1.1';

interface Packet {
  readonly source: number;
  readonly node: number;
  readonly time: number;
  readonly destination: number;
  readonly port: number;
  readonly flags: number;
  /** Last byte of the sender's MAC for ARP, else null. */
  readonly arpMac: number | null;
}

/** Batches of a source and node hold what came within this, µs. */
const LINGER = 50_000;

/** Ordinary traffic, and attacks that begin, go on, pause and begin again while it lasts. */
export function* attackStream(options: AttackStreamOptions): Generator<StreamRecord> {
  const { seed, seconds, captureNodes, timeline = '', start = TRAFFIC_START } = options;
  const origins = Array.from({ length: captureNodes }, (_, index): PacketOrigin => origin(index, timeline));
  const random = new Random(seed);
  const attacks = attackPackets(random, options, start).sort((a, b) => a.time - b.time);
  const block = new PacketBlock(10_000);
  let nextAttack = 0;
  for (let from = start; from < start + seconds * SECOND; from += LINGER) {
    const packets = background(random, options, from);
    while (nextAttack < attacks.length && attacks[nextAttack]!.time < from + LINGER)
      packets.push(attacks[nextAttack++]!);
    packets.sort((a, b) => a.time - b.time);
    yield* batches(block, origins, packets);
    if ((from - start) % SECOND === 0) {
      for (const node of origins) yield tick(node, from + LINGER);
    }
  }
  // Past every window, so that what is quiet closes.
  for (const node of origins) yield tick(node, start + (seconds + 900) * SECOND);
}

/** What one scanner does when every capture node sees a single port of it, 3 s apart. */
export function* spreadScan(captureNodes: number, timeline = ''): Generator<StreamRecord> {
  const block = new PacketBlock(10);
  for (let node = 0; node < captureNodes; node++) {
    const time = TRAFFIC_START + node * 3 * SECOND;
    const probe = syn(SPREAD_SCANNER, node, time, '198.51.100.1', 1000 + node);
    yield* batches(
      block,
      Array.from({ length: captureNodes }, (_, index) => origin(index, timeline)),
      [probe],
    );
  }
}

/** A scan of which one node says that it is hours ahead before another sees the probes, in the second before `end`, µs. */
export function* skewedScan(source: string, end: number, aheadMicros: number): Generator<StreamRecord> {
  const block = new PacketBlock(10);
  const origins = [origin(0, ''), origin(1, '')];
  const first = syn(source, 0, end + aheadMicros, '198.51.100.1', 443);
  yield* batches(block, origins, [{ ...first, flags: TCP_ACK }]);
  for (let probe = 0; probe < 20; probe++) {
    yield* batches(block, origins, [syn(source, 1, end - (20 - probe) * (SECOND / 20), '198.51.100.1', 1000 + probe)]);
  }
  // What becomes of them is known a little later.
  yield tick(origins[1]!, end + 2 * SECOND);
}

export interface SteadyTrafficOptions {
  readonly packetsPerSecond: number;
  readonly seconds: number;
  readonly packetsPerRecord: number;
  readonly sources: number;
  /** One packet in so many asks for a connection. */
  readonly synEvery: number;
  /** µs. */
  readonly start: number;
}

/** Much ordinary traffic of one capture node, in full records; what counts is the amount. */
export function* steadyTraffic(options: SteadyTrafficOptions): Generator<StreamRecord> {
  const { packetsPerSecond, seconds, packetsPerRecord, sources, synEvery, start } = options;
  const node = origin(0, '');
  const block = new PacketBlock(packetsPerRecord);
  const rows = Array.from({ length: packetsPerRecord }, (_, row) => row);
  const recordMicros = (packetsPerRecord * SECOND) / packetsPerSecond;
  const records = Math.floor((packetsPerSecond * seconds) / packetsPerRecord);
  for (let record = 0; record < records; record++) {
    block.reset();
    const time = Math.floor(start + record * recordMicros);
    const source = 0x0a000000 + ((record * 7919) % sources);
    for (let i = 0; i < packetsPerRecord; i++) {
      const flags = i % synEvery === 0 ? TCP_SYN : TCP_ACK;
      const destination = 0xc6336401 + (i % 200);
      putPacket(block, node, { source, node: 0, time: time + i, destination, port: 443, flags, arpMac: null });
    }
    yield {
      time,
      key: formatIpv4(source),
      value: encodePacketBatch(block, rows, 0, packetsPerRecord),
      packets: packetsPerRecord,
    };
  }
}

function origin(index: number, timeline: string): PacketOrigin {
  const captureNode = `node-${String(index).padStart(2, '0')}`;
  return { captureNode, interface: 'eth0', linkType: 1, timeline, sampling: 'none', samplingRate: 1 };
}

function tick(node: PacketOrigin, time: number): StreamRecord {
  return { time, key: null, value: encodeTick(node, time, false), packets: 0 };
}

function* batches(
  block: PacketBlock,
  origins: readonly PacketOrigin[],
  packets: readonly Packet[],
): Generator<StreamRecord> {
  block.reset();
  const groups = new Map<string, number[]>();
  for (const packet of packets) {
    const row = putPacket(block, origins[packet.node]!, packet);
    const key = `${packet.source} ${packet.node}`;
    const group = groups.get(key);
    if (group) group.push(row);
    else groups.set(key, [row]);
  }
  for (const rows of groups.values()) {
    yield {
      time: block.timestamp[rows[0]!]!,
      key: formatIpv4(block.sourceAddress[rows[0]!]!),
      value: encodePacketBatch(block, rows, 0, rows.length),
      packets: rows.length,
    };
  }
}

function putPacket(block: PacketBlock, node: PacketOrigin, packet: Packet): number {
  const row = block.addRow();
  block.origin[row] = block.originIndex(node);
  block.timestamp[row] = packet.time;
  block.frameLength[row] = 60;
  block.capturedLength[row] = 60;
  block.sourceKind[row] = ADDRESS_IPV4;
  block.sourceAddress[row] = packet.source;
  block.destinationKind[row] = ADDRESS_IPV4;
  block.destinationAddress[row] = packet.destination;
  block.macs.fill(0, row * 12, row * 12 + 12);
  block.macs[row * 12 + 11] = packet.arpMac ?? 0;
  if (packet.arpMac !== null) {
    block.present[row] = HAS_MACS;
    block.etherType[row] = 0x0806;
    const mac = Uint8Array.of(2, 0, 0, 0, 0, packet.arpMac);
    block.setExtra(row, {
      arp: {
        operation: 2,
        senderMac: mac,
        senderAddress: ipv4Bytes(packet.source),
        targetMac: new Uint8Array(6),
        targetAddress: ipv4Bytes(packet.destination),
      },
      neighborDiscovery: null,
      application: null,
      tunnel: null,
    });
    return row;
  }
  block.present[row] = HAS_MACS | HAS_IP | HAS_PORTS | HAS_TCP;
  block.etherType[row] = 0x0800;
  block.ipProtocol[row] = 6;
  block.ttl[row] = 64;
  block.sourcePort[row] = 40_000;
  block.destinationPort[row] = packet.port;
  block.tcpFlags[row] = packet.flags;
  block.tcpSequence[row] = 1;
  block.role[row] = ROLE_OPENING;
  return row;
}

function background(random: Random, options: AttackStreamOptions, from: number): Packet[] {
  const packets: Packet[] = [];
  const count = Math.round((options.backgroundRate * LINGER) / SECOND);
  for (let i = 0; i < count; i++) {
    const index = random.zipf(options.backgroundSources);
    packets.push({
      source: 0x0a000000 + index,
      node: index % options.captureNodes,
      time: from + random.below(LINGER),
      destination: 0xc6336401 + random.below(50),
      port: 443,
      flags: TCP_ACK,
      arpMac: null,
    });
  }
  return packets;
}

function attackPackets(random: Random, options: AttackStreamOptions, start: number): Packet[] {
  const { seconds, captureNodes } = options;
  const packets: Packet[] = [];
  const end = start + seconds * SECOND;
  const add = (packet: Packet): void => {
    if (packet.time < end) packets.push(packet);
  };
  // Every 150 s a scan, one port at each node in turn, and a host of scanners of their own.
  for (let begin = start + 5 * SECOND; begin < end; begin += 150 * SECOND) {
    for (let i = 0; i < 20; i++)
      add(syn(SPREAD_SCANNER, i % captureNodes, begin + i * 2.5 * SECOND, '198.51.100.1', 1000 + i));
    for (let scanner = 0; scanner < 20; scanner++) {
      const first = begin + random.below(60 * SECOND);
      const ports = random.between(8, 60);
      for (let i = 0; i < ports; i++) {
        const target = `198.51.100.${1 + random.below(20)}`;
        add(
          syn(
            `203.0.113.${100 + scanner}`,
            random.below(captureNodes),
            first + i * SECOND,
            target,
            1 + random.below(5000),
          ),
        );
      }
    }
  }
  for (let time = start + 20 * SECOND; time < end; time += 20_000) {
    if ((time - start) % (200 * SECOND) < 100 * SECOND) add(syn(FLOODER, 0, time, '198.51.100.2', 80));
  }
  for (let time = start + 10 * SECOND; time < end; time += 700_000) {
    if ((time - start) % (170 * SECOND) < 90 * SECOND)
      add(syn(GUESSER, random.below(captureNodes), time, '198.51.100.3', 22));
  }
  for (let time = start; time < end; time += 4 * SECOND) {
    add(arp(1, time, captureNodes));
    if ((time - start) % (160 * SECOND) > 30 * SECOND) add(arp(66, time + SECOND, captureNodes));
  }
  return packets;
}

function syn(source: string, node: number, time: number, destination: string, port: number): Packet {
  return { source: number(source), node, time, destination: number(destination), port, flags: TCP_SYN, arpMac: null };
}

function arp(mac: number, time: number, captureNodes: number): Packet {
  const gateway = number(SPOOFED_GATEWAY);
  return { source: gateway, node: mac % captureNodes, time, destination: gateway + 9, port: 0, flags: 0, arpMac: mac };
}

function number(address: string): number {
  return address.split('.').reduce((value, byte) => value * 256 + Number(byte), 0);
}

function ipv4Bytes(address: number): Uint8Array {
  return Uint8Array.of(address >>> 24, (address >>> 16) & 255, (address >>> 8) & 255, address & 255);
}
