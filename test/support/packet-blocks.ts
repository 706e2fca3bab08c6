/** Seeded packets as columns and as records of the topic `packets`: every kind of address, and every column set and unset. */

import { formatSource } from '../../schemas/address.js';
import { encodePacketBatch } from '../../schemas/packets/packet-batch.js';
import {
  ADDRESS_IPV4,
  ADDRESS_IPV6,
  ADDRESS_MAC,
  ADDRESS_NONE,
  HAS_FRAGMENT,
  HAS_ICMP,
  HAS_IP,
  HAS_IP_ID,
  HAS_MACS,
  HAS_PORTS,
  HAS_TCP,
  PacketBlock,
  type PacketOrigin,
} from '../../schemas/packets/packet-block.js';
import { Random } from './random.js';

export const TEST_ORIGIN: PacketOrigin = {
  captureNode: 'node-1',
  interface: 'eth0',
  linkType: 1,
  timeline: '',
  sampling: 'none',
  samplingRate: 1,
};

export interface TrafficOptions {
  readonly seed: number;
  readonly records: number;
  /** Most packets of a record; each has 1 to this many. */
  readonly packets: number;
  readonly sources: number;
  /** µs since 1970-01-01 UTC of the first packet. */
  readonly start: number;
  /** µs from one packet to the next. */
  readonly step: number;
  readonly origins?: readonly PacketOrigin[];
  /** One of how many packets has something rare: VLAN, ICMP, a fragment, ARP, an application. 0 is none. */
  readonly rare?: number;
}

export interface TrafficRecord {
  readonly key: string;
  readonly value: Buffer;
  readonly packets: number;
}

/** Records of traffic; the same options give the same bytes. */
export function* packetRecords(options: TrafficOptions): Generator<TrafficRecord> {
  const random = new Random(options.seed);
  const below = (limit: number): number => random.below(limit);
  const block = new PacketBlock(options.packets);
  const rows = Array.from({ length: options.packets }, (_, row) => row);
  const origins = options.origins ?? [TEST_ORIGIN];
  let time = options.start;
  for (let record = 0; record < options.records; record++) {
    block.reset();
    const count = 1 + random.below(options.packets);
    const origin = origins[random.below(origins.length)]!;
    const source = random.below(options.sources);
    for (let i = 0; i < count; i++) {
      addPacket(block, below, origin, source, time, options.rare ?? 10);
      time += options.step;
    }
    yield { key: formatSource(block, 0), value: encodePacketBatch(block, rows, 0, count), packets: count };
  }
}

/** A packet of one of the sources; every 50th source has an IPv6 address, every 51st only a MAC, every 52nd nothing. */
export function addPacket(
  block: PacketBlock,
  below: (bound: number) => number,
  origin: PacketOrigin,
  source: number,
  time: number,
  rare: number,
): void {
  const row = block.addRow();
  block.origin[row] = block.originIndex(origin);
  block.timestamp[row] = time;
  block.frameLength[row] = 60 + below(1455);
  block.capturedLength[row] = Math.min(96, block.frameLength[row]!);
  let present = HAS_MACS;
  for (let i = 0; i < 12; i++) block.macs[row * 12 + i] = i < 6 ? (source >>> (i * 4)) & 255 : below(256);
  const special = source % 50;
  if (special === 1 || special === 2) {
    if (special === 2) present &= ~HAS_MACS;
    block.sourceKind[row] = special === 1 ? ADDRESS_MAC : ADDRESS_NONE;
    block.etherType[row] = special === 1 ? 0x88cc : 0;
    block.present[row] = present;
    return;
  }
  present |= HAS_IP;
  block.ttl[row] = 1 + below(255);
  if (special === 0) {
    const address = Buffer.alloc(16);
    address.writeUInt32BE(0x20010db8);
    address.writeUInt32BE(source, 12);
    block.sourceKind[row] = block.destinationKind[row] = ADDRESS_IPV6;
    block.sourceAddress[row] = block.addIpv6(address, 0);
    address.writeUInt32BE(below(1000), 12);
    block.destinationAddress[row] = block.addIpv6(address, 0);
    block.etherType[row] = 0x86dd;
  } else {
    block.sourceKind[row] = block.destinationKind[row] = ADDRESS_IPV4;
    block.sourceAddress[row] = (0x0a000000 + source) >>> 0;
    block.destinationAddress[row] = (0xc0a80000 + below(5000)) >>> 0;
    block.etherType[row] = 0x0800;
    present |= HAS_IP_ID;
    block.ipId[row] = below(65_536);
  }
  const kind = below(10);
  if (kind < 7) {
    present |= HAS_PORTS | HAS_TCP;
    block.ipProtocol[row] = 6;
    block.sourcePort[row] = 1024 + below(64_000);
    block.destinationPort[row] = [80, 443, 22, 25, 8080][below(5)]!;
    block.tcpFlags[row] = [0x02, 0x10, 0x12, 0x18, 0x11, 0x14][below(6)]!;
    block.tcpSequence[row] = below(2 ** 31) * 2 + 1;
  } else {
    present |= HAS_PORTS;
    block.ipProtocol[row] = 17;
    block.sourcePort[row] = 1024 + below(64_000);
    block.destinationPort[row] = below(65_536);
  }
  block.role[row] = below(4);
  block.present[row] = present;
  if (rare > 0 && below(rare) === 0) addRarity(block, row, below(5));
}

function addRarity(block: PacketBlock, row: number, which: number): void {
  const none = { arp: null, neighborDiscovery: null, application: null, tunnel: null };
  switch (which) {
    case 0:
      block.vlan[row] = 100;
      block.innerVlan[row] = 4094;
      break;
    case 1:
      block.present[row] = (block.present[row]! | HAS_ICMP) & ~(HAS_PORTS | HAS_TCP);
      block.ipProtocol[row] = 1;
      block.icmpType[row] = 8;
      block.icmpCode[row] = 255;
      break;
    case 2:
      block.present[row] = (block.present[row]! | HAS_FRAGMENT) & ~(HAS_PORTS | HAS_TCP);
      block.fragmentOffset[row] = 65_528;
      break;
    case 3:
      block.failure[row] = 23;
      break;
    default:
      block.setExtra(row, {
        ...none,
        application: {
          protocol: 'dns',
          dnsQuery: 'bücher\0.example',
          dnsType: 1,
          tlsServerName: null,
          httpHost: null,
          dhcpMessageType: null,
          dhcpHostname: null,
        },
      });
  }
}
