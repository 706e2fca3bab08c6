/** A packet as answers show it, with the one-line summary that an analyst knows from Wireshark. */
import { z } from '@hono/zod-openapi';
import { DECODE_FAILURES } from '../../schemas/packets/decode-failure.js';
import { ROLE_NAMES } from '../../schemas/packets/packet-block.js';
import { protocolName } from '../../schemas/packets/protocols.js';
import { SEGMENT_FIELDS, type SegmentField } from '../../schemas/tables/segment-columns.js';
import { timestampSchema } from '../queries/time-range.js';

/** Fields that are no number, or are not shown as the number that they are. */
const SHAPED = [
  'origin_id',
  'frame_length',
  'captured_length',
  'source_mac',
  'destination_mac',
  'source',
  'destination',
  'tcp_flags',
  'role',
  'failure',
  'details',
] as const satisfies readonly SegmentField[];
type NumberField = Exclude<SegmentField, (typeof SHAPED)[number]>;
const NUMBER_FIELDS = SEGMENT_FIELDS.filter((name): name is NumberField => !SHAPED.some((shaped) => shaped === name));

/** A row of `packets` with its origin. */
export interface PacketRow extends Readonly<Record<NumberField, number | null>> {
  readonly captured_at: string;
  readonly id: string;
  readonly frame_length: number;
  readonly captured_length: number;
  readonly source_mac: string | null;
  readonly destination_mac: string | null;
  readonly tcp_flags: number | null;
  readonly role: number;
  readonly failure: number | null;
  readonly source: string | null;
  readonly destination: string | null;
  readonly details: PacketDetails | null;
  readonly capture_node: string | null;
  readonly interface: string | null;
  readonly timeline: string | null;
  readonly sampling_rate: number | null;
}

/** What few packets carry, `packets.details`. */
interface PacketDetails {
  readonly arp?: { readonly sender_mac?: string; readonly target_mac?: string };
  readonly neighbor_discovery?: { readonly target?: string; readonly link_layer_address?: string };
  readonly dns?: { readonly query?: string | null; readonly type?: number | null };
  readonly tls?: { readonly server_name?: string | null };
  readonly http?: { readonly host?: string | null };
  readonly dhcp?: { readonly message_type?: number | null; readonly hostname?: string | null };
  readonly tunnel?: { readonly type?: string; readonly source?: string; readonly destination?: string };
}

const number = z.int().nullable();
const port = z.int().min(0).max(65_535).nullable();
/** What there is to say of a number beside its name. */
const DESCRIBED: Partial<Record<NumberField, typeof number>> = {
  source_port: port,
  destination_port: port,
  ttl: number.openapi({ description: 'TTL, in IPv6 the hop limit.' }),
  fragment_offset: number.openapi({ description: 'Bytes; null when the packet is no fragment.' }),
  arp_operation: number.openapi({ description: '1 request, 2 reply (RFC 826).' }),
};
const numberShapes = Object.fromEntries(NUMBER_FIELDS.map((name) => [name, DESCRIBED[name] ?? number])) as Record<
  NumberField,
  typeof number
>;

export const packetSchema = z
  .object({
    time: timestampSchema,
    id: z
      .string()
      .openapi({ description: 'Unique; orders packets of the same microsecond.', example: '1099511627776' }),
    capture_node: z.string().nullable(),
    interface: z.string().nullable().openapi({ description: 'Interface, or the file that a replay read.' }),
    timeline: z.string().nullable().openapi({ description: 'Empty for live traffic; else the replay of a capture.' }),
    sampling_rate: z.int().nullable().openapi({ description: 'One packet of how many was kept; 1 when all were.' }),
    source: z
      .string()
      .nullable()
      .openapi({ description: 'IP address; null when the frame has none.', example: '192.0.2.7' }),
    destination: z.string().nullable().openapi({ example: '198.51.100.1' }),
    source_mac: z.string().nullable().openapi({ example: '02:00:5e:10:00:01' }),
    destination_mac: z.string().nullable(),
    ...numberShapes,
    protocol: z.string().openapi({ description: 'Name of the innermost protocol known.', example: 'tcp' }),
    tcp_flags: z
      .array(z.string())
      .nullable()
      .openapi({ description: 'Names of the flags that are set; null when it is not TCP.', example: ['SYN', 'ACK'] }),
    role: z.enum(ROLE_NAMES).openapi({ description: 'Of the sender in its conversation, as the capture node saw it.' }),
    length: z.int().openapi({ description: 'Bytes on the wire.' }),
    captured_length: z.int().openapi({ description: 'Bytes captured.' }),
    failure: z.string().nullable().openapi({
      description: 'Why the frame could not be decoded whole; null when it was.',
      example: 'tcp_truncated',
    }),
    details: z
      .record(z.string(), z.unknown())
      .nullable()
      .openapi({ description: 'What few packets carry: arp, neighbor_discovery, dns, tls, http, dhcp, tunnel.' }),
    info: z.string().openapi({ description: 'Summary in one line.', example: '51234 → 443 [SYN]' }),
  })
  .openapi('Packet');

export type Packet = z.infer<typeof packetSchema>;

/** By bit, from the lowest: RFC 9293 section 3.1. */
const FLAG_NAMES = ['FIN', 'SYN', 'RST', 'PSH', 'ACK', 'URG', 'ECE', 'CWR', 'AE'];

export function tcpFlagNames(flags: number): string[] {
  return FLAG_NAMES.filter((_, bit) => (flags >> bit) & 1);
}

