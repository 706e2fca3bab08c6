/** Samples of tunnels in UDP, of what GRE is made of, and of headers that stand between a packet and its ports. */
import { TCP_SYN } from '../../../schemas/packets/packet-block.js';
import { ethernet, LINK_TYPE, mpls, ppp, vlan } from '../../support/frames.js';
import { ETHER_TYPE, gre, ipv4, ipv6, type NetworkPacket, networkData } from '../../support/ip-packets.js';
import { type IpPayload, ipData, tcp, udp } from '../../support/transport-segments.js';
import type { Sample } from './sample.js';

const V4 = { source: '192.0.2.1', destination: '198.51.100.2' };
const V6 = { source: '2001:db8::1', destination: '2001:db8::2' };
const INNER_V4 = { source: '10.1.0.1', destination: '10.2.0.2' };
const INNER_V6 = { source: 'fd00::1', destination: 'fd00::2' };
const TEREDO = { source: '2001:0:c000:201::1', destination: '2001:db8::9' };
const PORTS = { sourcePort: 49152, destinationPort: 443 };
const SYN = tcp({ ...PORTS, sequence: 0xfedcba98 });
const SYN_FIELDS = { ...PORTS, ipProtocol: 6, tcpFlags: TCP_SYN, tcpSequence: 0xfedcba98 };
const INNER = ipv4(INNER_V4, SYN);
const INNER_6 = ipv6(INNER_V6, SYN);

const samples: Sample[] = [];

function add(decoder: string, name: string, payload: IpPayload, expected: Sample['expected'], over6 = false): void {
  const packet = over6 ? ipv6(V6, payload) : ipv4(V4, payload);
  const ends = over6 ? V6 : V4;
  samples.push({
    decoder,
    name,
    linkType: LINK_TYPE.ethernet,
    bytes: ethernet({}, packet),
    expected: { failure: null, ...ends, ...expected },
  });
}

function tunnel(type: string, id: number | null, ends = INNER_V4): NonNullable<Sample['expected']['tunnel']> {
  return { type, layer: 'inner', id, ...ends, ipProtocol: 6, ...PORTS };
}

function hex(text: string): Buffer {
  return Buffer.from(text.replace(/\s/g, ''), 'hex');
}

function toPort(destinationPort: number, header: string, packet: Uint8Array): IpPayload {
  return udp({ sourcePort: 40000, destinationPort }, Buffer.concat([hex(header), packet]));
}

