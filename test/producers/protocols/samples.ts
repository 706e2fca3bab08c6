/**
 * Frames that every decoder test and the fuzzer start from: at least one for each file of producers/protocols, with
 * what it must decode to. The completeness of the list is itself tested.
 */

import type { PacketDocument } from '../../../producers/decoding/decode-report.js';
import { TCP_ACK, TCP_PSH, TCP_SYN } from '../../../schemas/packets/packet-block.js';
import {
  DHCP_MESSAGE_TYPE,
  dhcp,
  dnsQuery,
  dnsResponse,
  httpRequest,
  tlsClientHello,
} from '../../support/application-messages.js';
import {
  bsdLoop,
  bsdNull,
  ethernet,
  LINK_TYPE,
  linuxCooked,
  linuxCooked2,
  llc,
  mpls,
  ppp,
  pppoe,
  qinq,
  rawIp,
  snap,
  vlan,
} from '../../support/frames.js';
import {
  arp,
  destinationOptions,
  ETHER_TYPE,
  fragmentHeader,
  gre,
  hopByHopOptions,
  ipv4,
  ipv4Fragments,
  ipv6,
  ipv6Fragments,
  type NetworkPacket,
  networkData,
  packetInIp,
  routingHeader,
  vxlan,
} from '../../support/ip-packets.js';
import {
  type IpPayload,
  icmp,
  icmpv6,
  igmp,
  ipData,
  neighborAdvertisement,
  neighborSolicitation,
  sctp,
  tcp,
  udp,
} from '../../support/transport-segments.js';
import type { Sample } from './sample.js';
import { TUNNEL_SAMPLES } from './tunnel-samples.js';

const V4 = { source: '192.0.2.1', destination: '198.51.100.2' };
const V6 = { source: '2001:db8::1', destination: '2001:db8::2' };
const INNER_V4 = { source: '10.1.0.1', destination: '10.2.0.2' };
const INNER_V6 = { source: 'fd00::1', destination: 'fd00::2' };
const PORTS = { sourcePort: 49152, destinationPort: 443 };
const MACS = { sourceMac: '02:00:00:00:00:01', destinationMac: '02:00:00:00:00:02' };
const SYN = tcp({ ...PORTS, sequence: 0xfedcba98 });
const SYN_FIELDS = { ...PORTS, ipProtocol: 6, tcpFlags: TCP_SYN, tcpSequence: 0xfedcba98 };
const V4_SYN = ipv4({ ...V4, id: 7 }, SYN);
const V6_SYN = ipv6(V6, SYN);
const V4_FIELDS = { ...V4, etherType: ETHER_TYPE.ipv4, ...SYN_FIELDS, failure: null };
const V6_FIELDS = { ...V6, etherType: ETHER_TYPE.ipv6, ...SYN_FIELDS, failure: null };

const samples: Sample[] = [];

function add(decoder: string, name: string, linkType: number, bytes: Buffer, expected: Partial<PacketDocument>): void {
  samples.push({ decoder, name, linkType, bytes, expected: { failure: null, ...expected } });
}

function onEthernet(decoder: string, name: string, packet: NetworkPacket, expected: Partial<PacketDocument>): void {
  add(decoder, name, LINK_TYPE.ethernet, ethernet({}, packet), { ...MACS, ...expected });
}

function onIpv4(decoder: string, name: string, payload: IpPayload, expected: Partial<PacketDocument>): void {
  onEthernet(decoder, name, ipv4(V4, payload), { ...V4, ...expected });
}

function onIpv6(decoder: string, name: string, payload: IpPayload, expected: Partial<PacketDocument>): void {
  onEthernet(decoder, name, ipv6(V6, payload), { ...V6, ...expected });
}

function hex(text: string): Buffer {
  return Buffer.from(text.replace(/\s/g, ''), 'hex');
}

/** LLC and SNAP before a packet, without a link header. */
function snapBody(packet: NetworkPacket): Buffer {
  return snap({}, packet).subarray(14);
}

