/** Frames that were sent too short or with impossible fields: one for each failure. */
import type { DecodeFailureName } from '../../../schemas/packets/decode-failure.js';
import { ethernet, LINK_TYPE, linuxCooked, llc, mpls, ppp, vlan } from '../../support/frames.js';
import {
  ETHER_TYPE,
  gre,
  hopByHopOptions,
  ipv4,
  ipv6,
  type NetworkPacket,
  networkData,
  packetInIp,
} from '../../support/ip-packets.js';
import { type IpPayload, icmp, ipData, tcp, udp } from '../../support/transport-segments.js';

export interface FailingFrame {
  readonly failure: DecodeFailureName;
  readonly linkType: number;
  readonly bytes: Buffer;
  /** Length on the wire, when the snap length cut the frame. */
  readonly frameLength?: number;
  /** Who the frame is attributed to all the same. */
  readonly source: string | null;
}

const V4 = { source: '192.0.2.1', destination: '198.51.100.2' };
const V6 = { source: '2001:db8::1', destination: '2001:db8::2' };
const MAC = '02:00:00:00:00:01';

const frames: FailingFrame[] = [];

function add(failure: DecodeFailureName, linkType: number, bytes: Buffer, source: string | null): void {
  frames.push({ failure, linkType, bytes, source });
}

function onEthernet(failure: DecodeFailureName, packet: NetworkPacket, source: string = MAC): void {
  add(failure, LINK_TYPE.ethernet, ethernet({}, packet), source);
}

function onIpv4(failure: DecodeFailureName, payload: IpPayload): void {
  onEthernet(failure, ipv4(V4, payload), V4.source);
}

function cut(packet: NetworkPacket, length: number): NetworkPacket {
  return { etherType: packet.etherType, bytes: packet.bytes.subarray(0, length) };
}

function changed(packet: NetworkPacket, offset: number, value: number): NetworkPacket {
  const bytes = Buffer.from(packet.bytes);
  bytes[offset] = value;
  return { etherType: packet.etherType, bytes };
}

function hex(text: string): Buffer {
  return Buffer.from(text.replace(/\s/g, ''), 'hex');
}

function nested(levels: number, wrap: (packet: NetworkPacket) => NetworkPacket, packet: NetworkPacket): NetworkPacket {
  let result = packet;
  for (let level = 0; level < levels; level++) result = wrap(result);
  return result;
}

const echo = ipv4(V4, icmp({ type: 8 }));
const echo6 = ipv6(V6, udp({ sourcePort: 1, destinationPort: 2 }));

