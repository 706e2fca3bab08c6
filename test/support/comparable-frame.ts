/**
 * A frame as tshark and the product's decoder can both state it, for comparison field by field. Absent fields are null.
 * Where a frame carries tunnels, all fields are of the outermost packet.
 */
import { formatAddressBytes, formatDestination, formatMac, formatSource } from '../../schemas/address.js';
import {
  ADDRESS_IPV4,
  ADDRESS_IPV6,
  HAS_FRAGMENT,
  HAS_ICMP,
  HAS_IP,
  HAS_IP_ID,
  HAS_MACS,
  HAS_PORTS,
  HAS_TCP,
  type PacketBlock,
} from '../../schemas/packets/packet-block.js';
import { outermostPacket, outermostVlans } from './outermost-packet.js';
import type { TsharkFrame } from './tshark.js';

export interface ComparableFrame {
  /** µs, cut. */
  readonly time: number;
  readonly frameLength: number;
  readonly capturedLength: number;
  readonly sourceMac: string | null;
  readonly destinationMac: string | null;
  /** The two outermost ids; 0 without a tag. */
  readonly vlan: number;
  readonly innerVlan: number;
  /** Of the network layer; null when it is neither IP nor ARP. */
  readonly etherType: number | null;
  readonly source: string | null;
  readonly destination: string | null;
  readonly ipProtocol: number | null;
  readonly ttl: number | null;
  readonly ipId: number | null;
  /** null when the packet is no fragment. */
  readonly fragmentOffset: number | null;
  readonly sourcePort: number | null;
  readonly destinationPort: number | null;
  readonly tcpFlags: number | null;
  readonly tcpSequence: number | null;
  readonly icmpType: number | null;
  readonly icmpCode: number | null;
  readonly arpOperation: number | null;
  readonly arpSenderMac: string | null;
  readonly arpSenderAddress: string | null;
  readonly arpTargetMac: string | null;
  readonly arpTargetAddress: string | null;
  readonly dnsQuery: string | null;
  readonly dnsType: number | null;
  readonly tlsServerName: string | null;
  readonly httpHost: string | null;
  readonly dhcpMessageType: number | null;
  readonly dhcpHostname: string | null;
}

export type ComparableField = keyof ComparableFrame;

const NETWORK_ETHER_TYPES: ReadonlySet<number> = new Set([0x0800, 0x86dd, 0x0806]);

/** A row of a block that the decoder has filled. */
export function comparableRow(block: PacketBlock, row: number): ComparableFrame {
  const has = (bit: number): boolean => (block.present[row]! & bit) !== 0;
  const when = <Value>(bit: number, value: Value): Value | null => (has(bit) ? value : null);
  const kind = block.sourceKind[row];
  const isIp = has(HAS_IP) && (kind === ADDRESS_IPV4 || kind === ADDRESS_IPV6);
  const extra = block.extraOf(row);
  const arp = extra?.arp ?? null;
  const application = extra?.application ?? null;
  const etherType = block.etherType[row]!;
  return {
    time: block.timestamp[row]!,
    frameLength: block.frameLength[row]!,
    capturedLength: block.capturedLength[row]!,
    sourceMac: when(HAS_MACS, formatMac(block.macs, row * 12)),
    destinationMac: when(HAS_MACS, formatMac(block.macs, row * 12 + 6)),
    vlan: block.vlan[row]!,
    innerVlan: block.innerVlan[row]!,
    etherType: NETWORK_ETHER_TYPES.has(etherType) ? etherType : null,
    source: isIp ? formatSource(block, row) : null,
    destination: isIp ? formatDestination(block, row) : null,
    ipProtocol: when(HAS_IP, block.ipProtocol[row]!),
    ttl: when(HAS_IP, block.ttl[row]!),
    ipId: when(HAS_IP_ID, block.ipId[row]!),
    fragmentOffset: when(HAS_FRAGMENT, block.fragmentOffset[row]!),
    sourcePort: when(HAS_PORTS, block.sourcePort[row]!),
    destinationPort: when(HAS_PORTS, block.destinationPort[row]!),
    tcpFlags: when(HAS_TCP, block.tcpFlags[row]!),
    tcpSequence: when(HAS_TCP, block.tcpSequence[row]!),
    icmpType: when(HAS_ICMP, block.icmpType[row]!),
    icmpCode: when(HAS_ICMP, block.icmpCode[row]!),
    arpOperation: arp?.operation ?? null,
    arpSenderMac: arp && formatMac(arp.senderMac),
    arpSenderAddress: arp && formatAddressBytes(arp.senderAddress),
    arpTargetMac: arp && formatMac(arp.targetMac),
    arpTargetAddress: arp && formatAddressBytes(arp.targetAddress),
    dnsQuery: application?.dnsQuery ?? null,
    dnsType: application?.dnsType ?? null,
    tlsServerName: application?.tlsServerName ?? null,
    httpHost: application?.httpHost ?? null,
    dhcpMessageType: application?.dhcpMessageType ?? null,
    dhcpHostname: application?.dhcpHostname ?? null,
  };
}