function etherTypeBytes(packet: NetworkPacket): Buffer {
  return Buffer.concat([Buffer.from([packet.etherType >> 8, packet.etherType & 255]), packet.bytes]);
}

function networkLayer(): void {
  onEthernet('ethernet', 'Ethernet II', V4_SYN, { ...V4_FIELDS, ipId: 7, ttl: 64, vlan: null });
  onEthernet('ethertype', 'a type of no decoder', networkData(ETHER_TYPE.lldp, hex('0207 0400 0000 0000 01')), {
    source: MACS.sourceMac,
    destination: null,
    etherType: ETHER_TYPE.lldp,
    ipProtocol: null,
  });
  onEthernet(
    'arp',
    'request',
    arp({ operation: 1, senderMac: MACS.sourceMac, senderAddress: '192.0.2.1', targetAddress: '192.0.2.9' }),
    {
      source: '192.0.2.1',
      destination: '192.0.2.9',
      etherType: ETHER_TYPE.arp,
      ipProtocol: null,
      ttl: null,
      arp: {
        operation: 1,
        senderMac: MACS.sourceMac,
        senderAddress: '192.0.2.1',
        targetMac: '00:00:00:00:00:00',
        targetAddress: '192.0.2.9',
      },
    },
  );
  onEthernet('ipv4', 'options', ipv4({ ...V4, options: hex('9404 0000') }, SYN), V4_FIELDS);
  onEthernet('ipv4', 'unknown total length of an offloaded packet', ipv4({ ...V4, totalLength: 0 }, SYN), V4_FIELDS);
  const [first, second] = ipv4Fragments({ ...V4, id: 9 }, udp(PORTS, Buffer.alloc(40)), 24);
  onEthernet('ipv4', 'first fragment', first!, { ...V4, ...PORTS, ipId: 9, fragmentOffset: 0, ipProtocol: 17 });
  onEthernet('ipv4', 'later fragment', second!, { ...V4, ipId: 9, fragmentOffset: 24, sourcePort: null });
  onEthernet('ipv6', 'plain', V6_SYN, { ...V6_FIELDS, ipId: null });
  const extensions = [hopByHopOptions(), routingHeader(V6.destination), destinationOptions(16)];
  onEthernet('ipv6', 'extension headers', ipv6({ ...V6, extensions }, SYN), V6_FIELDS);
  const [v6First, v6Second] = ipv6Fragments(V6, udp(PORTS, Buffer.alloc(40)), 24, 0xdeadbeef);
  onEthernet('ipv6', 'first fragment', v6First!, { ...V6, ...PORTS, ipId: 0xdeadbeef, fragmentOffset: 0 });
  onEthernet('ipv6', 'later fragment', v6Second!, { ...V6, ipProtocol: 17, fragmentOffset: 24, sourcePort: null });
  const atomic = ipv6({ ...V6, extensions: [fragmentHeader(5, 0, false)] }, SYN);
  onEthernet('ipv6', 'atomic fragment', atomic, { ...V6_FIELDS, ipId: 5, fragmentOffset: 0 });
  onEthernet('ipv6', 'authentication header', authenticated(), V6_FIELDS);
  onIpv4('ip-protocol', 'a protocol of no decoder', ipData(89, Buffer.alloc(24)), { ipProtocol: 89, sourcePort: null });
}

/** RFC 4302: an authentication header of 24 bytes before a SYN. */
function authenticated(): NetworkPacket {
  const bytes = Buffer.alloc(24);
  const packet = ipv6({ ...V6, extensions: [{ protocol: 51, bytes }] }, SYN);
  packet.bytes[41] = 4; // 24 bytes in units of four, less two
  return packet;
}

