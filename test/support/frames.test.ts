import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { TCP_ACK, TCP_PSH } from '../../schemas/packets/packet-block.js';
import { ipv4Bytes } from './address-bytes.js';
import {
  DHCP_MESSAGE_TYPE,
  dhcp,
  dnsQuery,
  dnsResponse,
  httpRequest,
  httpResponse,
  tlsClientHello,
} from './application-messages.js';
import { pcapFile } from './capture-file.js';
import * as frames from './frames.js';
import * as ip from './ip-packets.js';
import { outermostPacket } from './outermost-packet.js';
import { requireTool } from './requirement.js';
import * as transport from './transport-segments.js';
import { EXPERT_WARNING, readWithTshark, type TsharkFrame } from './tshark.js';

const V4 = { source: '192.0.2.1', destination: '198.51.100.2' };
const V6 = { source: '2001:db8::1', destination: '2001:db8::2' };
const PORTS = { sourcePort: 40000, destinationPort: 443 };
const segment = transport.tcp(
  { ...PORTS, flags: TCP_ACK | TCP_PSH, sequence: 0xfedcba98, acknowledgment: 5 },
  Buffer.from('odd'),
);
const datagram = transport.udp({ sourcePort: 5000, destinationPort: 6000 }, Buffer.alloc(11, 7));
const over4 = (payload: transport.IpPayload): Buffer => frames.ethernet({}, ip.ipv4({ ...V4, id: 7 }, payload));
const over6 = (payload: transport.IpPayload): Buffer => frames.ethernet({}, ip.ipv6(V6, payload));
const inner = ip.ipv4({ source: '10.1.0.1', destination: '10.1.0.2' }, segment);

interface Case {
  readonly name: string;
  readonly linkType?: number;
  readonly frame: Buffer;
  /** Layers that tshark must see, in this order, others between them. */
  readonly layers: readonly string[];
  readonly fields?: Partial<TsharkFrame>;
}

