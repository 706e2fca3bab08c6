import { expect, test } from 'vitest';
import { type PacketRow, viewPacket } from '../../../api/views/packet-view.js';

const EMPTY: PacketRow = {
  captured_at: '2026-01-02T03:04:05.678901Z',
  id: '1',
  frame_length: 60,
  captured_length: 60,
  ether_type: 0x0800,
  source_mac: '02:00:00:00:00:01',
  destination_mac: '02:00:00:00:00:02',
  vlan: null,
  inner_vlan: null,
  ip_protocol: null,
  ttl: null,
  ip_id: null,
  fragment_offset: null,
  source_port: null,
  destination_port: null,
  tcp_flags: null,
  tcp_sequence: null,
  icmp_type: null,
  icmp_code: null,
  arp_operation: null,
  role: 0,
  failure: null,
  source: '192.0.2.1',
  destination: '192.0.2.2',
  details: null,
  capture_node: 'edge-1',
  interface: 'eth0',
  timeline: '',
  sampling_rate: 1,
};

test.each<[Partial<PacketRow>, string, string]>([
  [
    { ip_protocol: 6, source_port: 1, destination_port: 2, tcp_flags: 0x1ff, tcp_sequence: 9 },
    'tcp',
    '1 → 2 [FIN, SYN, RST, PSH, ACK, URG, ECE, CWR, AE] Seq=9',
  ],
  [{ ip_protocol: 6, source_port: 1, destination_port: 2, tcp_flags: 0 }, 'tcp', '1 → 2 [no flags]'],
  [
    {
      ip_protocol: 6,
      source_port: 1,
      destination_port: 443,
      tcp_flags: 24,
      details: { tls: { server_name: 'example.org' } },
    },
    'tls',
    '1 → 443 [PSH, ACK] SNI example.org',
  ],
  [
    {
      ip_protocol: 17,
      source_port: 68,
      destination_port: 67,
      details: { dhcp: { message_type: 1, hostname: 'printer' } },
    },
    'dhcp',
    '68 → 67 DHCP Discover printer',
  ],
  [
    { ip_protocol: 17, source_port: 9, destination_port: 53, details: { dns: { query: 'a.example', type: 9999 } } },
    'dns',
    '9 → 53 TYPE9999 a.example',
  ],
  [{ ip_protocol: 6, fragment_offset: 1480 }, 'tcp', 'Fragment, offset 1480'],
  [{ ip_protocol: 1, icmp_type: 3, icmp_code: 3 }, 'icmp', 'Destination unreachable, code 3'],
  [
    { ip_protocol: 58, icmp_type: 135, icmp_code: 0, details: { neighbor_discovery: { target: '2001:db8::1' } } },
    'icmpv6',
    'Neighbor solicitation for 2001:db8::1',
  ],
  [{ ether_type: 0x0806, arp_operation: 1 }, 'arp', 'Who has 192.0.2.2? Tell 192.0.2.1'],
  [{ ether_type: 0x0806, arp_operation: 1, destination: '192.0.2.1' }, 'arp', 'ARP announcement for 192.0.2.1'],
  [
    { ether_type: 0x0806, arp_operation: 2, details: { arp: { sender_mac: '02:00:00:00:00:09' } } },
    'arp',
    '192.0.2.1 is at 02:00:00:00:00:09',
  ],
  [
    { ip_protocol: 47, details: { tunnel: { type: 'gre', source: '10.0.0.1', destination: '10.0.0.2' } } },
    'gre',
    '[gre 10.0.0.1 → 10.0.0.2]',
  ],
  [{ ip_protocol: 253 }, 'ip_253', ''],
  [{ ether_type: null, source: null, destination: null }, 'unknown', ''],
  [{ ether_type: 0x88cc }, 'lldp', ''],
  [{ ether_type: 0x1234 }, '0x1234', ''],
  [{ ip_protocol: 6, failure: 250 }, 'tcp', '[Malformed: 250]'],
])('%o is %s "%s"', (row, protocol, info) => {
  expect(viewPacket({ ...EMPTY, ...row })).toMatchObject({ protocol, info });
});
