/** Built packets through the real engine, for tests of detectors and of the engine. */

import type { DetectionRules } from '../../processors/contract/rule.js';
import { DetectionEngine } from '../../processors/engine/detection-engine.js';
import { DEFAULT_ENGINE_LIMITS, type EngineLimits } from '../../processors/engine/engine.js';
import { defaultRules } from '../../processors/rules/default-rules.js';
import type { AlertDocument } from '../../schemas/alerts/alert.js';
import {
  ADDRESS_IPV4,
  ADDRESS_IPV6,
  HAS_FRAGMENT,
  HAS_IP,
  HAS_PORTS,
  HAS_TCP,
  PacketBlock,
  type PacketOrigin,
  ROLE_OPENING,
  ROLE_UNKNOWN,
} from '../../schemas/packets/packet-block.js';
import { ipv4Bytes, ipv4Number, ipv6Bytes, macBytes } from './address-bytes.js';
import type { ReferencePacket } from './reference-detection.js';

/** A packet of the reference, and where it was captured. */
export interface BuiltPacket extends ReferencePacket {
  readonly captureNode?: string;
  readonly timeline?: string;
  readonly role?: number;
  readonly tcpSequence?: number;
}

/** The packets as one block, in the order of the list. */
export function packetBlock(packets: readonly BuiltPacket[]): PacketBlock {
  const block = new PacketBlock(Math.max(1, packets.length));
  const origins = new Map<string, PacketOrigin>();
  for (const packet of packets) {
    const { captureNode = 'node-1', timeline = '' } = packet;
    const key = JSON.stringify([captureNode, timeline]);
    const origin = origins.get(key) ?? {
      captureNode,
      timeline,
      interface: 'eth0',
      linkType: 1,
      sampling: 'none' as const,
      samplingRate: 1,
    };
    origins.set(key, origin);
    addPacket(block, packet, block.originIndex(origin));
  }
  return block;
}

function addPacket(block: PacketBlock, packet: BuiltPacket, origin: number): void {
  const row = block.addRow();
  block.timestamp[row] = packet.time;
  block.origin[row] = origin;
  block.role[row] = packet.role ?? (packet.opening ? ROLE_OPENING : ROLE_UNKNOWN);
  setAddress(block, row, block.sourceKind, block.sourceAddress, packet.source);
  setAddress(block, row, block.destinationKind, block.destinationAddress, packet.destination);
  if (packet.arp) {
    block.etherType[row] = 0x0806;
    block.setExtra(row, {
      arp: {
        operation: 1,
        senderMac: macBytes(packet.arp.senderMac),
        senderAddress: ipv4Bytes(packet.arp.senderAddress),
        targetMac: new Uint8Array(6),
        targetAddress: new Uint8Array(4),
      },
      neighborDiscovery: null,
      application: null,
      tunnel: null,
    });
    return;
  }
  block.present[row] = HAS_IP;
  block.ipProtocol[row] = packet.ipProtocol ?? 0;
  if (packet.destinationPort !== undefined) {
    block.present[row]! |= HAS_PORTS;
    block.sourcePort[row] = packet.sourcePort ?? 0;
    block.destinationPort[row] = packet.destinationPort;
  }
  if (packet.tinyFragment) block.present[row]! |= HAS_FRAGMENT;
  if (packet.tcpFlags !== undefined) {
    block.present[row]! |= HAS_TCP;
    block.tcpFlags[row] = packet.tcpFlags;
    block.tcpSequence[row] = packet.tcpSequence ?? 0;
  }
}

function setAddress(block: PacketBlock, row: number, kinds: Uint8Array, addresses: Uint32Array, text: string): void {
  if (text === '') return;
  if (text.includes(':')) {
    kinds[row] = ADDRESS_IPV6;
    addresses[row] = block.addIpv6(ipv6Bytes(text), 0);
  } else {
    kinds[row] = ADDRESS_IPV4;
    addresses[row] = ipv4Number(text);
  }
}

/** An engine with the default rules and limits, unless told otherwise. */
export function detectionEngine(
  rules: DetectionRules = defaultRules(),
  limits: Partial<EngineLimits> = {},
): DetectionEngine {
  return new DetectionEngine(rules, { ...DEFAULT_ENGINE_LIMITS, ...limits });
}

/** All alerts of the packets, in the order of arrival; at the end every timeline ends. */
export function detect(
  packets: readonly BuiltPacket[],
  rules: DetectionRules = defaultRules(),
  limits: Partial<EngineLimits> = {},
): readonly AlertDocument[] {
  const engine = detectionEngine(rules, limits);
  const block = packetBlock(packets);
  engine.process(block, 0, block.count);
  const newest = packets.reduce((time, packet) => Math.max(time, packet.time), 0);
  for (const timeline of new Set(packets.map((packet) => packet.timeline ?? ''))) engine.endTimeline(timeline, newest);
  return engine.take().alerts;
}
