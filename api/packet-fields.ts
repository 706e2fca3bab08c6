/**
 * The fields that packets can be filtered by: what each means, and its SQL. One table serves query strings and bodies.
 */
import ipaddr from 'ipaddr.js';
import { DECODE_FAILURES } from '../schemas/decode-failure.js';
import { PROTOCOL_FORMS, PROTOCOL_NAMES, parseProtocol } from '../schemas/protocols.js';
import { nearestName } from './nearest.js';
import { anyOf, type Condition } from './query-parameters.js';

/** A value that a field does not take; the message completes "source: …". */
export class Refusal extends Error {}

interface Field {
  readonly description: string;
  readonly example: string;
  /** @throws Refusal */
  readonly parse: (values: readonly string[]) => Condition;
}

// --- Addresses

interface AddressMatch {
  readonly text: string;
  /** Whether it is one address, not a network. */
  readonly exact: boolean;
}

function parseAddress(text: string): AddressMatch {
  const [address = '', prefix] = text.split('/');
  const isIpv4 = ipaddr.IPv4.isValidFourPartDecimal(address);
  if (!isIpv4 && !(ipaddr.IPv6.isValid(address) && !address.includes('%'))) {
    throw new Refusal(
      isMac(text)
        ? `"${text}" is a MAC address; use mac, source_mac or destination_mac`
        : `"${text}" is no IP address or network; give one such as 192.0.2.7, 10.0.0.0/8 or 2001:db8::/32`,
    );
  }
  const bits = isIpv4 ? 32 : 128;
  if (prefix === undefined) return { text: address, exact: true };
  if (!/^\d{1,3}$/.test(prefix) || Number(prefix) > bits) {
    throw new Refusal(`"${text}" has no valid prefix length; it is a number from 0 to ${bits}`);
  }
  return { text: `${address}/${prefix}`, exact: Number(prefix) === bits };
}

/** Equality where it can be: it reads an index in time order; a network reads a range of it and sorts. */
function addressCondition(column: 'source' | 'destination', matches: readonly AddressMatch[]): Condition {
  const exact = matches.filter((match) => match.exact).map((match) => match.text.replace(/\/.*/, ''));
  const networks = matches.filter((match) => !match.exact);
  const conditions: Condition[] = networks.map((network) => (p) => `${column} <<= ${p.add(network.text, 'inet')}`);
  if (exact.length === 1) conditions.push(bySecond((p) => `${column} = ${p.add(exact[0], 'inet')}`));
  else if (exact.length > 1) conditions.push((p) => `${column} = ANY(${p.add(exact, 'inet[]')})`);
  return anyOf(conditions);
}

function addressField(columns: readonly ('source' | 'destination')[]): Field['parse'] {
  return (values) => {
    const matches = values.map(parseAddress);
    return anyOf(columns.map((column) => addressCondition(column, matches)));
  };
}

function isMac(text: string): boolean {
  return /^[0-9a-f]{2}([:-][0-9a-f]{2}){5}$/i.test(text);
}

function macField(columns: readonly string[]): Field['parse'] {
  return (values) => {
    for (const value of values) {
      if (!isMac(value)) throw new Refusal(`"${value}" is no MAC address; give one such as 02:00:5e:10:00:01`);
    }
    return anyOf(
      columns.map(
        (column): Condition =>
          (p) =>
            `${column} = ANY(${p.add(values, 'macaddr[]')})`,
      ),
    );
  };
}

// --- Numbers

/** Whole numbers and ranges: "443", "1000-2000". */
function numberField(columns: readonly string[], type: string, maximum: number): Field['parse'] {
  return (values) => {
    const ranges = values.map((value) => {
      const match = /^(\d{1,10})(?:-(\d{1,10}))?$/.exec(value);
      const low = Number(match?.[1]);
      const high = Number(match?.[2] ?? match?.[1]);
      if (!match || low > high || high > maximum) {
        throw new Refusal(`"${value}" is no number from 0 to ${maximum}, and no range of them such as 1-10`);
      }
      return { low, high };
    });
    const single = ranges.filter(({ low, high }) => low === high).map(({ low }) => low);
    return anyOf(
      columns.flatMap((column): Condition[] => [
        ...(single.length === 0 ? [] : [oneOf(column, single, type)]),
        ...ranges
          .filter(({ low, high }) => low !== high)
          .map(
            ({ low, high }): Condition =>
              (p) =>
                `${column} BETWEEN ${p.add(low, type)} AND ${p.add(high, type)}`,
          ),
      ]),
    );
  };
}