function udpTunnels(): void {
  add('geneve', 'Ethernet and options', toPort(6081, '0200 6558 000102 00 0001 80 01 00000000', ethernet({}, INNER)), {
    destinationPort: 6081,
    tunnel: tunnel('geneve', 0x102),
  });
  const tagged = ethernet({}, vlan({ id: 9 }, INNER_6));
  add(
    'geneve',
    'over IPv6',
    toPort(6081, '0040 6558 00ffff 00', tagged),
    { tunnel: tunnel('geneve', 65535, INNER_V6) },
    true,
  );
  add('geneve', 'IPv4', toPort(6081, '0000 0800 000007 00', INNER.bytes), { tunnel: tunnel('geneve', 7) });
  add('geneve', 'another version', toPort(6081, '4000 6558 000007 00', ethernet({}, INNER)), { tunnel: null });
  add('geneve', 'control', toPort(6081, '0080 0000 000007 00', Buffer.alloc(4)), { tunnel: null });

  add('vxlan', 'GPE with IPv4', toPort(4790, '0c00 0001 000011 00', INNER.bytes), { tunnel: tunnel('vxlan_gpe', 17) });
  add('vxlan', 'GPE with IPv6', toPort(4790, '0400 0002 000000 00', INNER_6.bytes), {
    tunnel: tunnel('vxlan_gpe', null, INNER_V6),
  });
  add('vxlan', 'GPE with Ethernet', toPort(4790, '0c00 0003 000011 00', ethernet({}, INNER)), {
    tunnel: tunnel('vxlan_gpe', 17),
  });
  add('vxlan', 'GPE with MPLS', toPort(4790, '0c00 0005 000011 00', mpls([5], INNER).bytes), {
    tunnel: tunnel('vxlan_gpe', 17),
  });
  const chain = Buffer.concat([hex('0002 0201 000001ff'), INNER.bytes]);
  add('vxlan', 'GPE with NSH', toPort(4790, '0c00 0004 000011 00', chain), { tunnel: tunnel('vxlan_gpe', 17) });
  add('vxlan', 'GPE without a next protocol', toPort(4790, '0800 0000 000011 00', ethernet({}, INNER)), {
    tunnel: tunnel('vxlan', 17),
  });
  add('vxlan', 'GPE with an unknown protocol', toPort(4790, '0c00 0077 000011 00', INNER.bytes), { tunnel: null });

  add('gtp-u', 'plain', toPort(2152, '30ff 0000 00001234', INNER.bytes), { tunnel: tunnel('gtp_u', 0x1234) });
  add('gtp-u', 'sequence number', toPort(2152, '32ff 0000 00001234 0001 0000', INNER_6.bytes), {
    tunnel: tunnel('gtp_u', 0x1234, INNER_V6),
  });
  const extended = '34ff 0000 00001234 0000 00 85 01 1000 c0 01 0000 00';
  add('gtp-u', 'extension headers', toPort(2152, extended, INNER.bytes), { tunnel: tunnel('gtp_u', 0x1234) });
  add('gtp-u', 'echo', toPort(2152, '3201 0004 00000000 0000 0000', Buffer.alloc(0)), { tunnel: null });
  const endless = `34ff 0000 00001234 0000 00 85 ${'01 1000 85'.repeat(12)}`;
  add('gtp-u', 'too many extension headers', toPort(2152, endless, INNER.bytes), { tunnel: null });
  add('gtp-u', 'neither IPv4 nor IPv6', toPort(2152, '30ff 0000 00001234', Buffer.alloc(40)), { tunnel: null });

  const teredo = ipv6(TEREDO, SYN).bytes;
  add('teredo', 'plain', toPort(3544, '', teredo), { tunnel: tunnel('teredo', null, TEREDO) });
  add(
    'teredo',
    'authentication and origin',
    toPort(3544, `0001 0201 aabb cc ${'00'.repeat(9)} 0000 1234 c0000201`, teredo),
    {
      tunnel: tunnel('teredo', null, TEREDO),
    },
  );
  const answer = udp({ sourcePort: 3544, destinationPort: 51000 }, teredo);
  add('teredo', 'from the port', answer, { sourcePort: 3544, tunnel: tunnel('teredo', null, TEREDO) });
  add('teredo', 'other addresses', toPort(3544, '', INNER_6.bytes), { tunnel: null });
  add('teredo', 'a packet that does not fill the datagram', toPort(3544, '', Buffer.concat([teredo, hex('00')])), {
    tunnel: null,
  });

  const framed = ppp(INNER);
  add('l2tp', 'data', toPort(1701, '0002 0011 0022', framed), { tunnel: tunnel('l2tp', 0x110022) });
  add('l2tp', 'length, sequence and offset', toPort(1701, '4a02 0030 0011 0022 0001 0002 0002 0000', framed), {
    tunnel: tunnel('l2tp', 0x110022),
  });
  add(
    'l2tp',
    'compressed, from the port',
    udp({ sourcePort: 1701, destinationPort: 50000 }, Buffer.concat([hex('0002 0011 0022 21'), INNER.bytes])),
    {
      tunnel: tunnel('l2tp', 0x110022),
    },
  );
  add('l2tp', 'control', toPort(1701, 'c802 000c 0011 0000 0001 0001', Buffer.alloc(0)), { tunnel: null });
  add('l2tp', 'acknowledgment', toPort(1701, '0802 0011 0022 0001 0001', Buffer.alloc(0)), { tunnel: null });
  add('l2tp', 'version 3', toPort(1701, '0003 0000 00000001', framed), { tunnel: null });
  const dns = udp(
    { sourcePort: 1701, destinationPort: 53 },
    Buffer.concat([hex('0002 0100 0001 0000 0000 0000 00 0001 0001')]),
  );
  add('udp-tunnels', 'a resolver asked from the port of a tunnel', dns, { tunnel: null, sourcePort: 1701 });
}