const CASES: readonly Case[] = [
  {
    name: 'TCP',
    frame: over4(segment),
    layers: ['eth', 'ip', 'tcp'],
    fields: {
      ipv4Source: V4.source,
      ipv4Destination: V4.destination,
      tcpSourcePort: 40000,
      tcpDestinationPort: 443,
      tcpFlags: 0x18,
      tcpSequence: 0xfedcba98,
      ipId: 7,
      ttl: 64,
      sourceMac: '02:00:00:00:00:01',
      destinationMac: '02:00:00:00:00:02',
    },
  },
  {
    name: 'UDP',
    frame: over4(datagram),
    layers: ['ip', 'udp'],
    fields: { udpSourcePort: 5000, udpDestinationPort: 6000 },
  },
  {
    name: 'ICMP echo',
    frame: over4(transport.icmp({ type: 8, rest: 0x00010001 }, Buffer.alloc(32))),
    layers: ['ip', 'icmp'],
    fields: { icmpType: 8, icmpCode: 0 },
  },
  {
    name: 'ICMP error',
    frame: over4(
      transport.icmp({ type: 3, code: 3 }, ip.ipv4(V4, transport.udp({ sourcePort: 1, destinationPort: 2 })).bytes),
    ),
    layers: ['ip', 'icmp', 'ip', 'udp'],
    fields: { icmpType: 3, icmpCode: 3 },
  },
  { name: 'IGMP', frame: over4(transport.igmp({ type: 0x16, group: ipv4Bytes('239.1.2.3') })), layers: ['ip', 'igmp'] },
  { name: 'SCTP', frame: over4(transport.sctp(PORTS)), layers: ['ip', 'sctp'], fields: { sctpDestinationPort: 443 } },
  {
    name: 'VRRP',
    frame: over4(transport.vrrp({ routerId: 5, address: ipv4Bytes('192.0.2.9') })),
    layers: ['ip', 'vrrp'],
  },
  {
    name: 'IPv4 options',
    frame: frames.ethernet({ pad: true }, ip.ipv4({ ...V4, options: Buffer.from([0x94, 4, 0, 0]) }, segment)),
    layers: ['ip', 'tcp'],
    fields: { tcpDestinationPort: 443 },
  },
  {
    name: 'TCP over IPv6',
    frame: over6(segment),
    layers: ['ipv6', 'tcp'],
    fields: { ipv6Source: V6.source, hopLimit: 64 },
  },
  { name: 'UDP over IPv6', frame: over6(datagram), layers: ['ipv6', 'udp'] },
  {
    name: 'ICMPv6 echo',
    frame: over6(transport.icmpv6({ type: 128 }, Buffer.alloc(8))),
    layers: ['ipv6', 'icmpv6'],
    fields: { icmpv6Type: 128 },
  },
  {
    name: 'neighbor solicitation',
    frame: frames.ethernet(
      {},
      ip.ipv6({ ...V6, hopLimit: 255 }, transport.neighborSolicitation('2001:db8::9', '02:00:00:00:00:01')),
    ),
    layers: ['icmpv6'],
    fields: { icmpv6Type: 135 },
  },
  {
    name: 'neighbor advertisement',
    frame: frames.ethernet(
      {},
      ip.ipv6({ ...V6, hopLimit: 255 }, transport.neighborAdvertisement('2001:db8::9', '02:00:00:00:00:01')),
    ),
    layers: ['icmpv6'],
    fields: { icmpv6Type: 136 },
  },
  {
    name: 'IPv6 extension headers',
    frame: frames.ethernet(
      {},
      ip.ipv6(
        { ...V6, extensions: [ip.hopByHopOptions(), ip.destinationOptions(16), ip.routingHeader(V6.destination)] },
        transport.icmpv6({ type: 128 }),
      ),
    ),
    layers: ['ipv6', 'ipv6.hopopts', 'ipv6.dstopts', 'ipv6.routing', 'icmpv6'],
  },
  {
    name: 'ARP',
    frame: frames.ethernet(
      { destination: frames.BROADCAST_MAC, pad: true },
      ip.arp({ operation: 1, senderMac: '02:00:00:00:00:01', senderAddress: '192.0.2.1', targetAddress: '192.0.2.9' }),
    ),
    layers: ['eth', 'arp'],
    fields: {
      arpOperation: 1,
      arpSenderMac: '02:00:00:00:00:01',
      arpSenderAddress: '192.0.2.1',
      arpTargetAddress: '192.0.2.9',
    },
  },
  {
    name: 'VLAN',
    frame: frames.ethernet({}, frames.vlan({ id: 42, priority: 3 }, inner)),
    layers: ['vlan', 'ip', 'tcp'],
    fields: { vlans: [42] },
  },
  {
    name: 'QinQ',
    frame: frames.ethernet({}, frames.qinq(100, 7, inner)),
    layers: ['ieee8021ad', 'vlan', 'ip'],
    fields: { vlans: [100, 7] },
  },
  { name: 'MPLS', frame: frames.ethernet({}, frames.mpls([16, 17], inner)), layers: ['mpls', 'ip', 'tcp'] },
  {
    name: 'PPPoE',
    frame: frames.ethernet({}, frames.pppoe({ sessionId: 9 }, inner)),
    layers: ['pppoes', 'ppp', 'ip', 'tcp'],
  },
  {
    name: 'LLC with a spanning tree message',
    frame: frames.llc({ dsap: 0x42, ssap: 0x42 }, Buffer.alloc(35)),
    layers: ['eth', 'llc'],
  },
  { name: 'SNAP', frame: frames.snap({}, inner), layers: ['eth', 'llc', 'ip', 'tcp'] },
  { name: 'PPP', linkType: frames.LINK_TYPE.ppp, frame: frames.ppp(inner), layers: ['ppp', 'ip', 'tcp'] },
  {
    name: 'Linux cooked',
    linkType: frames.LINK_TYPE.linuxCooked,
    frame: frames.linuxCooked({}, inner),
    layers: ['sll', 'ip', 'tcp'],
    fields: { sourceMac: '02:00:00:00:00:01' },
  },
  {
    name: 'Linux cooked v2',
    linkType: frames.LINK_TYPE.linuxCooked2,
    frame: frames.linuxCooked2({}, inner),
    layers: ['sll', 'ip', 'tcp'],
  },
  {
    name: 'BSD null',
    linkType: frames.LINK_TYPE.null,
    frame: frames.bsdNull(ip.ipv6(V6, segment)),
    layers: ['null', 'ipv6', 'tcp'],
  },
  {
    name: 'BSD null, big-endian',
    linkType: frames.LINK_TYPE.null,
    frame: frames.bsdNull(inner, 'big'),
    layers: ['null', 'ip', 'tcp'],
  },
  {
    name: 'BSD loop',
    linkType: frames.LINK_TYPE.loop,
    frame: frames.bsdLoop(ip.ipv6(V6, segment)),
    layers: ['null', 'ipv6', 'tcp'],
  },
  {
    name: 'raw IP',
    linkType: frames.LINK_TYPE.raw,
    frame: frames.rawIp(ip.ipv6(V6, segment)),
    layers: ['raw', 'ipv6', 'tcp'],
  },
  { name: 'raw IPv4', linkType: frames.LINK_TYPE.ipv4, frame: frames.rawIp(inner), layers: ['ip', 'tcp'] },
  { name: '6in4', frame: over4(ip.packetInIp(ip.ipv6(V6, segment))), layers: ['ip', 'ipv6', 'tcp'] },
  { name: '4in6', frame: over6(ip.packetInIp(inner)), layers: ['ipv6', 'ip', 'tcp'] },
  {
    name: 'GRE',
    frame: over4(ip.gre({ key: 77, sequence: 1, withChecksum: true }, inner)),
    layers: ['ip', 'gre', 'ip', 'tcp'],
  },
  {
    name: 'Ethernet in GRE',
    frame: over4(ip.gre({}, ip.networkData(ip.ETHER_TYPE.transparentEthernet, frames.ethernet({}, inner)))),
    layers: ['ip', 'gre', 'eth', 'ip'],
  },
  {
    name: 'VXLAN',
    frame: over4(ip.vxlan({ id: 5000 }, frames.ethernet({}, inner))),
    layers: ['udp', 'vxlan', 'eth', 'ip', 'tcp'],
  },
  {
    name: 'DNS query',
    frame: over4(
      transport.udp({ sourcePort: 5000, destinationPort: 53 }, dnsQuery({ id: 9, name: 'www.example.org' })),
    ),
    layers: ['udp', 'dns'],
    fields: { dnsQuery: 'www.example.org', dnsType: 1 },
  },
  {
    name: 'DNS response',
    frame: over4(
      transport.udp(
        { sourcePort: 53, destinationPort: 5000 },
        dnsResponse({ id: 9, name: 'www.example.org' }, [{ address: '192.0.2.8' }, { address: '2001:db8::8' }]),
      ),
    ),
    layers: ['udp', 'dns'],
  },
  {
    name: 'TLS ClientHello',
    frame: over4(transport.tcp({ ...PORTS, flags: 0x18 }, tlsClientHello('www.example.org'))),
    layers: ['tcp', 'tls'],
    fields: { tlsServerName: 'www.example.org' },
  },
  {
    name: 'HTTP request',
    frame: over4(
      transport.tcp({ sourcePort: 40000, destinationPort: 80, flags: 0x18 }, httpRequest('www.example.org')),
    ),
    layers: ['tcp', 'http'],
    fields: { httpHost: 'www.example.org' },
  },
  {
    name: 'HTTP response',
    frame: over4(transport.tcp({ sourcePort: 80, destinationPort: 40000, flags: 0x18 }, httpResponse(100))),
    layers: ['tcp', 'http'],
  },
  {
    name: 'DHCP',
    frame: over4(
      transport.udp(
        { sourcePort: 68, destinationPort: 67 },
        dhcp({ messageType: DHCP_MESSAGE_TYPE.request, clientMac: '02:00:00:00:00:09', hostname: 'laptop' }),
      ),
    ),
    layers: ['udp', 'dhcp'],
    fields: { dhcpMessageType: 3, dhcpHostname: 'laptop' },
  },
];

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'nta-frames-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

