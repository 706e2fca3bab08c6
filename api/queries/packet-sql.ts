/**
 * The columns of a packet in SQL, as the view unpacked_packets has them (schemas/tables/segment-columns.ts), over what a statement unpacks:
 * unpacking is what reading packets costs, so each statement unpacks only the arrays that it asks for.
 */
import type { AddressColumn, PacketColumn, PacketTerms } from '../../schemas/tables/packet-terms.js';
import {
  fieldBits,
  fieldSql,
  HEADER_IP,
  HEADER_TCP,
  HEADER_TCP_FLAGS_SHIFT,
  SEGMENT_ARRAY_NAMES,
  SEGMENT_ARRAYS,
  SEGMENT_FIELDS,
  type SegmentArray,
  type SegmentField,
} from '../../schemas/tables/segment-columns.js';
import { QueryParameters } from '../../schemas/tables/sql-values.js';

export type PacketArray = SegmentArray;
type Element = (array: PacketArray) => string;

/** Addresses are shown as text. */
const COLUMNS = Object.fromEntries(
  SEGMENT_FIELDS.map((name) => [
    name,
    (element: Element) => {
      const sql = fieldSql(name, element);
      return name === 'source' || name === 'destination' ? `host(${sql})` : sql;
    },
  ]),
) as Readonly<Record<SegmentField, (element: Element) => string>>;

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
    return SEGMENT_ARRAYS[array];
  };

  /** A column of a packet. Addresses are asked for by `address`. */
  column(name: SegmentField): string {
    return COLUMNS[name](this.#element);
  }

  columnOrZero(name: PacketColumn): string {
    return name === 'source_port' || name === 'destination_port' ? fieldBits(name, this.#element) : this.column(name);
  }

  ipProtocolIs(protocol: number): string {
    return this.#headerIs(HEADER_IP | 255, HEADER_IP | protocol);
  }

  tcpFlagsAre(mask: number, flags: number): string {
    return this.#headerIs(
      HEADER_TCP | (mask << HEADER_TCP_FLAGS_SHIFT),
      HEADER_TCP | (flags << HEADER_TCP_FLAGS_SHIFT),
    );
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
    return `${fieldBits(column, this.#element)} = ${position}`;
  }

  /**
   * Whether an address of a packet is such that `test` holds. The addresses of a segment are looked at once, and its packets
   * look up theirs by number, which takes three times as long as to compare numbers.
   */
  address(column: AddressColumn, test: (address: string) => string): string {
    const { array } = ADDRESSES[column];
    const name = this.#lookup(`ARRAY(SELECT ${test('address')} FROM unnest(${array}) AS address)`);
    return `${name}[${fieldBits(column, this.#element)}]`;
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
      return `, unnest(CASE WHEN ${whole} THEN ${array} ELSE ${array}[${after} + 1:${to}] END) AS ${SEGMENT_ARRAYS[array]}`;
    })
    .join('');
}

/** An array of one element stands for all packets; there are details of few packets, so that they never do. */
export function filled(arrays: readonly PacketArray[]): string {
  return arrays
    .map((array) => {
      const element = SEGMENT_ARRAYS[array];
      return array === 'details' ? `, ${element}` : `, coalesce(${element}, ${array}[1]) AS ${element}`;
    })
    .join('');
}

/**
 * The arrays, and those of addresses, brought into memory: else each look into one that stands beside the table would read
 * all of it. Nothing is added to them, which costs no copy where they are in memory; a slice copies element by element.
 */
export const ARRAYS_IN_MEMORY = [...SEGMENT_ARRAY_NAMES, 'hosts', 'macs']
  .map((array) => `array_cat(${array}, NULL) AS ${array}`)
  .join(', ');

/** The elements at one place. */
export function elementsAt(place: string): string {
  return SEGMENT_ARRAY_NAMES.map((array) => {
    const at = `${array}[${place}]`;
    return `${array === 'details' ? at : `coalesce(${at}, ${array}[1])`} AS ${SEGMENT_ARRAYS[array]}`;
  }).join(', ');
}

/** Every column of a packet, over its elements. */
export const PACKET_COLUMNS = Object.entries(COLUMNS)
  .map(([name, column]) => `${column((array) => SEGMENT_ARRAYS[array])} AS ${name}`)
  .join(', ');
