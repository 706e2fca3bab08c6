/**
 * What a row of packet_segments holds, column by column, and where in it each field of a packet lies: its array, its bits, and how
 * "none" is written. From this come what the sink copies (its encoder is written by hand, for speed, and a test holds it to this),
 * the SQL of the API, and the views that setting up makes. README.md of this folder's parent says how to add a field.
 */

/** An element of `headers`: from the lowest bit the IP protocol (8), the TTL (8), the TCP flags (12), then what the packet has. */
export const HEADER_TTL_SHIFT = 8;
export const HEADER_TCP_FLAGS_SHIFT = 16;
export const HEADER_IP = 1 << 28;
export const HEADER_PORTS = 1 << 29;
export const HEADER_TCP = 1 << 30;
export const HEADER_IP_ID = 1 << 31;

/** Two numbers in an element of `ports`, `mac_pairs` or `vlans`: what is of the source, or outer, stands above. */
export const PAIR_SHIFT = 16;
/** An element of `icmp`: the type above the code. */
export const ICMP_TYPE_SHIFT = 8;
/** An element of `endpoints`: which of hosts is the destination (12 bits), which the source (12), the role (2). */
export const ENDPOINT_SOURCE_SHIFT = 12;
export const ENDPOINT_ROLE_SHIFT = 24;

/** Columns that are once a segment, in the order in which they are copied. */
export const SEGMENT_FACTS = [
  'first_at',
  'last_at',
  'first_id',
  'origin_id',
  'packets',
  'captured_limit',
  'sources',
  'destinations',
  'source_ports',
  'destination_ports',
  'ip_protocols',
  'hosts',
  'macs',
] as const;

/**
 * Arrays with an element a packet, or one that stands for all, in the order in which they are copied; and what an element is
 * called where they are unpacked. The last, `details`, has an element each: few packets have any.
 */
export const SEGMENT_ARRAYS = {
  time_offsets: 'time_offset',
  headers: 'header',
  endpoints: 'endpoint',
  ports: 'port_pair',
  mac_pairs: 'mac_pair',
  ether_types: 'ether_type_number',
  frame_lengths: 'length',
  tcp_sequences: 'sequence',
  ip_ids: 'identification',
  captured_lengths: 'length_captured',
  vlans: 'vlan_pair',
  fragment_offsets: 'fragment_place',
  icmp: 'icmp_pair',
  arp_operations: 'arp_number',
  failures: 'failure_code',
  details: 'detail',
} as const;
export type SegmentArray = keyof typeof SEGMENT_ARRAYS;
export const SEGMENT_ARRAY_NAMES = Object.keys(SEGMENT_ARRAYS) as SegmentArray[];

/** What COPY writes. */
export const SEGMENT_COLUMNS: readonly string[] = [...SEGMENT_FACTS, ...SEGMENT_ARRAY_NAMES];

type SqlType = 'smallint' | 'integer' | 'bigint' | 'inet' | 'macaddr' | 'jsonb';

/** When a packet has the field: always, where its header says so, or unless the bits (or the whole element) are a number. */
type Presence =
  | 'always'
  | { readonly header: number }
  | { readonly unless: number }
  | { readonly elementUnless: number };

interface FieldDefinition {
  readonly type: SqlType;
  /** The array, or null for a column of the segment itself. */
  readonly array: SegmentArray | null;
  /** Lowest bit, and how many; without a number all above, with their sign. */
  readonly shift: number;
  readonly bits: number | null;
  readonly present: Presence;
  /** The addresses of the segment in which the number is a place. */
  readonly addresses?: 'hosts' | 'macs';
}

type Part = Partial<Pick<FieldDefinition, 'shift' | 'bits' | 'present' | 'addresses'>>;

function field(type: SqlType, array: SegmentArray | null, part: Part = {}): FieldDefinition {
  return { type, array, shift: 0, bits: null, present: 'always', ...part };
}

