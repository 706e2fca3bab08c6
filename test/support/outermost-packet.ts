/**
 * The outermost IP packet of a frame that tshark has read. tshark lists every occurrence of a field; an ICMP error
 * that quotes a TCP segment, or a tunnel, has fields of an inner packet that must not be taken for the outer one's.
 */
import type { ReferencePacket } from './reference-detection.js';
import type { TsharkFrame } from './tshark.js';

export interface OutermostPacket {
  readonly version: 4 | 6;
  readonly source: string;
  readonly destination: string;
  /** Behind all extension headers that tshark could read. */
  readonly protocol: number | undefined;
  /** tshark's name of the layer right behind IP and its extension headers: "tcp", "icmp", "ip", "data". */
  readonly payloadLayer: string | undefined;
  /** What the transport carries, by the same names: "dns", "tls". */
  readonly applicationLayer: string | undefined;
  /** Whether the packet itself has an IPv6 fragment header. */
  readonly hasFragmentHeader: boolean;
}

const EXTENSION_LAYERS = new Map<string, keyof TsharkFrame['nextHeaders']>([
  ['ipv6.hopopts', 'hopByHop'],
  ['ipv6.routing', 'routing'],
  ['ipv6.dstopts', 'destination'],
  ['ipv6.fraghdr', 'fragment'],
  ['ah', 'authentication'],
]);

/** The outermost IP packet, or undefined when the frame carries none. */
export function outermostPacket(frame: TsharkFrame): OutermostPacket | undefined {
  const { layers } = frame;
  const at = layers.findIndex((layer) => layer === 'ip' || layer === 'ipv6');
  if (at < 0) return undefined;
  if (layers[at] === 'ip' && frame.ipv4Source !== undefined && frame.ipv4Destination !== undefined) {
    return {
      version: 4,
      source: frame.ipv4Source,
      destination: frame.ipv4Destination,
      protocol: frame.ipProtocol,
      payloadLayer: layers[at + 1],
      applicationLayer: layers[at + 2],
      hasFragmentHeader: false,
    };
  }
  if (layers[at] !== 'ipv6' || frame.ipv6Source === undefined || frame.ipv6Destination === undefined) return undefined;
  const taken: Partial<Record<keyof TsharkFrame['nextHeaders'], number>> = {};
  let protocol = frame.nextHeaders.ipv6[0];
  let behind = at + 1;
  for (; behind < layers.length; behind++) {
    const kind = EXTENSION_LAYERS.get(layers[behind]!);
    if (kind === undefined) break;
    const index = taken[kind] ?? 0;
    taken[kind] = index + 1;
    protocol = frame.nextHeaders[kind][index] ?? protocol;
  }
  return {
    version: 6,
    source: frame.ipv6Source,
    destination: frame.ipv6Destination,
    protocol,
    payloadLayer: layers[behind],
    applicationLayer: layers[behind + 1],
    hasFragmentHeader: (taken.fragment ?? 0) > 0,
  };
}

/** Layers at which what belongs to the frame's own link ends. */
const NETWORK_LAYERS: ReadonlySet<string> = new Set(['ip', 'ipv6', 'arp']);

/** The VLAN ids before the outermost packet, outermost first; tags inside a tunnel are not the frame's. */
export function outermostVlans(frame: TsharkFrame): number[] {
  const end = frame.layers.findIndex((layer) => NETWORK_LAYERS.has(layer));
  const own = frame.layers.slice(0, end < 0 ? undefined : end);
  const tags = own.filter((layer) => layer === 'vlan' || layer === 'ieee8021ad').length;
  return frame.vlans.slice(0, tags);
}

/** A frame as the reference detection wants it. Times are cut to whole µs, as captures with µs would hold them. */
export function referencePacket(frame: TsharkFrame): ReferencePacket {
  const time = Number(frame.timeNs / 1000n);
  const packet = outermostPacket(frame);
  if (packet === undefined) {
    const { arpSenderMac, arpSenderAddress } = frame;
    const isArp = frame.layers.includes('arp') && arpSenderMac !== undefined && arpSenderAddress !== undefined;
    const arp = isArp ? { senderMac: arpSenderMac, senderAddress: arpSenderAddress } : undefined;
    return { time, source: arp?.senderAddress ?? '', destination: '', arp };
  }
  const { source, destination, protocol } = packet;
  if (packet.payloadLayer === 'tcp') {
    return {
      time,
      source,
      destination,
      ipProtocol: protocol,
      sourcePort: frame.tcpSourcePort,
      destinationPort: frame.tcpDestinationPort,
      tcpFlags: frame.tcpFlags,
      tinyFragment:
        frame.tcpFlags === undefined &&
        frame.tcpDestinationPort !== undefined &&
        (frame.moreFragments === true || packet.hasFragmentHeader) &&
        frame.capturedLength >= frame.frameLength,
    };
  }
  if (packet.payloadLayer === 'udp') {
    return {
      time,
      source,
      destination,
      ipProtocol: protocol,
      sourcePort: frame.udpSourcePort,
      destinationPort: frame.udpDestinationPort,
    };
  }
  return { time, source, destination, ipProtocol: protocol };
}
