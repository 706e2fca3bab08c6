/** The columns that packets may be listed by: those of Wireshark first, and what else a capture knows. */
import type { Packet } from '../../views/packet-view.js';
import { formatInteger } from '../words/numbers.js';
import { HostLink, Time } from './links.js';
import type { Column } from './table.js';

const host = (address: string | null, mac: string | null) =>
  address === null ? <span class="mono">{mac ?? ''}</span> : <HostLink host={address} />;

export const PACKET_COLUMNS: readonly Column<Packet>[] = [
  {
    id: 'source',
    title: 'Source',
    width: 'minmax(8rem, 1fr)',
    isPlain: true,
    cell: (row) => host(row.source, row.source_mac),
  },
  {
    id: 'destination',
    title: 'Destination',
    isPlain: true,
    className: 'to',
    width: 'minmax(8rem, 1fr)',
    cell: (row) => host(row.destination, row.destination_mac),
  },
  {
    id: 'protocol',
    isPlain: true,
    title: 'Protocol',
    width: '5.5rem',
    cell: (row) => row.protocol.toUpperCase().replaceAll('_', ' '),
  },
  { id: 'length', title: 'Length', width: '4.5rem', align: 'end', cell: (row) => formatInteger(row.length) },
  { id: 'info', isPlain: true, title: 'Info', width: 'minmax(12rem, 3fr)', className: 'info', cell: (row) => row.info },
  { id: 'node', title: 'Node', width: '6rem', cell: (row) => row.capture_node ?? '' },
  { id: 'source_port', title: 'Source port', width: '6rem', align: 'end', cell: (row) => row.source_port ?? '' },
  {
    id: 'destination_port',
    title: 'Dest. port',
    width: '6rem',
    align: 'end',
    cell: (row) => row.destination_port ?? '',
  },
  { id: 'flags', title: 'TCP flags', width: '8rem', cell: (row) => row.tcp_flags?.join(', ') ?? '' },
  { id: 'ttl', title: 'TTL', width: '3.5rem', align: 'end', cell: (row) => row.ttl ?? '' },
  { id: 'vlan', title: 'VLAN', width: '4rem', align: 'end', cell: (row) => row.vlan ?? '' },
  { id: 'source_mac', title: 'Source MAC', width: '9.5rem', className: 'mono', cell: (row) => row.source_mac ?? '' },
  {
    id: 'destination_mac',
    title: 'Dest. MAC',
    width: '9.5rem',
    className: 'mono',
    cell: (row) => row.destination_mac ?? '',
  },
  { id: 'role', title: 'Sender', width: '6rem', cell: (row) => (row.role === 'unknown' ? '' : row.role) },
  { id: 'interface', title: 'Interface', width: '8rem', cell: (row) => row.interface?.split('/').at(-1) ?? '' },
  { id: 'failure', title: 'Malformed', width: '9rem', cell: (row) => row.failure?.replaceAll('_', ' ') ?? '' },
];

export const DEFAULT_COLUMNS: readonly string[] = ['source', 'destination', 'protocol', 'length', 'info', 'node'];

export const timeColumn = (isOpen: (packet: Packet) => boolean, onOpen: (packet: Packet) => void): Column<Packet> => ({
  id: 'time',
  isPlain: true,
  title: 'Time',
  width: '13.5rem',
  className: 'time',
  cell: (row) => (
    <button type="button" class="link" aria-expanded={isOpen(row)} title="Show all fields" onClick={() => onOpen(row)}>
      <Time iso={row.time} micros />
    </button>
  ),
});
