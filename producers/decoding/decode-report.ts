/**
 * What `nta decode` prints: a packet as a line of JSON with the fields of the Avro record (schemas/avro), or the counts
 * of a whole capture, as a user holds them against tshark.
 */

import { formatAddressBytes, formatDestination, formatMac, formatSource } from '../../schemas/address.js';
import { formatTimestamp } from '../../schemas/alerts/alert.js';
import type { Application } from '../../schemas/packets/application.js';
import { DECODE_FAILURES } from '../../schemas/packets/decode-failure.js';
import {
  HAS_FRAGMENT,
  HAS_ICMP,
  HAS_IP,
  HAS_IP_ID,
  HAS_MACS,
  HAS_PORTS,
  HAS_TCP,
  type PacketBlock,
  type PacketExtra,
  ROLE_NAMES,
} from '../../schemas/packets/packet-block.js';
import type { CaptureFailure } from '../capture-file/failure.js';
import { ETHERTYPE_ARP, ETHERTYPE_IPV4, ETHERTYPE_IPV6 } from '../protocols/ethertype.js';
import { PROTOCOL_ICMP, PROTOCOL_ICMPV6, PROTOCOL_TCP, PROTOCOL_UDP } from '../protocols/ip-protocol.js';
import { type DecodeCaptureOptions, type DecodedCapture, decodeCapture } from './capture-decoder.js';
import { LINK_NAMES, LINKTYPE_LINUX_SLL, LINKTYPE_LINUX_SLL2 } from './link.js';

/** Addresses and MACs are text; what a packet does not have is null. */
export interface PacketDocument {
  /** Number of the frame in its file, from 1. */
  readonly frame: number;
  readonly interface: string;
  readonly linkType: number;
  /** ISO 8601 with µs, UTC. */
  readonly timestamp: string;
  /** IP address, in ARP the sender's; else the source MAC. */
  readonly source: string | null;
  readonly frameLength: number;
  readonly capturedLength: number;
  readonly sourceMac: string | null;
  readonly destinationMac: string | null;
  readonly vlan: number | null;
  readonly innerVlan: number | null;
  readonly etherType: number | null;
  readonly destination: string | null;
  readonly ipProtocol: number | null;
  readonly ttl: number | null;
  readonly ipId: number | null;
  readonly fragmentOffset: number | null;
  readonly sourcePort: number | null;
  readonly destinationPort: number | null;
  readonly tcpFlags: number | null;
  readonly tcpSequence: number | null;
  readonly icmpType: number | null;
  readonly icmpCode: number | null;
  readonly role: (typeof ROLE_NAMES)[number];
  readonly arp: ArpDocument | null;
  readonly neighborDiscovery: { readonly target: string; readonly linkLayerAddress: string | null } | null;
  readonly application: Application | null;
  readonly tunnel: TunnelDocument | null;
  /** Why the frame could not be decoded whole; a name of `DECODE_FAILURES`. */
  readonly failure: string | null;
}

export interface ArpDocument {
  readonly operation: number;
  readonly senderMac: string;
  readonly senderAddress: string;
  readonly targetMac: string;
  readonly targetAddress: string;
}

export interface TunnelDocument {
  readonly type: string;
  readonly layer: string;
  readonly id: number | null;
  readonly source: string | null;
  readonly destination: string | null;
  readonly ipProtocol: number | null;
  readonly sourcePort: number | null;
  readonly destinationPort: number | null;
}

const NOTHING: PacketExtra = { arp: null, neighborDiscovery: null, application: null, tunnel: null };

/** A row as an object. */
export function packetDocument(block: PacketBlock, row: number, frame: number): PacketDocument {
  const origin = block.origins[block.origin[row]!]!;
  const present = block.present[row]!;
  const has = <Value>(bit: number, value: Value): Value | null => ((present & bit) !== 0 ? value : null);
  const extra = block.extraOf(row) ?? NOTHING;
  const tellsDestinationMac = origin.linkType !== LINKTYPE_LINUX_SLL && origin.linkType !== LINKTYPE_LINUX_SLL2;
  return {
    frame,
    interface: origin.interface,
    linkType: origin.linkType,
    timestamp: formatTimestamp(block.timestamp[row]!),
    source: formatSource(block, row) || null,
    frameLength: block.frameLength[row]!,
    capturedLength: block.capturedLength[row]!,
    sourceMac: has(HAS_MACS, formatMac(block.macs, row * 12)),
    destinationMac: tellsDestinationMac ? has(HAS_MACS, formatMac(block.macs, row * 12 + 6)) : null,
    vlan: block.vlan[row]! || null,
    innerVlan: block.innerVlan[row]! || null,
    etherType: block.etherType[row]! || null,
    destination: formatDestination(block, row) || null,
    ipProtocol: has(HAS_IP, block.ipProtocol[row]!),
    ttl: has(HAS_IP, block.ttl[row]!),
    ipId: has(HAS_IP_ID, block.ipId[row]!),
    fragmentOffset: has(HAS_FRAGMENT, block.fragmentOffset[row]!),
    sourcePort: has(HAS_PORTS, block.sourcePort[row]!),
    destinationPort: has(HAS_PORTS, block.destinationPort[row]!),
    tcpFlags: has(HAS_TCP, block.tcpFlags[row]!),
    tcpSequence: has(HAS_TCP, block.tcpSequence[row]!),
    icmpType: has(HAS_ICMP, block.icmpType[row]!),
    icmpCode: has(HAS_ICMP, block.icmpCode[row]!),
    role: ROLE_NAMES[block.role[row]!] ?? 'unknown',
    arp: extra.arp && {
      operation: extra.arp.operation,
      senderMac: formatAddressBytes(extra.arp.senderMac),
      senderAddress: formatAddressBytes(extra.arp.senderAddress),
      targetMac: formatAddressBytes(extra.arp.targetMac),
      targetAddress: formatAddressBytes(extra.arp.targetAddress),
    },
    neighborDiscovery: extra.neighborDiscovery && {
      target: formatAddressBytes(extra.neighborDiscovery.target),
      linkLayerAddress: formatAddressBytes(extra.neighborDiscovery.linkLayerAddress) || null,
    },
    application: extra.application,
    tunnel: extra.tunnel && {
      ...extra.tunnel,
      source: formatAddressBytes(extra.tunnel.source) || null,
      destination: formatAddressBytes(extra.tunnel.destination) || null,
    },
    failure: DECODE_FAILURES[block.failure[row]!] || null,
  };
}