function transportLayer(): void {
  const data = tcp(
    { ...PORTS, flags: TCP_ACK | TCP_PSH, options: hex('0101 080a 0000 0001 0000 0002') },
    Buffer.alloc(9),
  );
  onIpv4('tcp', 'options and data', data, { ...PORTS, tcpFlags: TCP_ACK | TCP_PSH });
  onIpv6('udp', 'data', udp(PORTS, Buffer.alloc(9)), { ...PORTS, ipProtocol: 17, tcpFlags: null });
  onIpv4('icmp', 'echo', icmp({ type: 8, rest: 1 }, Buffer.alloc(8)), { ipProtocol: 1, icmpType: 8, icmpCode: 0 });
  onIpv4('icmp', 'port unreachable', icmp({ type: 3, code: 3 }, Buffer.alloc(28)), { icmpType: 3, icmpCode: 3 });
  onIpv6('icmpv6', 'echo', icmpv6({ type: 128 }), { ipProtocol: 58, icmpType: 128, neighborDiscovery: null });
  onIpv6('icmpv6', 'solicitation', neighborSolicitation('fe80::9', MACS.sourceMac), {
    icmpType: 135,
    neighborDiscovery: { target: 'fe80::9', linkLayerAddress: MACS.sourceMac },
  });
  onIpv6('icmpv6', 'advertisement without option', neighborAdvertisement('fe80::9'), {
    icmpType: 136,
    neighborDiscovery: { target: 'fe80::9', linkLayerAddress: null },
  });
  onIpv4('icmp', 'redirect', icmp({ type: 5, code: 1, rest: 0x0a000001 }, Buffer.alloc(28)), { icmpType: 5 });
  onIpv6('icmpv6', 'echo reply', icmpv6({ type: 129, rest: 1 }, Buffer.alloc(8)), { icmpType: 129 });
  const prefix = Buffer.concat([hex('0304 40c0 0000 0e10 0000 0e10 0000 0000 20010db8000a0001'), Buffer.alloc(8)]);
  const routerOptions = Buffer.concat([Buffer.alloc(8), hex('0101 020000000001'), prefix]);
  onIpv6('icmpv6', 'router advertisement', icmpv6({ type: 134, rest: 0x40000708 }, routerOptions), { icmpType: 134 });
  onIpv6('icmpv6', 'redirect', icmpv6({ type: 137 }, Buffer.alloc(32)), { icmpType: 137 });
  onIpv4('igmp', 'report', igmp({ type: 0x16, group: hex('e0000001') }), { ipProtocol: 2 });
  onIpv4('sctp', 'INIT', sctp(PORTS), { ...PORTS, ipProtocol: 132 });
}