const PORT_FIELDS = {
  tcp: ['tcpSourcePort', 'tcpDestinationPort'],
  udp: ['udpSourcePort', 'udpDestinationPort'],
  sctp: ['sctpSourcePort', 'sctpDestinationPort'],
} as const;
const ICMP_FIELDS = { icmp: ['icmpType', 'icmpCode'], icmpv6: ['icmpv6Type', 'icmpv6Code'] } as const;

const DNS_LAYERS = ['dns', 'mdns', 'llmnr'] as const;

/** A frame that tshark has read. */
export function comparableTsharkFrame(frame: TsharkFrame): ComparableFrame {
  const packet = outermostPacket(frame);
  const transport = packet?.payloadLayer ?? '';
  const ports = transport in PORT_FIELDS ? PORT_FIELDS[transport as keyof typeof PORT_FIELDS] : undefined;
  const icmp = transport in ICMP_FIELDS ? ICMP_FIELDS[transport as keyof typeof ICMP_FIELDS] : undefined;
  const isArp = packet === undefined && frame.layers.includes('arp');
  const v4 = packet?.version === 4;
  const v6 = packet?.version === 6;
  const fragmented = v4
    ? frame.moreFragments === true || (frame.fragmentOffset ?? 0) > 0
    : packet?.hasFragmentHeader === true;
  const vlans = outermostVlans(frame);
  const application = packet?.applicationLayer;
  const of = <Value>(protocols: readonly string[], value: Value | undefined): Value | null =>
    protocols.includes(application ?? '') ? (value ?? null) : null;
  const networkType = v4 ? 0x0800 : v6 ? 0x86dd : isArp ? 0x0806 : null;
  const arp = <Value>(value: Value | undefined): Value | null => (isArp ? (value ?? null) : null);
  return {
    time: Number(frame.timeNs / 1000n),
    frameLength: frame.frameLength,
    capturedLength: frame.capturedLength,
    sourceMac: frame.sourceMac ?? null,
    destinationMac: frame.destinationMac ?? null,
    vlan: vlans[0] ?? 0,
    innerVlan: vlans[1] ?? 0,
    etherType: networkType,
    source: packet?.source ?? null,
    destination: packet?.destination ?? null,
    ipProtocol: packet?.protocol ?? null,
    ttl: (v4 ? frame.ttl : v6 ? frame.hopLimit : null) ?? null,
    ipId: (v4 ? frame.ipId : packet?.hasFragmentHeader ? frame.ipv6FragmentId : null) ?? null,
    fragmentOffset: fragmented ? ((v4 ? frame.fragmentOffset : frame.ipv6FragmentOffset) ?? null) : null,
    sourcePort: (ports && frame[ports[0]]) ?? null,
    destinationPort: (ports && frame[ports[1]]) ?? null,
    tcpFlags: (transport === 'tcp' ? frame.tcpFlags : null) ?? null,
    tcpSequence: (transport === 'tcp' ? frame.tcpSequence : null) ?? null,
    icmpType: (icmp && frame[icmp[0]]) ?? null,
    icmpCode: (icmp && frame[icmp[1]]) ?? null,
    arpOperation: arp(frame.arpOperation),
    arpSenderMac: arp(frame.arpSenderMac),
    arpSenderAddress: arp(frame.arpSenderAddress),
    arpTargetMac: arp(frame.arpTargetMac),
    arpTargetAddress: arp(frame.arpTargetAddress),
    dnsQuery: of(DNS_LAYERS, frame.dnsQuery),
    dnsType: of(DNS_LAYERS, frame.dnsType),
    tlsServerName: of(['tls'], frame.tlsServerName),
    httpHost: of(['http'], frame.httpHost),
    dhcpMessageType: of(['dhcp'], frame.dhcpMessageType),
    dhcpHostname: of(['dhcp'], frame.dhcpHostname),
  };
}