export function viewPacket(row: PacketRow): Packet {
  return {
    time: row.captured_at,
    id: row.id,
    capture_node: row.capture_node,
    interface: row.interface,
    timeline: row.timeline,
    sampling_rate: row.sampling_rate,
    source: row.source,
    destination: row.destination,
    source_mac: row.source_mac,
    destination_mac: row.destination_mac,
    ...(Object.fromEntries(NUMBER_FIELDS.map((name) => [name, row[name]])) as Record<NumberField, number | null>),
    protocol: displayProtocol(row),
    tcp_flags: row.tcp_flags === null ? null : tcpFlagNames(row.tcp_flags),
    role: ROLE_NAMES[row.role] ?? 'unknown',
    length: row.frame_length,
    captured_length: row.captured_length,
    failure: row.failure === null ? null : (DECODE_FAILURES[row.failure] ?? `code_${row.failure}`),
    details: row.details as Packet['details'],
    info: summary(row),
  };
}

function displayProtocol({ details, ether_type, ip_protocol }: PacketRow): string {
  for (const application of ['dns', 'tls', 'http', 'dhcp'] as const) if (details?.[application]) return application;
  return protocolName(ether_type, ip_protocol);
}

function summary(row: PacketRow): string {
  const parts = [
    row.fragment_offset !== null && row.fragment_offset > 0 ? `Fragment, offset ${row.fragment_offset}` : '',
    row.failure === null
      ? ''
      : `[Malformed: ${(DECODE_FAILURES[row.failure] ?? String(row.failure)).replaceAll('_', ' ')}]`,
    transport(row),
    application(row.details),
    row.details?.tunnel?.type
      ? `[${row.details.tunnel.type} ${row.details.tunnel.source ?? ''} → ${row.details.tunnel.destination ?? ''}]`
      : '',
  ];
  return parts.filter((part) => part !== '').join(' ');
}

function transport(row: PacketRow): string {
  const ports = row.source_port === null ? '' : `${row.source_port} → ${row.destination_port}`;
  if (row.tcp_flags !== null) {
    const flags = tcpFlagNames(row.tcp_flags).join(', ') || 'no flags';
    return `${ports} [${flags}]${row.tcp_sequence === null ? '' : ` Seq=${row.tcp_sequence}`}`;
  }
  if (ports !== '') return ports;
  if (row.arp_operation !== null) return arp(row);
  if (row.icmp_type !== null) {
    const names = row.ip_protocol === 58 ? ICMPV6_TYPES : ICMP_TYPES;
    const target = row.details?.neighbor_discovery?.target;
    const name = names[row.icmp_type] ?? `Type ${row.icmp_type}`;
    return `${name}${target ? ` for ${target}` : ''}${row.icmp_code ? `, code ${row.icmp_code}` : ''}`;
  }
  return '';
}

/** In Wireshark's words. */
function arp({ arp_operation: operation, source, destination, details, source_mac: sourceMac }: PacketRow): string {
  const sender = source ?? '?';
  if (operation === 1 && source !== null && source === destination) return `ARP announcement for ${sender}`;
  if (operation === 1) return `Who has ${destination ?? '?'}? Tell ${sender}`;
  if (operation === 2) return `${sender} is at ${details?.arp?.sender_mac ?? sourceMac ?? '?'}`;
  return `ARP operation ${operation}`;
}

function application(details: PacketDetails | null): string {
  if (!details) return '';
  const { dns, tls, http, dhcp } = details;
  if (dns?.query) return `${DNS_TYPES[dns.type ?? 0] ?? (dns.type ? `TYPE${dns.type}` : '')} ${dns.query}`.trim();
  if (tls?.server_name) return `SNI ${tls.server_name}`;
  if (http?.host) return `Host ${http.host}`;
  if (dhcp)
    return `DHCP ${DHCP_MESSAGES[dhcp.message_type ?? 0] ?? ''}${dhcp.hostname ? ` ${dhcp.hostname}` : ''}`.trim();
  return '';
}

/** https://www.iana.org/assignments/icmp-parameters */
const ICMP_TYPES: Readonly<Record<number, string>> = {
  0: 'Echo reply',
  3: 'Destination unreachable',
  5: 'Redirect',
  8: 'Echo request',
  9: 'Router advertisement',
  10: 'Router solicitation',
  11: 'Time exceeded',
  12: 'Parameter problem',
  13: 'Timestamp request',
  14: 'Timestamp reply',
};

/** https://www.iana.org/assignments/icmpv6-parameters */
const ICMPV6_TYPES: Readonly<Record<number, string>> = {
  1: 'Destination unreachable',
  2: 'Packet too big',
  3: 'Time exceeded',
  4: 'Parameter problem',
  128: 'Echo request',
  129: 'Echo reply',
  130: 'Multicast listener query',
  131: 'Multicast listener report',
  132: 'Multicast listener done',
  133: 'Router solicitation',
  134: 'Router advertisement',
  135: 'Neighbor solicitation',
  136: 'Neighbor advertisement',
  137: 'Redirect',
  143: 'Multicast listener report v2',
};

/** https://www.iana.org/assignments/dns-parameters */
const DNS_TYPES: Readonly<Record<number, string>> = {
  1: 'A',
  2: 'NS',
  5: 'CNAME',
  6: 'SOA',
  12: 'PTR',
  15: 'MX',
  16: 'TXT',
  28: 'AAAA',
  33: 'SRV',
  43: 'DS',
  48: 'DNSKEY',
  64: 'SVCB',
  65: 'HTTPS',
  255: 'ANY',
};

/** RFC 2132 section 9.6. */
const DHCP_MESSAGES: Readonly<Record<number, string>> = {
  1: 'Discover',
  2: 'Offer',
  3: 'Request',
  4: 'Decline',
  5: 'ACK',
  6: 'NAK',
  7: 'Release',
  8: 'Inform',
};