function applicationLayer(): void {
  const none = {
    dnsQuery: null,
    dnsType: null,
    tlsServerName: null,
    httpHost: null,
    dhcpMessageType: null,
    dhcpHostname: null,
  };
  const toPort = (destinationPort: number) => ({ sourcePort: 50000, destinationPort });
  const dns = { ...none, protocol: 'dns' as const, dnsQuery: 'www.Example.org', dnsType: 28 };
  const question = { id: 1, name: 'www.Example.org', type: 28 };
  onIpv4('dns', 'query', udp(toPort(53), dnsQuery(question)), { application: dns });
  const response = dnsResponse(question, [{ address: '2001:db8::5' }]);
  onIpv6('dns', 'response', udp({ sourcePort: 53, destinationPort: 50000 }, response), { application: dns });
  const length = Buffer.from([0, response.length]);
  const segment = tcp({ ...toPort(53), flags: TCP_ACK }, Buffer.concat([length, response]));
  onIpv4('dns', 'over TCP', segment, { application: dns });
  const hello = tcp({ ...toPort(8443), flags: TCP_ACK }, tlsClientHello('shop.example.org'));
  onIpv4('tls', 'ClientHello', hello, { application: { ...none, protocol: 'tls', tlsServerName: 'shop.example.org' } });
  const changed = Buffer.concat([hex('1403030001 01'), tlsClientHello('again.example.org')]);
  onIpv4('tls', 'second ClientHello', tcp({ ...toPort(443), flags: TCP_ACK }, changed), {
    application: { ...none, protocol: 'tls', tlsServerName: 'again.example.org' },
  });
  const request = tcp({ ...toPort(8080), flags: TCP_ACK }, httpRequest('news.example.org'));
  onIpv4('http', 'request', request, { application: { ...none, protocol: 'http', httpHost: 'news.example.org' } });
  const discover = dhcp({ messageType: DHCP_MESSAGE_TYPE.discover, clientMac: MACS.sourceMac, hostname: 'kiosk 1' });
  onIpv4('dhcp', 'discover', udp({ sourcePort: 68, destinationPort: 67 }, discover), {
    application: { ...none, protocol: 'dhcp', dhcpMessageType: 1, dhcpHostname: 'kiosk\\0321' },
  });
  const offer = dhcp({ messageType: DHCP_MESSAGE_TYPE.offer, clientMac: MACS.sourceMac, yourAddress: '192.0.2.77' });
  const offered = Buffer.concat([offer.subarray(0, -1), hex('00 3604c0000201 0304c0000201 3204c000024d ff')]);
  onIpv4('dhcp', 'offer', udp({ sourcePort: 67, destinationPort: 68 }, offered), {
    application: { ...none, protocol: 'dhcp', dhcpMessageType: 2 },
  });
  const several = dnsResponse({ id: 2, name: 'a.example' }, [{ address: '192.0.2.1' }, { address: '192.0.2.2' }]);
  onIpv4('dns', 'two answers', udp({ sourcePort: 53, destinationPort: 50000 }, several), {
    application: { ...dns, dnsQuery: 'a.example', dnsType: 1 },
  });
  onIpv4('application', 'nothing known', udp(toPort(9999), dnsQuery(question)), { application: null });
  onIpv4(
    'application-fields',
    'characters that are not printable',
    udp(toPort(53), dnsQuery({ id: 1, name: 'a"\u0007' })),
    {
      application: { ...dns, dnsQuery: 'a"\\007', dnsType: 1 },
    },
  );
}

function tunnels(): void {
  const inner = ipv4(INNER_V4, SYN);
  const tunnel = {
    layer: 'inner',
    id: null,
    ...INNER_V4,
    ipProtocol: 6,
    ...PORTS,
  };
  const outer = { ...V4, sourcePort: null, tcpFlags: null };
  onIpv4('tunnel', '4in4', packetInIp(inner), { ...outer, ipProtocol: 4, tunnel: { ...tunnel, type: 'ip4_in_ip4' } });
  onIpv4('tunnel', '6in4', packetInIp(ipv6(INNER_V6, SYN)), {
    ...outer,
    ipProtocol: 41,
    tunnel: { ...tunnel, ...INNER_V6, type: 'ip6_in_ip4' },
  });
  onIpv6('tunnel', '4in6', packetInIp(inner), { ...V6, ipProtocol: 4, tunnel: { ...tunnel, type: 'ip4_in_ip6' } });
  onIpv6('tunnel', '6in6', packetInIp(ipv6(INNER_V6, SYN)), {
    tunnel: { ...tunnel, ...INNER_V6, type: 'ip6_in_ip6' },
  });
  onIpv4('gre', 'key, sequence number and checksum', gre({ key: 77, sequence: 1, withChecksum: true }, inner), {
    ...outer,
    ipProtocol: 47,
    tunnel: { ...tunnel, type: 'gre', id: 77 },
  });
  const bridged = networkData(ETHER_TYPE.transparentEthernet, ethernet({}, vlan({ id: 5 }, inner)));
  onIpv4('gre', 'Ethernet', gre({}, bridged), { ...outer, tunnel: { ...tunnel, type: 'gre' } });
  const pptp = ipData(47, Buffer.concat([hex('3081 880b 0000 0001 0000 0001 0000 0001'), ppp(inner)]));
  onIpv4('gre', 'PPTP', pptp, { ...outer, tunnel: { ...tunnel, type: 'gre', id: 1 } });
  onIpv4('vxlan', 'Ethernet', vxlan({ id: 4096 }, ethernet({}, inner)), {
    ...V4,
    sourcePort: 49152,
    destinationPort: 4789,
    vlan: null,
    tunnel: { ...tunnel, type: 'vxlan', id: 4096 },
  });
  onIpv4('vxlan', 'the port without a network id', udp({ sourcePort: 1, destinationPort: 4789 }, Buffer.alloc(30)), {
    ...V4,
    tunnel: null,
  });
}