frames.push({
  failure: 'frame_truncated',
  linkType: LINK_TYPE.ethernet,
  bytes: ethernet({}, echo).subarray(0, 30),
  frameLength: 60,
  source: MAC,
});
add('link_unsupported', 195, ethernet({}, echo), null);
add('link_truncated', 10, Buffer.alloc(5), null);
add('capture_header_truncated', 127, hex('0000 0400'), null);
add('ieee80211_truncated', 105, Buffer.alloc(12), null);
add('ethernet_truncated', LINK_TYPE.ethernet, ethernet({}, echo).subarray(0, 13), MAC);
add('ethernet_truncated', LINK_TYPE.ethernet, Buffer.alloc(0), null);
onEthernet('vlan_truncated', networkData(ETHER_TYPE.vlan, Buffer.alloc(3)));
onEthernet(
  'vlan_too_deep',
  nested(9, (packet) => vlan({ id: 1 }, packet), echo),
);
const backbone = (packet: NetworkPacket) => networkData(0x88e7, Buffer.concat([Buffer.alloc(4), ethernet({}, packet)]));
onEthernet('link_too_deep', nested(65, backbone, echo));
add('llc_truncated', LINK_TYPE.ethernet, llc({ dsap: 0xaa, ssap: 0xaa }, Buffer.alloc(2)), MAC);
onEthernet('provider_tag_truncated', networkData(0x8926, Buffer.alloc(3)));
add('sll_truncated', LINK_TYPE.linuxCooked, linuxCooked({}, echo).subarray(0, 15), null);
add('null_truncated', LINK_TYPE.null, hex('0200 00'), null);
add('null_family_unknown', LINK_TYPE.null, hex('0000 0063 4500'), null);
add('cisco_hdlc_truncated', 104, hex('0f00 08'), null);
add('ppp_truncated', LINK_TYPE.ppp, ppp(echo).subarray(0, 3), null);
onEthernet('pppoe_truncated', networkData(ETHER_TYPE.pppoeSession, Buffer.alloc(5)));
onEthernet('mpls_truncated', cut(mpls([1, 2], echo), 6));
onEthernet('arp_truncated', networkData(ETHER_TYPE.arp, hex('0001 0800 0604 0001')));
onEthernet('arp_unsupported', networkData(ETHER_TYPE.arp, hex('0001 86dd 0610 0001')));
onEthernet('ipv4_truncated', cut(echo, 19));
onEthernet('ipv4_truncated', cut(ipv4({ ...V4, options: Buffer.alloc(8) }, icmp({ type: 8 })), 24), V4.source);
onEthernet('ipv4_version', changed(echo, 0, 0x65));
onEthernet('ipv4_header_length', changed(echo, 0, 0x44), V4.source);
onEthernet('ipv4_total_length', ipv4({ ...V4, totalLength: 19 }, icmp({ type: 8 })), V4.source);
onEthernet('ipv6_truncated', cut(echo6, 39));
onEthernet('ipv6_version', changed(echo6, 0, 0x45));
const extended = ipv6({ ...V6, extensions: [hopByHopOptions(16)] }, icmp({ type: 8 }));
onEthernet('ipv6_extension_truncated', cut(extended, 54), V6.source);
const extensions = Array.from({ length: 17 }, () => hopByHopOptions());
onEthernet('ipv6_extension_too_deep', ipv6({ ...V6, extensions }, ipData(59, Buffer.alloc(0))), V6.source);
const ports = { sourcePort: 1025, destinationPort: 80 };
const segment = ipv4(V4, tcp(ports));
onIpv4('tcp_truncated', ipData(6, segment.bytes.subarray(20, 39)));
onIpv4('tcp_truncated', ipData(6, segment.bytes.subarray(20, 23)));
onEthernet('tcp_data_offset', changed(segment, 32, 0x40), V4.source);
onEthernet('tcp_data_offset', changed(segment, 32, 0xf0), V4.source);
onIpv4('udp_truncated', ipData(17, Buffer.alloc(7)));
onIpv4('udp_length', ipData(17, hex('0401 0050 0007 0000')));
onIpv4('icmp_truncated', ipData(1, hex('0800 00')));
onEthernet('icmpv6_truncated', ipv6(V6, ipData(58, hex('8700 0000 0000 0000 fe80'))), V6.source);
onIpv4('igmp_truncated', ipData(2, Buffer.alloc(7)));
onIpv4('sctp_truncated', ipData(132, Buffer.alloc(11)));
onIpv4('gre_truncated', ipData(47, hex('2000 0800 0000')));
onIpv4('gre_version', ipData(47, hex('0002 0800')));
onIpv4('vxlan_truncated', udp({ sourcePort: 1, destinationPort: 4789 }, hex('0800 0000')));
onIpv4('authentication_truncated', ipData(51, hex('0604 0000 0000 0000')));
onIpv4('authentication_truncated', ipData(51, hex('06ff 0000 0000 0000 0000 0000 0000 0000')));
onIpv4('geneve_truncated', udp({ sourcePort: 1, destinationPort: 6081 }, hex('0000 6558 0000')));
onIpv4('geneve_truncated', udp({ sourcePort: 1, destinationPort: 6081 }, hex('3f00 6558 0000 0100 0000 0000')));
onIpv4('gtp_u_truncated', udp({ sourcePort: 1, destinationPort: 2152 }, hex('30ff 0000 0000')));
onIpv4('gtp_u_truncated', udp({ sourcePort: 1, destinationPort: 2152 }, hex('34ff 0000 0000 0001 0000 0085 ff00')));
onIpv4('l2tp_truncated', udp({ sourcePort: 1, destinationPort: 1701 }, hex('0002 0001')));
onIpv4('l2tp_truncated', udp({ sourcePort: 1, destinationPort: 1701 }, hex('0202 0001 0001 ffff')));
onEthernet(
  'tunnel_too_deep',
  nested(5, (packet) => ipv4(V4, packetInIp(packet)), echo),
  V4.source,
);
onIpv4('ipv4_truncated', gre({}, networkData(ETHER_TYPE.ipv4, Buffer.alloc(10))));

export const FAILING_FRAMES: readonly FailingFrame[] = frames;