/** The fields of a packet beside its time and its id, in the order of the view packets, which ends with the newest. */
export const PACKET_COLUMNS = {
  tcp_sequence: field('bigint', 'tcp_sequences', { bits: 32, present: { header: HEADER_TCP } }),
  ip_id: field('bigint', 'ip_ids', { bits: 32, present: { header: HEADER_IP_ID } }),
  origin_id: field('integer', null),
  frame_length: field('integer', 'frame_lengths'),
  captured_length: field('integer', 'captured_lengths'),
  ether_type: field('integer', 'ether_types', { present: { unless: 0 } }),
  source_port: field('integer', 'ports', { shift: PAIR_SHIFT, bits: 16, present: { header: HEADER_PORTS } }),
  destination_port: field('integer', 'ports', { bits: 16, present: { header: HEADER_PORTS } }),
  fragment_offset: field('integer', 'fragment_offsets', { present: { unless: -1 } }),
  source_mac: field('macaddr', 'mac_pairs', { shift: PAIR_SHIFT, addresses: 'macs' }),
  destination_mac: field('macaddr', 'mac_pairs', { bits: 16, addresses: 'macs' }),
  vlan: field('smallint', 'vlans', { shift: PAIR_SHIFT, present: { unless: 0 } }),
  inner_vlan: field('smallint', 'vlans', { bits: 16, present: { unless: 0 } }),
  ip_protocol: field('smallint', 'headers', { bits: 8, present: { header: HEADER_IP } }),
  ttl: field('smallint', 'headers', { shift: HEADER_TTL_SHIFT, bits: 8, present: { header: HEADER_IP } }),
  tcp_flags: field('smallint', 'headers', { shift: HEADER_TCP_FLAGS_SHIFT, bits: 12, present: { header: HEADER_TCP } }),
  icmp_type: field('smallint', 'icmp', { shift: ICMP_TYPE_SHIFT, present: { elementUnless: -1 } }),
  icmp_code: field('smallint', 'icmp', { bits: 8, present: { elementUnless: -1 } }),
  arp_operation: field('smallint', 'arp_operations', { present: { unless: -1 } }),
  role: field('smallint', 'endpoints', { shift: ENDPOINT_ROLE_SHIFT }),
  failure: field('smallint', 'failures', { present: { unless: 0 } }),
  source: field('inet', 'endpoints', { shift: ENDPOINT_SOURCE_SHIFT, bits: 12, addresses: 'hosts' }),
  destination: field('inet', 'endpoints', { bits: 12, addresses: 'hosts' }),
  details: field('jsonb', 'details'),
} as const satisfies Record<string, FieldDefinition>;

export type SegmentField = keyof typeof PACKET_COLUMNS;
export const SEGMENT_FIELDS = Object.keys(PACKET_COLUMNS) as SegmentField[];

/** SQL of an element of an array. */
export type ElementSql = (array: SegmentArray) => string;

/** The number of a field, whether the packet has it or not. */
export function fieldBits(name: SegmentField, element: ElementSql): string {
  const { array, shift, bits } = PACKET_COLUMNS[name] as FieldDefinition;
  if (array === null) return name;
  if (bits === 32) return `${element(array)}::bigint & 4294967295`;
  const shifted = shift === 0 ? element(array) : `${element(array)} >> ${shift}`;
  if (bits === null) return shifted;
  return `${shift === 0 ? shifted : `(${shifted})`} & ${2 ** bits - 1}`;
}

/** A field of a packet: null where it has none, addresses as inet and macaddr, numbers as they come. */
export function fieldSql(name: SegmentField, element: ElementSql): string {
  const { array, present, addresses } = PACKET_COLUMNS[name] as FieldDefinition;
  if (name === 'captured_length') {
    return `coalesce(${element('captured_lengths')}, least(${element('frame_lengths')}, captured_limit))`;
  }
  const value = fieldBits(name, element);
  if (addresses !== undefined) return `${addresses}[${value}]`;
  if (array === null || present === 'always') return value;
  if ('unless' in present) return `nullif(${value}, ${present.unless})`;
  if ('elementUnless' in present) return `CASE WHEN ${element(array)} <> ${present.elementUnless} THEN ${value} END`;
  return `CASE WHEN ${headerTest(present.header, element)} THEN ${value} END`;
}

/** The highest bit is the sign. */
function headerTest(bit: number, element: ElementSql): string {
  return bit < 0 ? `${element('headers')} < 0` : `${element('headers')} & ${bit} <> 0`;
}

/** As the view has it: of its type. */
export function typedFieldSql(name: SegmentField, element: ElementSql): string {
  const sql = fieldSql(name, element);
  const { type, array } = PACKET_COLUMNS[name];
  return array !== null && type === 'smallint' ? `(${sql})::smallint` : sql;
}