function tags(): void {
  onEthernet('vlan', '802.1Q', vlan({ id: 42, priority: 5 }, V4_SYN), { ...V4_FIELDS, vlan: 42, innerVlan: null });
  onEthernet('vlan', 'QinQ', qinq(100, 200, V6_SYN), { ...V6_FIELDS, vlan: 100, innerVlan: 200 });
  const three = vlan({ id: 1, tagProtocol: 0x9100 }, qinq(2, 3, V4_SYN));
  onEthernet('vlan', 'three tags', three, { ...V4_FIELDS, vlan: 1, innerVlan: 2 });
  onEthernet('mpls', 'two labels', mpls([100, 200], V4_SYN), V4_FIELDS);
  onEthernet('mpls', 'IPv6', mpls([3], V6_SYN), V6_FIELDS);
  const pseudowire = networkData(0, Buffer.concat([Buffer.alloc(4), ethernet({}, V4_SYN)]));
  onEthernet('mpls', 'Ethernet pseudowire', mpls([16], pseudowire), V4_FIELDS);
  onEthernet('pppoe', 'session', pppoe({ sessionId: 1 }, V4_SYN), V4_FIELDS);
  const customer = ethernet({ source: '02:00:00:00:00:aa', destination: '02:00:00:00:00:bb' }, V4_SYN);
  onEthernet('provider-tags', 'backbone tag', networkData(0x88e7, Buffer.concat([Buffer.alloc(4), customer])), {
    ...V4_FIELDS,
    sourceMac: '02:00:00:00:00:aa',
    destinationMac: '02:00:00:00:00:bb',
  });
  const taggedCustomer = ethernet({ source: '02:00:00:00:00:aa' }, vlan({ id: 7 }, V4_SYN));
  const backbone = networkData(0x88e7, Buffer.concat([Buffer.alloc(4), taggedCustomer]));
  onEthernet('provider-tags', 'backbone tag between VLAN tags', qinq(100, 200, backbone), {
    ...V4_FIELDS,
    sourceMac: '02:00:00:00:00:aa',
    vlan: 7,
    innerVlan: null,
  });
  const fabric = networkData(0x8903, Buffer.concat([Buffer.alloc(2), customer]));
  onEthernet('provider-tags', 'FabricPath', fabric, {
    ...V4_FIELDS,
    sourceMac: '02:00:00:00:00:aa',
    destinationMac: '02:00:00:00:00:bb',
  });
  const tagged = etherTypeBytes(V4_SYN);
  onEthernet('provider-tags', 'VN-Tag', networkData(0x8926, Buffer.concat([Buffer.alloc(4), tagged])), V4_FIELDS);
  const arista = Buffer.concat([hex('0001 0010 0000 0000 0000 0000'), tagged]);
  onEthernet('provider-tags', 'Arista timestamp', networkData(0xd28b, arista), V4_FIELDS);
  const arista48 = Buffer.concat([hex('0001 0121 0000 0000 0000'), tagged]);
  onEthernet('provider-tags', 'Arista timestamp, 48 bits', networkData(0xd28b, arista48), V4_FIELDS);
  const signed = Buffer.concat([hex('2000 00000001'), Buffer.alloc(8), tagged, Buffer.alloc(16)]);
  onEthernet('provider-tags', 'MACsec, signed only', networkData(0x88e5, signed), V4_FIELDS);
  const encrypted = networkData(0x88e5, Buffer.concat([hex('2c00 00000001'), Buffer.alloc(40)]));
  onEthernet('provider-tags', 'MACsec, encrypted', encrypted, { source: MACS.sourceMac, etherType: 0x88e5 });
  for (const [next, packet] of [
    [1, V4_SYN.bytes],
    [3, ethernet({}, V4_SYN)],
    [5, mpls([9], V4_SYN).bytes],
  ] as const) {
    const header = Buffer.from([0, 2, 2, next, 0, 0, 1, 255]);
    onEthernet('nsh', `next protocol ${next}`, networkData(0x894f, Buffer.concat([header, packet])), V4_FIELDS);
  }
  onEthernet('nsh', 'IPv6', networkData(0x894f, Buffer.concat([hex('0002 0202 000001ff'), V6_SYN.bytes])), V6_FIELDS);
}