async function dissect(frameBytes: readonly Buffer[], linkType: number): Promise<TsharkFrame[]> {
  const path = join(folder, `${linkType}-${frameBytes.length}.pcap`);
  writeFileSync(
    path,
    pcapFile(
      frameBytes.map((bytes, index) => ({ time: 1e15 + index, bytes })),
      { linkType },
    ),
  );
  const { frames: read, error } = await readWithTshark(path, { verifyChecksums: true });
  expect(error).toBeUndefined();
  return read;
}

function complaints(frame: TsharkFrame): string[] {
  return frame.expert.filter(({ severity }) => severity >= EXPERT_WARNING).map(({ message }) => message);
}

/** Whether `wanted` is a subsequence of `layers`. */
function inOrder(layers: readonly string[], wanted: readonly string[]): boolean {
  let next = 0;
  for (const layer of layers) if (layer === wanted[next]) next++;
  return next === wanted.length;
}

describe('tshark reads every frame as meant, with no complaint', () => {
  const linkTypes = [...new Set(CASES.map(({ linkType }) => linkType ?? frames.LINK_TYPE.ethernet))];
  const read = new Map<Case, TsharkFrame>();

  // One file a link type: tshark takes most of a second to start.
  beforeAll(async () => {
    for (const linkType of linkTypes) {
      const cases = CASES.filter((one) => (one.linkType ?? frames.LINK_TYPE.ethernet) === linkType);
      const dissected = await dissect(
        cases.map(({ frame }) => frame),
        linkType,
      ).catch(() => []);
      for (const [index, one] of cases.entries()) if (dissected[index]) read.set(one, dissected[index]);
    }
  }, 60_000);

  test.for(CASES)('$name', (one, context) => {
    requireTool(context, 'tshark');
    const frame = read.get(one);
    expect(frame, 'tshark did not read the frame').toBeDefined();
    expect(complaints(frame!)).toEqual([]);
    expect(inOrder(frame!.layers, one.layers), `${frame!.layers} has not ${one.layers}`).toBe(true);
    expect(frame).toMatchObject(one.fields ?? {});
  });
});