/** A row as one line of JSON, without the line's end. */
export function formatPacket(block: PacketBlock, row: number, frame: number): string {
  return JSON.stringify(packetDocument(block, row, frame));
}

/** Counts of frames; bytes are lengths on the wire. Protocols are those of the outermost packet; later fragments have none above IP. */
export interface CaptureSummary {
  packets: number;
  bytes: number;
  ipv4: number;
  ipv6: number;
  tcp: number;
  udp: number;
  icmp: number;
  icmpv6: number;
  arp: number;
  /** By name of the link, "linktype_N" for those without one here. */
  readonly links: Record<string, number>;
  readonly applications: Record<string, number>;
  /** By name of `DECODE_FAILURES`. */
  readonly failures: Record<string, number>;
}

export function emptySummary(): CaptureSummary {
  return {
    packets: 0,
    bytes: 0,
    ipv4: 0,
    ipv6: 0,
    tcp: 0,
    udp: 0,
    icmp: 0,
    icmpv6: 0,
    arp: 0,
    links: {},
    applications: {},
    failures: {},
  };
}

/** Adds the rows of a block, decoded with the outer packet in the columns. */
export function summarizeBlock(summary: CaptureSummary, block: PacketBlock): void {
  for (let row = 0; row < block.count; row++) {
    summary.packets++;
    summary.bytes += block.frameLength[row]!;
    const linkType = block.origins[block.origin[row]!]!.linkType;
    countUp(summary.links, LINK_NAMES[linkType] ?? `linktype_${linkType}`);
    const failure = block.failure[row]!;
    if (failure !== 0) countUp(summary.failures, DECODE_FAILURES[failure]!);
    const application = block.applicationOf(row);
    if (application !== null) countUp(summary.applications, application.protocol);
    countProtocols(summary, block, row);
  }
}

function countProtocols(summary: CaptureSummary, block: PacketBlock, row: number): void {
  const etherType = block.etherType[row]!;
  if (etherType === ETHERTYPE_ARP) summary.arp++;
  else if (etherType === ETHERTYPE_IPV4) summary.ipv4++;
  else if (etherType === ETHERTYPE_IPV6) summary.ipv6++;
  const present = block.present[row]!;
  if ((present & HAS_IP) === 0) return;
  if ((present & HAS_FRAGMENT) !== 0 && block.fragmentOffset[row] !== 0) return;
  switch (block.ipProtocol[row]) {
    case PROTOCOL_TCP:
      summary.tcp++;
      break;
    case PROTOCOL_UDP:
      summary.udp++;
      break;
    case PROTOCOL_ICMP:
      if (etherType === ETHERTYPE_IPV4) summary.icmp++;
      break;
    case PROTOCOL_ICMPV6:
      if (etherType === ETHERTYPE_IPV6) summary.icmpv6++;
  }
}

function countUp(counts: Record<string, number>, name: string): void {
  counts[name] = (counts[name] ?? 0) + 1;
}

export interface SummarizedCapture {
  readonly summary: CaptureSummary;
  readonly failure: CaptureFailure | null;
  readonly capture: DecodedCapture;
}

/** The counts of one capture. */
export async function summarizeCapture(
  path: string,
  options: Omit<DecodeCaptureOptions, 'tunnels'> = {},
): Promise<SummarizedCapture> {
  const summary = emptySummary();
  const capture = await decodeCapture(path, options, (block) => summarizeBlock(summary, block));
  return { summary, failure: capture.failure, capture };
}

/** The counts as a table of text lines, zero counts left out except the fixed ones. */
export function formatSummary(summary: CaptureSummary): string {
  const { links, applications, failures, ...counts } = summary;
  const lines = Object.entries(counts).map(([name, count]) => `${name.padEnd(28)}${count}`);
  const groups = { link: links, application: applications, failure: failures };
  for (const [group, byName] of Object.entries(groups)) {
    const sorted = Object.entries(byName).sort(([, a], [, b]) => b - a);
    for (const [name, count] of sorted) lines.push(`${`${group} ${name}`.padEnd(28)}${count}`);
  }
  return lines.join('\n');
}