function links(): void {
  add('llc', 'SNAP', LINK_TYPE.ethernet, snap({}, V4_SYN), { ...MACS, ...V4_FIELDS });
  const bpdu = llc({ dsap: 0x42, ssap: 0x42 }, Buffer.alloc(35));
  add('llc', 'spanning tree', LINK_TYPE.ethernet, bpdu, { ...MACS, source: MACS.sourceMac, etherType: null });
  add('llc', 'IP without SNAP', LINK_TYPE.ethernet, llc({ dsap: 6, ssap: 6 }, V4_SYN.bytes), V4_FIELDS);
  const cooked = { sourceMac: MACS.sourceMac, destinationMac: null };
  add('linux-cooked', 'v1', LINK_TYPE.linuxCooked, linuxCooked({}, V4_SYN), { ...V4_FIELDS, ...cooked });
  add('linux-cooked', 'v2', LINK_TYPE.linuxCooked2, linuxCooked2({}, V6_SYN), { ...V6_FIELDS, ...cooked });
  add('bsd-loopback', 'null', LINK_TYPE.null, bsdNull(V4_SYN), { ...V4_FIELDS, sourceMac: null });
  add('bsd-loopback', 'null, big endian', LINK_TYPE.null, bsdNull(V6_SYN, 'big', 28), V6_FIELDS);
  add('bsd-loopback', 'loop', LINK_TYPE.loop, bsdLoop(V6_SYN), V6_FIELDS);
  add('raw-ip', 'IPv4', LINK_TYPE.raw, rawIp(V4_SYN), V4_FIELDS);
  add('raw-ip', 'IPv6', LINK_TYPE.raw, rawIp(V6_SYN), V6_FIELDS);
  add('ipv4', 'link', LINK_TYPE.ipv4, rawIp(V4_SYN), V4_FIELDS);
  add('ipv6', 'link', LINK_TYPE.ipv6, rawIp(V6_SYN), V6_FIELDS);
  add('ppp', 'framed', LINK_TYPE.ppp, ppp(V4_SYN), V4_FIELDS);
  add('ppp', 'MPLS', LINK_TYPE.ppp, ppp(mpls([1], V6_SYN)), V6_FIELDS);
  add('ppp', 'compressed', LINK_TYPE.ppp, Buffer.concat([hex('21'), V4_SYN.bytes]), V4_FIELDS);
  add('ppp', 'link control', LINK_TYPE.ppp, hex('ff03 c021 0101 0004'), { source: null, etherType: null });
  add('pppoe', 'link', 51, pppoe({ sessionId: 1 }, V4_SYN).bytes, V4_FIELDS);
  const hdlc = Buffer.concat([hex('0f00'), etherTypeBytes(V4_SYN)]);
  add('cisco-hdlc', 'IPv4', 104, hdlc, V4_FIELDS);
  add('cisco-hdlc', 'on a PPP link', 50, hdlc, V4_FIELDS);
  add('cisco-hdlc', 'with direction', 205, Buffer.concat([hex('00'), hdlc]), V4_FIELDS);
  add('ppp', 'pppd', 166, Buffer.concat([hex('01'), ppp(V4_SYN).subarray(1)]), V4_FIELDS);
  add('ppp', 'with direction', 204, Buffer.concat([hex('01'), ppp(V4_SYN)]), V4_FIELDS);
  const logged = Buffer.concat([hex('0200 0000 0800 0500 00000002'), nflogPayload(V4_SYN.bytes)]);
  add('nflog', 'IPv4', 239, logged, { ...V4_FIELDS, sourceMac: null });
  add('switch-tags', 'DSA', 284, tagged(V4_SYN, 4), { ...V4_FIELDS, ...MACS });
  add('switch-tags', 'EtherType DSA', 285, tagged(V4_SYN, 8), V4_FIELDS);
  add('switch-tags', 'Broadcom', 281, tagged(V4_SYN, 4), V4_FIELDS);
  const prepended = Buffer.concat([Buffer.alloc(4), ethernet({}, V4_SYN)]);
  add('switch-tags', 'Broadcom, prepended', 282, prepended, { ...V4_FIELDS, ...MACS });
  const pktap = Buffer.alloc(108);
  pktap.writeUInt32LE(108, 0);
  pktap.writeUInt32LE(1, 8);
  add('ethernet', 'in PKTAP', 258, Buffer.concat([pktap, ethernet({}, V4_SYN)]), { ...V4_FIELDS, ...MACS });
}

