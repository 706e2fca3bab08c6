/** All fields of a packet, layer by layer, as a tree that opens and closes; and the ways on from it. */
import type { ComponentChildren } from 'preact';
import type { Packet } from '../../views/packet-view.js';
import { downloadAddress } from '../data/calls.js';
import { around, rangeParameters } from '../data/scope.js';
import { useWorkplace } from '../data/workplace.js';
import { formatInteger } from '../words/numbers.js';
import { packetsLike } from '../words/packet-search.js';
import { portName } from '../words/ports.js';
import { Time } from './links.js';
import { Facts } from './panel.js';

/** Around a packet, for the rest of its conversation, seconds. */
const ROOM_SECONDS = 300;

type Pairs = readonly (readonly [string, ComponentChildren])[];

const hex = (value: number): string => `0x${value.toString(16).padStart(4, '0')}`;
const portWords = (port: number): string => `${port}${portName(port) === '' ? '' : ` (${portName(port)})`}`;

interface Layer {
  readonly name: string;
  readonly pairs: Pairs;
}

function layersOf(packet: Packet): Layer[] {
  const { ip_protocol: protocol } = packet;
  const layers: (Layer | null)[] = [
    {
      name: 'Frame',
      pairs: [
        ['Time', <Time key="time" iso={packet.time} micros />],
        [
          'Length',
          `${formatInteger(packet.length)} bytes on the wire, ${formatInteger(packet.captured_length)} captured`,
        ],
        ['Seen by', [packet.capture_node, packet.interface, packet.timeline].filter(Boolean).join(' · ')],
        [
          'Sampling',
          (packet.sampling_rate ?? 1) > 1 && `1 of ${formatInteger(packet.sampling_rate ?? 1)} packets was kept`,
        ],
        ['Sender', packet.role !== 'unknown' && `${packet.role} of the conversation`],
        ['Malformed', packet.failure?.replaceAll('_', ' ')],
      ],
    },
    packet.source_mac === null
      ? null
      : {
          name: 'Ethernet',
          pairs: [
            ['Source', packet.source_mac],
            ['Destination', packet.destination_mac],
            ['VLAN', [packet.vlan, packet.inner_vlan].filter((id) => id !== null).join(' / ')],
            ['EtherType', packet.ether_type !== null && hex(packet.ether_type)],
          ],
        },
    protocol === null
      ? null
      : {
          name: packet.source?.includes(':') ? 'IPv6' : 'IPv4',
          pairs: [
            ['Source', packet.source],
            ['Destination', packet.destination],
            ['Protocol', protocol],
            [packet.source?.includes(':') ? 'Hop limit' : 'TTL', packet.ttl],
            ['Identification', packet.ip_id !== null && hex(packet.ip_id)],
            ['Fragment offset', packet.fragment_offset],
          ],
        },
    transportOf(packet),
    ...Object.entries(packet.details ?? {}).map(([name, value]) => ({
      name: name.replaceAll('_', ' ').toUpperCase(),
      pairs: Object.entries((value ?? {}) as Record<string, unknown>).map(
        ([key, field]) =>
          [key.replaceAll('_', ' '), typeof field === 'object' ? JSON.stringify(field) : String(field)] as const,
      ),
    })),
  ];
  return layers.filter((layer) => layer !== null);
}

function transportOf(packet: Packet): Layer | null {
  const ports: Pairs = [
    ['Source port', packet.source_port !== null && portWords(packet.source_port)],
    ['Destination port', packet.destination_port !== null && portWords(packet.destination_port)],
  ];
  if (packet.tcp_flags !== null) {
    return {
      name: 'TCP',
      pairs: [...ports, ['Flags', packet.tcp_flags.join(', ') || 'none'], ['Sequence', packet.tcp_sequence]],
    };
  }
  if (packet.icmp_type !== null) {
    return {
      name: 'ICMP',
      pairs: [
        ['Type', packet.icmp_type],
        ['Code', packet.icmp_code],
      ],
    };
  }
  if (packet.arp_operation !== null) {
    return {
      name: 'ARP',
      pairs: [['Operation', ['', 'request (1)', 'reply (2)'][packet.arp_operation] ?? packet.arp_operation]],
    };
  }
  return packet.source_port === null ? null : { name: packet.protocol.toUpperCase(), pairs: ports };
}

export function PacketDetail({ packet }: { readonly packet: Packet }) {
  const { address } = useWorkplace();
  const like = packetsLike(packet);
  const range = rangeParameters(around(packet.time, packet.time, ROOM_SECONDS));
  return (
    <div class="packet-detail">
      {layersOf(packet).map(({ name, pairs }) => (
        <details key={name} open>
          <summary>{name}</summary>
          <Facts pairs={pairs} />
        </details>
      ))}
      {like !== null && (
        <p class="ways">
          <a class="button" href={address.href('/packets', { ...range, q: like })}>
            Follow the conversation
          </a>
          <a
            class="button"
            href={address.href('/conversations', {
              ...range,
              q: `host ${packet.source} and host ${packet.destination}`,
            })}
          >
            Conversations of both
          </a>
          <a
            class="button"
            href={downloadAddress('packets.pcap', { from: range.from, to: range.to, q: like })}
            download
          >
            Download it as pcap
          </a>
        </p>
      )}
    </div>
  );
}