test('fragments carry their offsets and, joined, the whole payload', async (context) => {
  requireTool(context, 'tshark');
  const payload = transport.udp({ sourcePort: 1111, destinationPort: 2222 }, Buffer.alloc(100, 1));
  const four = ip.ipv4Fragments({ ...V4, id: 99 }, payload, 48);
  const six = ip.ipv6Fragments(V6, payload, 48);
  const read = await dissect(
    [...four, ...six].map((packet) => frames.ethernet({}, packet)),
    frames.LINK_TYPE.ethernet,
  );
  expect(
    read.slice(0, 3).map(({ fragmentOffset, moreFragments, ipId }) => [fragmentOffset, moreFragments, ipId]),
  ).toEqual([
    [0, true, 99],
    [48, true, 99],
    [96, false, 99],
  ]);
  expect(read.slice(3).map(({ ipv6FragmentOffset }) => ipv6FragmentOffset)).toEqual([0, 48, 96]);
  expect(read.map((frame) => outermostPacket(frame)?.protocol)).toEqual([17, 17, 17, 17, 17, 17]);
});

test('the outermost packet of an ICMP error is the error, not the packet it quotes', async (context) => {
  requireTool(context, 'tshark');
  const quoted = ip.ipv4(
    { source: '10.0.0.1', destination: '10.0.0.2' },
    transport.udp({ sourcePort: 1, destinationPort: 2 }),
  );
  const [frame] = await dissect([over4(transport.icmp({ type: 3, code: 3 }, quoted.bytes))], frames.LINK_TYPE.ethernet);
  expect(outermostPacket(frame!)).toMatchObject({ version: 4, ...V4, protocol: 1, payloadLayer: 'icmp' });
});