function nflogPayload(packet: Buffer): Buffer {
  const header = Buffer.alloc(4);
  header.writeUInt16LE(packet.length + 4, 0);
  header.writeUInt16LE(9, 2);
  return Buffer.concat([header, packet]);
}

/** A frame with zeros between addresses and EtherType. */
function tagged(packet: NetworkPacket, length: number): Buffer {
  const frame = ethernet({}, packet);
  return Buffer.concat([frame.subarray(0, 12), Buffer.alloc(length), frame.subarray(12)]);
}

function olderLinks(): void {
  const macs = { sourceMac: '02:00:00:00:00:01', destinationMac: '02:00:00:00:00:02' };
  const body = snapBody(V4_SYN);
  const fddi = Buffer.concat([hex('50 020000000002 020000000001'), body]);
  add('legacy-links', 'FDDI', 10, fddi, { ...V4_FIELDS, ...macs });
  add('legacy-links', 'ARCnet, RFC 1051', 7, Buffer.concat([hex('0102 f0'), V4_SYN.bytes]), V4_FIELDS);
  const arcnet = Buffer.concat([hex('0102 0000 d4 000001'), V4_SYN.bytes]);
  add('legacy-links', 'ARCnet, RFC 1201', 129, arcnet, V4_FIELDS);
  const exception = Buffer.concat([hex('0102 0000 c4 ff0000ff 000001'), V6_SYN.bytes]);
  add('legacy-links', 'ARCnet, exception frame', 129, exception, V6_FIELDS);
  const infiniband = Buffer.concat([Buffer.alloc(40), hex('0800 0000'), V4_SYN.bytes]);
  add('legacy-links', 'InfiniBand', 242, infiniband, V4_FIELDS);
  const frameRelay = hex('48e1');
  add('legacy-links', 'Frame Relay, Cisco', 107, Buffer.concat([frameRelay, etherTypeBytes(V6_SYN)]), V6_FIELDS);
  add('legacy-links', 'Frame Relay, NLPID', 107, Buffer.concat([frameRelay, hex('03cc'), V4_SYN.bytes]), V4_FIELDS);
  const frameRelay6 = Buffer.concat([hex('00'), frameRelay, hex('03 00 8e'), V6_SYN.bytes]);
  add('legacy-links', 'Frame Relay, with direction', 206, frameRelay6, V6_FIELDS);
  const frameRelaySnap = Buffer.concat([frameRelay, hex('03 00 80 000000'), etherTypeBytes(V4_SYN)]);
  add('legacy-links', 'Frame Relay, SNAP', 107, frameRelaySnap, V4_FIELDS);
  add('legacy-links', 'IPNET', 226, Buffer.concat([Buffer.alloc(24), V4_SYN.bytes]), V4_FIELDS);
  add('legacy-links', 'enc', 109, Buffer.concat([Buffer.alloc(12), V6_SYN.bytes]), V6_FIELDS);
  add('legacy-links', 'pflog', 117, Buffer.concat([Buffer.from([61]), Buffer.alloc(63), V4_SYN.bytes]), V4_FIELDS);
}

