/** The table of packets, with the columns that tshark and Wireshark show, and the dialog with all fields of one. */
import { facts } from './alerts.js';
import { byId, element, updateChildren } from './elements.js';
import { formatInteger, formatTimeMicros } from './format.js';

/** @param {any} packet @param {'source' | 'destination'} side */
const endpoint = (packet, side) => packet[side] ?? packet[`${side}_mac`] ?? '';

/** Malformed packets and resets stand out. @param {any} packet */
function tone(packet) {
  if (packet.failure !== null) return 'malformed';
  return packet.tcp_flags?.includes('RST') ? 'reset' : null;
}

/**
 * @param {readonly any[]} packets
 * @param {{ onHost: (host: string) => void, onOpen: (packet: any) => void }} actions
 */
export function showPackets(packets, { onHost, onOpen }) {
  const host = (packet, side) =>
    packet[side] === null
      ? endpoint(packet, side)
      : element(
          'button',
          { type: 'button', class: 'link', title: 'Show only this host', onclick: () => onHost(packet[side]) },
          packet[side],
        );
  updateChildren(
    byId('packet-rows'),
    packets,
    ({ id }) => id,
    (packet) =>
      element(
        'tr',
        { 'data-tone': tone(packet) },
        element(
          'td',
          { class: 'time' },
          element(
            'button',
            { type: 'button', class: 'link', title: 'Show all fields', onclick: () => onOpen(packet) },
            formatTimeMicros(packet.time),
          ),
        ),
        element('td', {}, host(packet, 'source')),
        element('td', {}, host(packet, 'destination')),
        element('td', {}, packet.protocol.toUpperCase().replaceAll('_', ' ')),
        element('td', { class: 'number' }, formatInteger(packet.length)),
        element('td', { class: 'info', title: packet.info }, packet.info),
        element('td', {}, packet.capture_node ?? ''),
      ),
  );
}

/** @param {any} packet @param {() => void} onClose */
export function renderPacketDetail(packet, onClose) {
  const text = (value) => (value === null || value === undefined || value === '' ? '' : String(value));
  return element(
    'div',
    { class: 'dialog-body' },
    element(
      'div',
      { class: 'dialog-title' },
      element(
        'h2',
        { id: 'packet-dialog-title' },
        `${packet.protocol.toUpperCase()} packet of ${formatTimeMicros(packet.time)}`,
      ),
      element('button', { type: 'button', class: 'quiet', onclick: onClose, 'aria-label': 'Close' }, '✕'),
    ),
    facts([
      ['Summary', packet.info],
      ['Time (UTC)', packet.time],
      ['Source', [packet.source, packet.source_port].filter((part) => part !== null).join(' port ')],
      ['Destination', [packet.destination, packet.destination_port].filter((part) => part !== null).join(' port ')],
      ['MAC addresses', [packet.source_mac, packet.destination_mac].filter(Boolean).join(' → ')],
      ['VLAN', [packet.vlan, packet.inner_vlan].filter((id) => id !== null).join(' / ')],
      ['EtherType', packet.ether_type === null ? '' : `0x${packet.ether_type.toString(16).padStart(4, '0')}`],
      ['IP protocol', text(packet.ip_protocol)],
      ['TTL', text(packet.ttl)],
      ['IP id', text(packet.ip_id)],
      ['Fragment offset', text(packet.fragment_offset)],
      ['TCP flags', packet.tcp_flags === null ? '' : packet.tcp_flags.join(', ') || 'none'],
      ['TCP sequence', text(packet.tcp_sequence)],
      ['ICMP', packet.icmp_type === null ? '' : `type ${packet.icmp_type}, code ${packet.icmp_code}`],
      ['Sender', packet.role === 'unknown' ? '' : `${packet.role} of the conversation`],
      [
        'Length',
        `${formatInteger(packet.length)} bytes on the wire, ${formatInteger(packet.captured_length)} captured`,
      ],
      ['Seen by', [packet.capture_node, packet.interface, packet.timeline].filter(Boolean).join(' · ')],
      ['Sampling', packet.sampling_rate > 1 ? `1 of ${formatInteger(packet.sampling_rate)} packets was kept` : ''],
      ['Malformed', text(packet.failure).replaceAll('_', ' ')],
    ]),
    packet.details === null ? null : element('pre', {}, JSON.stringify(packet.details, null, 2)),
  );
}
