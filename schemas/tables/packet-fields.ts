/**
 * The fields that packets can be filtered by: what each means, and its SQL, of the packet and of the segments that have such
 * packets. One table serves query strings and bodies.
 */
import { DECODE_FAILURES } from '../packets/decode-failure.js';
import { PROTOCOL_FORMS, PROTOCOL_NAMES, parseProtocol } from '../packets/protocols.js';
import { type AddressMatch, indexKeys, isMac, parseAddress } from './address-match.js';
import { checkValues, Refusal } from './field-values.js';
import { type NameOf, namesOf } from './field-words.js';
import { nearestName } from './nearest.js';
import { type NumberRange, parseNumberRange, rangeTests } from './number-ranges.js';
import { anyOf, type PacketCondition } from './packet-condition.js';
import { PACKET_NAME_FIELDS } from './packet-names.js';
import { portRangeKey } from './packet-table.js';
import type { AddressColumn, PacketColumn } from './packet-terms.js';
import type { Condition, SqlValues } from './sql-values.js';

interface Field {
  readonly description: string;
  readonly example: string;
  /** @throws Refusal */
  readonly parse: (values: readonly string[]) => PacketCondition;
}

// --- Addresses

const MAC_FIELDS = 'mac, source_mac or destination_mac';

function addressCondition(column: 'source' | 'destination', matches: readonly AddressMatch[]): PacketCondition {
  const exact = matches.filter(({ prefix, bits }) => prefix === bits).map(({ text }) => text);
  const networks = matches.filter(({ prefix, bits }) => prefix < bits);
  const keys = matches.map(indexKeys);
  const [only = ''] = exact;
  return {
    packet: (sql) =>
      matches.length === 1 && exact.length === 1
        ? sql.addressIs(column, only)
        : sql.address(column, (address) =>
            [
              ...(exact.length === 0 ? [] : [`${address} = ANY(${sql.add(exact, 'inet[]')})`]),
              ...networks.map(({ text, prefix }) => `${address} <<= ${sql.add(`${text}/${prefix}`, 'inet')}`),
            ].join(' OR '),
          ),
    content: (parameters) =>
      [
        ...(exact.length === 0 ? [] : [`hosts && ${parameters.add(exact, 'inet[]')}`]),
        ...networks.map(({ text, prefix }) => `${parameters.add(`${text}/${prefix}`, 'inet')} >>= ANY(hosts)`),
      ].join(' OR '),
    ...indexed(keys.some(({ length }) => length === 0) ? null : holdsAny(`${column}s`, keys.flat(), 'inet')),
  };
}

/** Whether an array of a segment has any of some values. */
function holdsAny(array: string, values: readonly unknown[], type: string): Condition {
  return (parameters) => `${array} && ${parameters.add(values, `${type}[]`)}`;
}

type OfSegment = Pick<PacketCondition, 'segment' | 'keys'>;

/** What is known of a segment is in the index of keys. */
function indexed(condition: Condition | null): OfSegment {
  return { segment: condition, keys: condition };
}

function addressField(columns: readonly ('source' | 'destination')[]): Field['parse'] {
  return (values) => {
    const matches = values.map((value) => parseAddress(value, MAC_FIELDS));
    return anyOf(columns.map((column) => addressCondition(column, matches)));
  };
}

function macField(columns: readonly Extract<AddressColumn, `${string}_mac`>[]): Field['parse'] {
  return (values) => {
    for (const value of values) {
      if (!isMac(value)) throw new Refusal(`"${value}" is no MAC address; give one such as 02:00:5e:10:00:01`);
    }
    return anyOf(
      columns.map(
        (column): PacketCondition => ({
          packet: (sql) =>
            values.length === 1
              ? sql.addressIs(column, values[0]!)
              : sql.address(column, (address) => `${address} = ANY(${sql.add(values, 'macaddr[]')})`),
          segment: holdsAny('macs', values, 'macaddr'),
        }),
      ),
    );
  };
}

// --- Numbers

type SegmentOfNumbers = (column: PacketColumn, ranges: readonly NumberRange[]) => OfSegment;

/** Whole numbers and ranges: "443", "1000-2000". */
function numberField(columns: readonly PacketColumn[], maximum: number, segment: SegmentOfNumbers): Field['parse'] {
  return (values) => {
    const ranges = values.map((value) => parseNumberRange(value, maximum));
    return anyOf(
      columns.map((column) => ({
        packet: (sql) => {
          const number = ranges.some(({ low }) => low === 0) ? sql.column(column) : sql.columnOrZero(column);
          return rangeTests(ranges, sql)
            .map((test) => `${number} ${test}`)
            .join(' OR ');
        },
        ...segment(column, ranges),
      })),
    );
  };
}