function wireless(): void {
  const body = snapBody(V4_SYN);
  const access = hex('02000000000b');
  const station = hex('020000000001');
  const other = hex('020000000002');
  const data = (control: string, ...addresses: Buffer[]): Buffer => {
    const [first, second, third, fourth] = addresses;
    const fields = [hex(control), hex('0000'), first!, second!, third!, hex('0000'), ...(fourth ? [fourth] : [])];
    return Buffer.concat(fields);
  };
  const up = Buffer.concat([data('0801', access, station, other), body]);
  add('ieee80211', 'to the access point', 105, up, { ...V4_FIELDS, ...MACS });
  const down = Buffer.concat([data('8802', other, access, station), hex('0000'), body]);
  add('ieee80211', 'from it, with QoS', 105, down, { ...V4_FIELDS, ...MACS });
  const adHoc = Buffer.concat([data('0800', other, station, access), body]);
  add('ieee80211', 'between stations', 105, adHoc, { ...V4_FIELDS, ...MACS });
  const bridge = Buffer.concat([data('0803', access, access, other, station), body]);
  add('ieee80211', 'between access points', 105, bridge, { ...V4_FIELDS, ...MACS });
  const subframe = Buffer.concat([other, station, hex('0000')]);
  const aggregate = Buffer.concat([data('8881', access, station, other), hex('8000 00000000'), subframe, body]);
  add('ieee80211', 'aggregate with HT control', 105, aggregate, { ...V4_FIELDS, ...MACS });
  const beacon = Buffer.concat([data('8000', hex('ffffffffffff'), station, station), Buffer.alloc(20)]);
  add('ieee80211', 'beacon', 105, beacon, { source: MACS.sourceMac, etherType: null });
  const protectedFrame = Buffer.concat([data('0841', access, station, other), Buffer.alloc(40)]);
  add('ieee80211', 'encrypted', 105, protectedFrame, { source: MACS.sourceMac, etherType: null });
  add('ieee80211', 'acknowledgment', 105, hex('d400 0000 020000000001'), { source: null });
  const padded = Buffer.concat([data('8801', access, station, other), hex('0000 0000'), body]);
  const withTime = Buffer.concat([hex('0000 1a00 03000080 00000000 00000000 0000000000000000 20 00'), padded]);
  add('wireless-capture-headers', 'radiotap with padding', 127, withTime, { ...V4_FIELDS, ...MACS });
  const plain = Buffer.concat([hex('0000 0900 02000000 00'), up]);
  add('wireless-capture-headers', 'radiotap', 127, plain, V4_FIELDS);
  add('wireless-capture-headers', 'PPI', 192, Buffer.concat([hex('0000 0800 69000000'), up]), V4_FIELDS);
  const ppiEthernet = Buffer.concat([hex('0000 0800 01000000'), ethernet({}, V4_SYN)]);
  add('wireless-capture-headers', 'PPI with Ethernet', 192, ppiEthernet, V4_FIELDS);
  const avs = Buffer.concat([hex('80211001 00000040'), Buffer.alloc(56), up]);
  add('wireless-capture-headers', 'AVS', 163, avs, V4_FIELDS);
  add('wireless-capture-headers', 'Prism', 119, Buffer.concat([hex('44000000'), Buffer.alloc(140), up]), V4_FIELDS);
}

networkLayer();
transportLayer();
applicationLayer();
tunnels();
tags();
links();
olderLinks();
wireless();

export const SAMPLES: readonly Sample[] = [...samples, ...TUNNEL_SAMPLES];