function genericEncapsulation(): void {
  const bridged = networkData(ETHER_TYPE.transparentEthernet, ethernet({}, INNER));
  add('gre', 'NVGRE', gre({ key: 0x123456_07 }, bridged), { ipProtocol: 47, tunnel: tunnel('nvgre', 0x123456) });
  add('gre', 'Ethernet with a key that NVGRE reserves', gre({ key: 77 }, bridged), { tunnel: tunnel('gre', 77) });
  const erspan2 = networkData(0x88be, Buffer.concat([hex('1000 0064 00000000'), ethernet({}, INNER)]));
  add('gre', 'ERSPAN II', gre({ sequence: 1 }, erspan2), { tunnel: tunnel('erspan', 100) });
  const erspan1 = networkData(0x88be, ethernet({}, INNER));
  add('gre', 'ERSPAN I', gre({}, erspan1), { tunnel: tunnel('erspan', null) });
  const erspan3 = networkData(0x22eb, Buffer.concat([hex('2000 0065 00000000 0000 0000'), ethernet({}, INNER)]));
  add('gre', 'ERSPAN III', gre({ sequence: 1 }, erspan3), { tunnel: tunnel('erspan', 101) });
  const mirroredIp = networkData(0x22eb, Buffer.concat([hex('2000 0065 00000000 0000 0800'), INNER.bytes]));
  add('gre', 'ERSPAN III of IP', gre({ sequence: 1 }, mirroredIp), { tunnel: tunnel('erspan', 101) });
  const mirroredOther = networkData(0x22eb, Buffer.concat([hex('2000 0065 00000000 0000 1c00'), ethernet({}, INNER)]));
  add('gre', 'ERSPAN III of a frame type that nobody defined', gre({ sequence: 1 }, mirroredOther), {});
  const subheader = Buffer.concat([hex('2000 0065 00000000 0000 0001'), Buffer.alloc(8), ethernet({}, INNER)]);
  add('gre', 'ERSPAN III with a subheader', gre({ sequence: 1 }, networkData(0x22eb, subheader)), {
    tunnel: tunnel('erspan', 101),
  });
}

function authenticated(headers: number, payload: IpPayload): IpPayload {
  const pseudo = { source: Uint8Array.of(192, 0, 2, 1), destination: Uint8Array.of(198, 51, 100, 2) };
  const chain = Array.from({ length: headers }, (_, index) => {
    const next = index === headers - 1 ? payload.protocol : 51;
    return Buffer.concat([Buffer.from([next, 4, 0, 0]), Buffer.alloc(20, 0x5a)]);
  });
  return ipData(51, Buffer.concat([...chain, payload.encode(pseudo)]));
}

function headersBetween(): void {
  add('authentication-header', 'before TCP', authenticated(1, SYN), SYN_FIELDS);
  add('authentication-header', 'two of them', authenticated(2, SYN), SYN_FIELDS);
  add('authentication-header', 'too many of them', authenticated(5, SYN), { ipProtocol: 51, sourcePort: null });
  add('authentication-header', 'before a protocol of no decoder', authenticated(1, ipData(89, Buffer.alloc(24))), {
    ipProtocol: 89,
    sourcePort: null,
  });
  const onEthernet = (decoder: string, name: string, packet: NetworkPacket, expected: Sample['expected']): void => {
    samples.push({
      decoder,
      name,
      linkType: LINK_TYPE.ethernet,
      bytes: ethernet({}, packet),
      expected: { ...V4, ...SYN_FIELDS, ...expected },
    });
  };
  const packet = ipv4(V4, SYN);
  const typed = Buffer.concat([hex('0800'), packet.bytes]);
  onEthernet('provider-tags', 'E-TAG', networkData(0x893f, Buffer.concat([hex('0000 0000 0000'), typed])), {});
  for (const tagProtocol of [0x8200, 0x9100, 0x9200, 0x9300]) {
    const outer = vlan({ id: 118, tagProtocol }, vlan({ id: 10 }, packet));
    onEthernet('vlan', `tag type 0x${tagProtocol.toString(16)}`, outer, { vlan: 118, innerVlan: 10 });
  }
}

udpTunnels();
genericEncapsulation();
headersBetween();

export const TUNNEL_SAMPLES: readonly Sample[] = samples;