/** Most ports that the index is asked for one by one. */
const PORTS_MAX = 256;

const portSegment: SegmentOfNumbers = (column, ranges) => {
  const count = ranges.reduce((sum, { low, high }) => sum + high - low + 1, 0);
  if (count > PORTS_MAX) return indexed(null);
  const ports = ranges.flatMap(({ low, high }) => Array.from({ length: high - low + 1 }, (_, index) => low + index));
  return indexed(holdsAny(`${column}s`, [...new Set([...ports, ...ports.map(portRangeKey)])], 'integer'));
};

/** An array that is there only where packets have what it says. */
const hasArray =
  (array: string): SegmentOfNumbers =>
  () => ({ segment: () => `${array} IS NOT NULL` });

/** More than any frame has, bytes. */
export const LENGTH_MAX = 999_999_999;

const lengthSegment: SegmentOfNumbers = (_column, ranges) => ({
  segment: (sql) =>
    ranges
      .map(({ low, high }) => {
        return `(${sql.add(low, 'integer')} <= ANY(frame_lengths) AND ${sql.add(high, 'integer')} >= ANY(frame_lengths))`;
      })
      .join(' OR '),
});

function boundField(operator: '>=' | '<='): Field['parse'] {
  return (values) => {
    const [value = ''] = values;
    if (values.length !== 1 || !/^\d{1,9}$/.test(value)) throw new Refusal('must be one whole number of bytes');
    const length = Number(value);
    return {
      packet: (sql) => `${sql.column('frame_length')} ${operator} ${sql.add(length, 'integer')}`,
      segment: (parameters) =>
        `${parameters.add(length, 'integer')} ${operator === '>=' ? '<=' : '>='} ANY(frame_lengths)`,
    };
  };
}

// --- Names

function protocolField(values: readonly string[]): PacketCondition {
  const conditions = values.map((value): PacketCondition => {
    const match = parseProtocol(value);
    if (!match) {
      const nearest = nearestName(value, PROTOCOL_NAMES);
      throw new Refusal(
        `"${value}" is no protocol known here${nearest ? `; did you mean ${nearest}?` : `; give ${PROTOCOL_FORMS}`}`,
      );
    }
    if ('application' in match) {
      return {
        packet: (sql) => `${sql.column('details')} ? ${sql.add(match.application, 'text')}`,
        segment: () => 'details IS NOT NULL',
      };
    }
    const { column, number } = match;
    if (column === 'ip_protocol') {
      return { packet: (sql) => sql.ipProtocolIs(number), ...indexed(holdsAny('ip_protocols', [number], 'smallint')) };
    }
    return {
      packet: (sql) => `${sql.column(column)} = ${sql.add(number, 'integer')}`,
      segment: (parameters) => `${parameters.add(number, 'integer')} = ANY(ether_types)`,
    };
  });
  return anyOf(conditions);
}

const FLAG_BITS: Readonly<Record<string, number>> = {
  fin: 1,
  syn: 2,
  rst: 4,
  psh: 8,
  ack: 16,
  urg: 32,
  ece: 64,
  cwr: 128,
};
const ALL_FLAGS = 255;

function tcpFlagsField(values: readonly string[]): PacketCondition {
  let set = 0;
  let clear = 0;
  for (const value of values) {
    const name = value.toLowerCase().replace(/^!/, '');
    const bit = name === 'none' ? ALL_FLAGS : FLAG_BITS[name];
    if (bit === undefined) {
      throw new Refusal(
        `"${value}" is no TCP flag; give fin, syn, rst, psh, ack, urg, ece or cwr, !ack for a flag that is not set, or none`,
      );
    }
    if (value.startsWith('!') || name === 'none') clear |= bit;
    else set |= bit;
  }
  return {
    packet: (sql) => sql.tcpFlagsAre(set | clear, set),
    segment: null,
  };
}

function originField(column: 'capture_node' | 'interface' | 'timeline'): Field['parse'] {
  return (values) => {
    const condition = (parameters: SqlValues): string =>
      `origin_id = ANY(ARRAY(SELECT id FROM origins WHERE ${column} = ANY(${parameters.add(values, 'text[]')})))`;
    return { packet: condition, segment: condition };
  };
}

function failureField(values: readonly string[]): PacketCondition {
  const segment = (): string => 'failures IS NOT NULL';
  if (values.length === 1 && values[0] === 'any') {
    return { packet: (sql) => `${sql.column('failure')} IS NOT NULL`, segment };
  }
  const known: readonly string[] = DECODE_FAILURES;
  const codes = values.map((value) => {
    const code = value === '' ? -1 : known.indexOf(value);
    if (code < 0) {
      const nearest = nearestName(value, known);
      throw new Refusal(
        `"${value}" is no decode failure${nearest ? `; did you mean ${nearest}?` : '; give "any" for all'}`,
      );
    }
    return code;
  });
  return { packet: (sql) => `${sql.column('failure')} = ANY(${sql.add(codes, 'integer[]')})`, segment };
}

