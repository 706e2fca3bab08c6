/**
 * The columns of a packet in SQL, as the view unpacked_packets has them (sinks/migrations/0009), over what a statement unpacks:
 * unpacking is what reading packets costs, so each statement unpacks only the arrays that it asks for.
 */
import type { AddressColumn, PacketColumn, PacketTerms } from '../../schemas/tables/packet-terms.js';
import { QueryParameters } from '../../schemas/tables/sql-values.js';

/** The arrays of a segment, and what one element is called. */
const ELEMENTS = {
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

export type PacketArray = keyof typeof ELEMENTS;
type Element = (array: PacketArray) => string;

/** Bits of a header that say what a packet has; below them are the IP protocol, the TTL and the TCP flags (8, 8 and 12 bits). */
const HEADER_IP = 1 << 28;
const HEADER_TCP = 1 << 30;

/** Ports of a packet; 0 when it has none. */
const PORTS = {
  source_port: (e: Element) => `(${e('ports')} >> 16) & 65535`,
  destination_port: (e: Element) => `${e('ports')} & 65535`,
} as const satisfies Record<string, (element: Element) => string>;

/** Which of the addresses of its segment a packet has, counted from 1; 0 for none. */
const PLACES = {
  source: (e: Element) => `(${e('endpoints')} >> 12) & 4095`,
  destination: (e: Element) => `${e('endpoints')} & 4095`,
  source_mac: (e: Element) => `${e('mac_pairs')} >> 16`,
  destination_mac: (e: Element) => `${e('mac_pairs')} & 65535`,
} as const satisfies Record<string, (element: Element) => string>;

/** Beside elements stand the columns of their segment that are no arrays, and its addresses. */
const COLUMNS = {
  tcp_sequence: (e: Element) =>
    `CASE WHEN ${e('headers')} & (1 << 30) <> 0 THEN ${e('tcp_sequences')}::bigint & 4294967295 END`,
  ip_id: (e: Element) => `CASE WHEN ${e('headers')} < 0 THEN ${e('ip_ids')}::bigint & 4294967295 END`,
  origin_id: () => 'origin_id',
  frame_length: (e: Element) => e('frame_lengths'),
  captured_length: (e: Element) => `coalesce(${e('captured_lengths')}, least(${e('frame_lengths')}, captured_limit))`,
  ether_type: (e: Element) => `nullif(${e('ether_types')}, 0)`,
  source_port: (e: Element) => `CASE WHEN ${e('headers')} & (1 << 29) <> 0 THEN ${PORTS.source_port(e)} END`,
  destination_port: (e: Element) => `CASE WHEN ${e('headers')} & (1 << 29) <> 0 THEN ${PORTS.destination_port(e)} END`,
  fragment_offset: (e: Element) => `nullif(${e('fragment_offsets')}, -1)`,
  vlan: (e: Element) => `nullif(${e('vlans')} >> 16, 0)`,
  inner_vlan: (e: Element) => `nullif(${e('vlans')} & 65535, 0)`,
  ip_protocol: (e: Element) => `CASE WHEN ${e('headers')} & (1 << 28) <> 0 THEN ${e('headers')} & 255 END`,
  ttl: (e: Element) => `CASE WHEN ${e('headers')} & (1 << 28) <> 0 THEN (${e('headers')} >> 8) & 255 END`,
  tcp_flags: (e: Element) => `CASE WHEN ${e('headers')} & (1 << 30) <> 0 THEN (${e('headers')} >> 16) & 4095 END`,
  icmp_type: (e: Element) => `CASE WHEN ${e('icmp')} >= 0 THEN ${e('icmp')} >> 8 END`,
  icmp_code: (e: Element) => `CASE WHEN ${e('icmp')} >= 0 THEN ${e('icmp')} & 255 END`,
  arp_operation: (e: Element) => `nullif(${e('arp_operations')}, -1)`,
  role: (e: Element) => `${e('endpoints')} >> 24`,
  failure: (e: Element) => `nullif(${e('failures')}, 0)`,
  details: (e: Element) => e('details'),
  source: (e: Element) => `host(hosts[${PLACES.source(e)}])`,
  destination: (e: Element) => `host(hosts[${PLACES.destination(e)}])`,
  source_mac: (e: Element) => `macs[${PLACES.source_mac(e)}]`,
  destination_mac: (e: Element) => `macs[${PLACES.destination_mac(e)}]`,
} as const satisfies Record<string, (element: Element) => string>;

/** Where a segment has its addresses, and of what type they are. */
const ADDRESSES = {
  source: { array: 'hosts', type: 'inet' },
  destination: { array: 'hosts', type: 'inet' },
  source_mac: { array: 'macs', type: 'macaddr' },
  destination_mac: { array: 'macs', type: 'macaddr' },
} as const;

/** A statement about packets: its values, and what it asks of each segment and each packet. */
export class PacketSql extends QueryParameters implements PacketTerms {
  readonly #arrays = new Set<PacketArray>();
  /** What is looked up once a segment, by its name; and the names of where addresses are. */
  readonly #lookups = new Map<string, string>();
  readonly #positions = new Map<string, string>();

  readonly #element: Element = (array) => {
    this.#arrays.add(array);
    return ELEMENTS[array];
  };

  /** A column of a packet. Addresses are asked for by `address`. */
  column(name: keyof typeof COLUMNS): string {
    return COLUMNS[name](this.#element);
  }

  columnOrZero(name: PacketColumn): string {
    return name === 'source_port' || name === 'destination_port' ? PORTS[name](this.#element) : this.column(name);
  }

  ipProtocolIs(protocol: number): string {
    return this.#headerIs(HEADER_IP | 255, HEADER_IP | protocol);
  }

  tcpFlagsAre(mask: number, flags: number): string {
    return this.#headerIs(HEADER_TCP | (mask << 16), HEADER_TCP | (flags << 16));
  }

  #headerIs(mask: number, bits: number): string {
    return `${this.#element('headers')} & ${this.add(mask, 'integer')} = ${this.add(bits, 'integer')}`;
  }

  /** A packet has the number of its address. */
  addressIs(column: AddressColumn, address: string): string {
    const { array, type } = ADDRESSES[column];
    // Both sides look among the same addresses.
    const key = `${array} ${address}`;
    let position = this.#positions.get(key);
    if (position === undefined) {
      position = this.#lookup(`array_position(${array}, ${this.add(address, type)})`);
      this.#positions.set(key, position);
    }
    return `${PLACES[column](this.#element)} = ${position}`;
  }

  /**
   * Whether an address of a packet is such that `test` holds. The addresses of a segment are looked at once, and its packets
   * look up theirs by number, which takes three times as long as to compare numbers.
   */
  address(column: AddressColumn, test: (address: string) => string): string {
    const { array } = ADDRESSES[column];
    const name = this.#lookup(`ARRAY(SELECT ${test('address')} FROM unnest(${array}) AS address)`);
    return `${name}[${PLACES[column](this.#element)}]`;
  }

  #lookup(expression: string): string {
    const name = `lookup_${this.#lookups.size + 1}`;
    this.#lookups.set(name, expression);
    return name;
  }

  /** What to look up once a segment, each with a comma before it. */
  lookups(): string {
    return [...this.#lookups].map(([name, expression]) => `, ${expression} AS ${name}`).join('');
  }

  /** The lookups again, by name. */
  lookupNames(): string {
    return [...this.#lookups.keys()].map((name) => `, ${name}`).join('');
  }

  /** The arrays that were asked for. */
  arrays(): PacketArray[] {
    return [...this.#arrays];
  }
}

/** The arrays of a segment side by side, from one place to another, each behind a comma. */
export function unpacked(arrays: readonly PacketArray[], after: string, to: string): string {
  return arrays
    .map((array) => {
      // A slice is a copy.
      const whole = `${after} = 0 AND ${to} = packets`;
      return `, unnest(CASE WHEN ${whole} THEN ${array} ELSE ${array}[${after} + 1:${to}] END) AS ${ELEMENTS[array]}`;
    })
    .join('');
}

/** An array of one element stands for all packets; there are details of few packets, so that they never do. */
export function filled(arrays: readonly PacketArray[]): string {
  return arrays
    .map((array) => {
      const element = ELEMENTS[array];
      return array === 'details' ? `, ${element}` : `, coalesce(${element}, ${array}[1]) AS ${element}`;
    })
    .join('');
}

/**
 * The arrays, and those of addresses, brought into memory: else each look into one that stands beside the table would read
 * all of it. Nothing is added to them, which costs no copy where they are in memory; a slice copies element by element.
 */
export const ARRAYS_IN_MEMORY = [...Object.keys(ELEMENTS), 'hosts', 'macs']
  .map((array) => `array_cat(${array}, NULL) AS ${array}`)
  .join(', ');

/** The elements at one place. */
export function elementsAt(place: string): string {
  return (Object.keys(ELEMENTS) as PacketArray[])
    .map((array) => {
      const at = `${array}[${place}]`;
      return `${array === 'details' ? at : `coalesce(${at}, ${array}[1])`} AS ${ELEMENTS[array]}`;
    })
    .join(', ');
}

/** Every column of a packet, over its elements. */
export const PACKET_COLUMNS = Object.entries(COLUMNS)
  .map(([name, column]) => `${column((array) => ELEMENTS[array])} AS ${name}`)
  .join(', ');