function oneOf(column: string, values: readonly number[], type: string): Condition {
  const [value] = values;
  if (values.length > 1) return (p) => `${column} = ANY(${p.add(values, `${type}[]`)})`;
  const equal: Condition = (p) => `${column} = ${p.add(value, type)}`;
  return /_port$/.test(column) && isIndexedService(value!) ? bySecond(equal) : equal;
}

/** Whether the indexes of services have the port; the others carry most traffic, or belong to clients. */
function isIndexedService(port: number): boolean {
  return port < 32_768 && ![53, 80, 443].includes(port);
}

function bySecond(condition: Condition): Condition {
  return Object.assign(condition, { bySecond: true });
}

function boundField(column: string, operator: '>=' | '<='): Field['parse'] {
  return (values) => {
    const [value = ''] = values;
    if (values.length !== 1 || !/^\d{1,9}$/.test(value)) throw new Refusal('must be one whole number of bytes');
    return (p) => `${column} ${operator} ${p.add(Number(value), 'integer')}`;
  };
}

// --- Names

function protocolField(values: readonly string[]): Condition {
  const conditions = values.map((value): Condition => {
    const match = parseProtocol(value);
    if (!match) {
      const nearest = nearestName(value, PROTOCOL_NAMES);
      throw new Refusal(
        `"${value}" is no protocol known here${nearest ? `; did you mean ${nearest}?` : `; give ${PROTOCOL_FORMS}`}`,
      );
    }
    if ('application' in match) return (p) => `details ? ${p.add(match.application, 'text')}`;
    return (p) => `${match.column} = ${p.add(match.number, match.column === 'ip_protocol' ? 'smallint' : 'integer')}`;
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

function tcpFlagsField(values: readonly string[]): Condition {
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
  return (p) => `tcp_flags & ${p.add(set | clear, 'smallint')} = ${p.add(set, 'smallint')}`;
}

function originField(column: 'capture_node' | 'interface' | 'timeline'): Field['parse'] {
  return (values) => (p) =>
    `origin_id = ANY(ARRAY(SELECT id FROM origins WHERE ${column} = ANY(${p.add(values, 'text[]')})))`;
}

function failureField(values: readonly string[]): Condition {
  if (values.length === 1 && values[0] === 'any') return () => 'failure IS NOT NULL';
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
  return (p) => `failure = ANY(${p.add(codes, 'smallint[]')})`;
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
    parse: numberField(['source_port', 'destination_port'], 'integer', 65_535),
  },
  source_port: {
    description: `Source port or range. ${LIST}`,
    example: '53',
    parse: numberField(['source_port'], 'integer', 65_535),
  },
  destination_port: {
    description: `Destination port or range. ${LIST}`,
    example: '22',
    parse: numberField(['destination_port'], 'integer', 65_535),
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
    parse: numberField(['icmp_type'], 'smallint', 255),
  },
  icmp_code: {
    description: `ICMP or ICMPv6 code. ${LIST}`,
    example: '0',
    parse: numberField(['icmp_code'], 'smallint', 255),
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
    parse: numberField(['vlan', 'inner_vlan'], 'smallint', 4095),
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
  min_length: {
    description: 'Least length on the wire, bytes.',
    example: '64',
    parse: boundField('frame_length', '>='),
  },
  max_length: {
    description: 'Greatest length on the wire, bytes.',
    example: '1518',
    parse: boundField('frame_length', '<='),
  },
  failure: {
    description: `Packets that could not be decoded whole: "any", or reasons such as tcp_truncated. ${LIST}`,
    example: 'any',
    parse: failureField,
  },
} as const satisfies Record<string, Field>;