// --- The fields

const LIST = 'Several values are separated by commas; any of them matches.';

export const PACKET_FIELDS = {
  host: {
    description: `Source or destination: address or CIDR. ${LIST}`,
    example: '192.0.2.7',
    parse: addressField(['source', 'destination']),
  },
  source: {
    description: `Source address or CIDR; of ARP the sender protocol address. ${LIST}`,
    example: '10.0.0.0/8',
    parse: addressField(['source']),
  },
  destination: {
    description: `Destination address or CIDR; of ARP the target protocol address. ${LIST}`,
    example: '2001:db8::/32',
    parse: addressField(['destination']),
  },
  port: {
    description: `Source or destination port, or a range of them. ${LIST}`,
    example: '53,8000-8999',
    parse: numberField(['source_port', 'destination_port'], 65_535, portSegment),
  },
  source_port: {
    description: `Source port or range. ${LIST}`,
    example: '53',
    parse: numberField(['source_port'], 65_535, portSegment),
  },
  destination_port: {
    description: `Destination port or range. ${LIST}`,
    example: '22',
    parse: numberField(['destination_port'], 65_535, portSegment),
  },
  protocol: {
    description: `Protocol: ${PROTOCOL_NAMES.join(', ')}, an IP protocol number, or an EtherType such as 0x88cc. ${LIST}`,
    example: 'tcp',
    parse: protocolField,
  },
  tcp_flags: {
    description:
      'TCP flags that are all set (fin, syn, rst, psh, ack, urg, ece, cwr) or, with ! in front, not set; "none" for no flag at all. Separated by commas.',
    example: 'syn,!ack',
    parse: tcpFlagsField,
  },
  icmp_type: {
    description: `ICMP or ICMPv6 type. ${LIST}`,
    example: '8',
    parse: numberField(['icmp_type'], 255, hasArray('icmp')),
  },
  icmp_code: {
    description: `ICMP or ICMPv6 code. ${LIST}`,
    example: '0',
    parse: numberField(['icmp_code'], 255, hasArray('icmp')),
  },
  mac: {
    description: `Source or destination MAC address. ${LIST}`,
    example: '02:00:5e:10:00:01',
    parse: macField(['source_mac', 'destination_mac']),
  },
  source_mac: {
    description: `Source MAC address. ${LIST}`,
    example: '02:00:5e:10:00:01',
    parse: macField(['source_mac']),
  },
  destination_mac: {
    description: `Destination MAC address. ${LIST}`,
    example: 'ff:ff:ff:ff:ff:ff',
    parse: macField(['destination_mac']),
  },
  vlan: {
    description: `VLAN id of the outer or the inner tag. ${LIST}`,
    example: '42',
    parse: numberField(['vlan', 'inner_vlan'], 4095, hasArray('vlans')),
  },
  capture_node: { description: `Capture node. ${LIST}`, example: 'edge-1', parse: originField('capture_node') },
  interface: {
    description: `Interface, or the file that a replay read. ${LIST}`,
    example: 'eth0',
    parse: originField('interface'),
  },
  timeline: {
    description: `Timeline: the name of one replay of a capture. ${LIST}`,
    example: 'office-2026-01-02',
    parse: originField('timeline'),
  },
  length: {
    description: `Length on the wire, bytes, or a range of them. ${LIST}`,
    example: '1000-1518',
    parse: numberField(['frame_length'], LENGTH_MAX, lengthSegment),
  },
  min_length: {
    description: 'Least length on the wire, bytes.',
    example: '64',
    parse: boundField('>='),
  },
  max_length: {
    description: 'Greatest length on the wire, bytes.',
    example: '1518',
    parse: boundField('<='),
  },
  ...PACKET_NAME_FIELDS,
  failure: {
    description: `Packets that could not be decoded whole: "any", or reasons such as tcp_truncated. ${LIST}`,
    example: 'any',
    parse: failureField,
  },
} as const satisfies Record<string, Field>;

export type PacketFieldName = keyof typeof PACKET_FIELDS;
export const PACKET_FIELD_NAMES = Object.keys(PACKET_FIELDS) as PacketFieldName[];

/**
 * What a field asks for.
 *
 * @throws Refusal
 */
export function parsePacketField(name: PacketFieldName, values: readonly string[]): PacketCondition {
  checkValues(values);
  return PACKET_FIELDS[name].parse(values);
}

/** Every name that packets are filtered by. */
export type PacketFilterName = NameOf<PacketFieldName>;
export const PACKET_FILTER_NAMES = namesOf(PACKET_FIELD_NAMES);
