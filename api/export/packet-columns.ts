/** The columns of packets in exports. */
import { ROLE_NAMES } from '../../schemas/packets/packet-block.js';
import { SEGMENT_FIELDS, type SegmentField } from '../../schemas/tables/segment-columns.js';
import { guardedText } from './csv-guard.js';
import type { ExportFormat } from './row-writer.js';

/** In the order in which exports have them; a field that is not named here comes behind these. */
const LEADING_FIELDS: readonly SegmentField[] = [
  'frame_length',
  'captured_length',
  'source_mac',
  'destination_mac',
  'vlan',
  'inner_vlan',
  'ether_type',
  'source',
  'destination',
  'ip_protocol',
  'ttl',
  'ip_id',
  'fragment_offset',
  'source_port',
  'destination_port',
  'tcp_flags',
  'tcp_sequence',
  'icmp_type',
  'icmp_code',
  'arp_operation',
  'role',
  'failure',
  'details',
];
const EXPORTED_FIELDS = [...new Set([...LEADING_FIELDS, ...SEGMENT_FIELDS])].filter((name) => name !== 'origin_id');

/** A field as exports show it: addresses without the length of their network, roles by name. */
function shown(name: SegmentField): string {
  if (name === 'source' || name === 'destination') return `host(${name}) AS ${name}`;
  if (name === 'role') return `(ARRAY['${ROLE_NAMES.join("', '")}'])[role + 1] AS role`;
  return name;
}

/** @param text makes a column of a text that others have written. */
const packetColumns = (text: (column: string) => string): string =>
  `captured_at, packets.id, ${text('capture_node')}, ${text('interface')}, ${EXPORTED_FIELDS.map(shown).join(', ')}`;
const PCAP_COLUMNS = `extract(epoch FROM captured_at)::numeric * 1000000 AS micros, ${EXPORTED_FIELDS.map(shown).join(', ')}`;

export function columnsFor(format: ExportFormat): string {
  return format === 'pcap' ? PCAP_COLUMNS : packetColumns(textFor(format));
}

/** Makes a column of a text that others have written. */
export function textFor(format: ExportFormat): (column: string) => string {
  return format === 'csv' ? guardedText : (column) => column;
}
