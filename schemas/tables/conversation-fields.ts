/** The fields that conversations can be filtered by, in the names of `GET /api/conversations`: what each means, and its SQL. */
import { CONNECTION_STATES, OUTCOMES } from '../conversations/conversation.js';
import { parseProtocol } from '../packets/protocols.js';
import { parseAddress } from './address-match.js';
import { idsOfCommunity, REVERSED_HOST_NAME } from './conversation-table.js';
import { checkValues, Refusal } from './field-values.js';
import { FIELD_WORDS, type NameOf, namesOf } from './field-words.js';
import { nearestName } from './nearest.js';
import { parseNumberRange, rangeTests } from './number-ranges.js';
import { anyOf, type Condition, type SqlValues } from './sql-values.js';

export interface ConversationField {
  readonly description: string;
  readonly example: string;
  /** @throws Refusal */
  readonly parse: (values: readonly string[]) => Condition;
}

const LIST = 'Several values are separated by commas; any of them matches.';

// --- Addresses

function addressField(columns: readonly ('originator' | 'responder')[]): ConversationField['parse'] {
  return (values) => {
    const matches = values.map((value) => parseAddress(value));
    return anyOf(
      columns.flatMap((column) =>
        matches.map(({ text, bits, prefix }) => (sql: SqlValues) => {
          return prefix === bits
            ? `${column} = ${sql.add(text, 'inet')}`
            : `${column} <<= ${sql.add(`${text}/${prefix}`, 'inet')}`;
        }),
      ),
    );
  };
}

// --- Numbers

/** @param columns or expressions, of the type. */
function numberField(
  columns: readonly string[],
  maximum: number,
  type: 'smallint' | 'integer' | 'bigint' = 'integer',
): ConversationField['parse'] {
  return (values) => {
    const ranges = values.map((value) => parseNumberRange(value, maximum));
    return (sql) =>
      columns.flatMap((column) => rangeTests(ranges, sql, type).map((test) => `${column} ${test}`)).join(' OR ');
  };
}

function boundField(
  expression: string,
  operator: '>=' | '<=',
  pattern: RegExp,
  unit: string,
  type: 'bigint' | 'numeric',
): ConversationField['parse'] {
  return ([value = '', ...more]) => {
    if (more.length > 0 || !pattern.test(value)) throw new Refusal(`must be one number of ${unit}`);
    return (sql) => `${expression} ${operator} ${sql.add(value, type)}`;
  };
}

const WHOLE = /^\d{1,15}$/;
const DECIMAL = /^\d{1,9}(\.\d{1,6})?$/;
const BYTES = '(originator_bytes + responder_bytes)';
const PACKETS = '(originator_packets::bigint + responder_packets)';
/** As the index has it. */
export const DURATION = 'extract(epoch FROM coalesce(last_at, ended_at) - started_at)';

/** In whole seconds, compared as they stand so that the index serves. */
function durationField(values: readonly string[]): Condition {
  const ranges = values.map((value) => parseNumberRange(value, CONVERSATION_MAXIMA.duration));
  return (sql) =>
    ranges
      .map(
        ({ low, high }) =>
          `(${DURATION} >= ${sql.add(low, 'numeric')} AND ${DURATION} < ${sql.add(high + 1, 'numeric')})`,
      )
      .join(' OR ');
}

// --- Words

/** Words that stand for their place in a list. */
function wordField(column: string, words: readonly string[], what: string): ConversationField['parse'] {
  return (values) => {
    const codes = values.map((value) => {
      const code = words.findIndex((word) => word.toLowerCase() === value.toLowerCase());
      if (code >= 0) return code;
      const nearest = nearestName(value, words);
      throw new Refusal(
        `"${value}" is no ${what}${nearest ? `; did you mean ${nearest}?` : `; give ${words.join(', ')}`}`,
      );
    });
    return (sql) => `${column} = ANY(${sql.add(codes, 'smallint[]')})`;
  };
}

function outcomeField(values: readonly string[]): Condition {
  const words = values.flatMap((value) =>
    value.toLowerCase() === 'refused' ? ['refused_rst', 'refused_icmp'] : [value],
  );
  return wordField('outcome', OUTCOMES, 'outcome')(words);
}

function serviceField(values: readonly string[]): Condition {
  // Zeek's word is what is stored.
  const services = values.map((value) => (value.toLowerCase() === 'tls' ? 'ssl' : value.toLowerCase()));
  const known = services.filter((service) => service !== 'unknown');
  return (sql) =>
    [
      ...(known.length > 0 ? [`service = ANY(${sql.add(known, 'text[]')})`] : []),
      ...(known.length < services.length ? ['service IS NULL'] : []),
    ].join(' OR ');
}

function protocolField(values: readonly string[]): Condition {
  return anyOf(
    values.map((value) => {
      const match = parseProtocol(value);
      if (match === null || ('column' in match && match.column === 'ether_type')) {
        throw new Refusal(`"${value}" is no protocol of conversations; give tcp, udp, icmp, icmpv6, sctp or a number`);
      }
      if ('application' in match) return serviceField([match.application]);
      return (sql: SqlValues) => `ip_protocol = ${sql.add(match.number, 'smallint')}`;
    }),
  );
}

/** "www.example" or "*.example", which is all below it. */
function nameField(values: readonly string[]): Condition {
  return anyOf(
    values.map((value) => {
      const name = value.toLowerCase().replace(/\.$/, '');
      const isDomain = name.startsWith('*.');
      if (name.slice(isDomain ? 2 : 0) === '' || name.slice(isDomain ? 1 : 0).includes('*')) {
        throw new Refusal(`"${value}" is no name; give one such as www.example.com, or *.example.com for all below it`);
      }
      const reversed = [...(isDomain ? name.slice(1) : name)].reverse().join('');
      return (sql: SqlValues) =>
        isDomain
          ? `names IS NOT NULL AND ${REVERSED_HOST_NAME} ~>=~ ${sql.add(reversed, 'text')} AND ${REVERSED_HOST_NAME} ~<~ ${sql.add(`${reversed.slice(0, -1)}/`, 'text')}`
          : `names IS NOT NULL AND ${REVERSED_HOST_NAME} = ${sql.add(reversed, 'text')}`;
    }),
  );
}

const textField =
  (...keys: readonly string[]): ConversationField['parse'] =>
  (values) =>
  (sql) =>
    keys.map((key) => `names ->> '${key}' = ANY(${sql.add(values, 'text[]')})`).join(' OR ');

function communityField(values: readonly string[]): Condition {
  return anyOf(
    values.map((value) => {
      const ids = idsOfCommunity(value);
      if (ids === null) throw new Refusal(`"${value}" is no Community ID; it is 1: and 28 characters of base64`);
      return (sql: SqlValues) =>
        `id BETWEEN ${sql.add(String(ids.least), 'bigint')} AND ${sql.add(String(ids.greatest), 'bigint')}`;
    }),
  );
}

function openField([value = '', ...more]: readonly string[]): Condition {
  if (more.length > 0 || (value !== 'true' && value !== 'false')) throw new Refusal('must be true or false');
  // What tells Postgres which partitions to leave out.
  return () => (value === 'true' ? `ended_at = 'infinity'` : `ended_at < 'infinity'`);
}

const originField =
  (column: 'capture_node' | 'interface' | 'timeline' | 'site'): ConversationField['parse'] =>
  (values) =>
  (sql) => {
    const origins = `SELECT id FROM origins WHERE ${column} = ANY(${sql.add(values, 'text[]')})`;
    // Where there is none, Postgres does not look at conversations at all.
    return `EXISTS (${origins}) AND origin_id = ANY(ARRAY(${origins}))`;
  };

// --- The fields

/** The greatest number of each field that holds one. */
export const CONVERSATION_MAXIMA = {
  port: 65_535,
  originator_port: 65_535,
  responder_port: 65_535,
  vlan: 4095,
  bytes: 999_999_999_999_999,
  packets: 999_999_999_999_999,
  duration: 999_999_999,
} as const;

export const CONVERSATION_FIELDS = {
  host: {
    description: `Originator or responder: address or CIDR. ${LIST}`,
    example: '192.0.2.7',
    parse: addressField(['originator', 'responder']),
  },
  originator: {
    description: `Who began: address or CIDR. ${LIST}`,
    example: '10.0.0.0/8',
    parse: addressField(['originator']),
  },
  responder: {
    description: `Who was spoken to: address or CIDR. ${LIST}`,
    example: '2001:db8::/32',
    parse: addressField(['responder']),
  },
  port: {
    description: `Port of either side, or a range. ${LIST}`,
    example: '53,8000-8999',
    parse: numberField(['originator_port', 'responder_port'], CONVERSATION_MAXIMA.port),
  },
  originator_port: {
    description: `Originator’s port or range; of ICMP its type. ${LIST}`,
    example: '40000-50000',
    parse: numberField(['originator_port'], CONVERSATION_MAXIMA.originator_port),
  },
  responder_port: {
    description: `Responder’s port or range; of ICMP its code. ${LIST}`,
    example: '443',
    parse: numberField(['responder_port'], CONVERSATION_MAXIMA.responder_port),
  },
  protocol: {
    description: `Protocol: tcp, udp, icmp, icmpv6, sctp, a number, or a service such as dns. ${LIST}`,
    example: 'tcp',
    parse: protocolField,
  },
  service: {
    description: `Service as Zeek names it, by what was said: ssl, ssh, dns, http …; "unknown" for none. ${LIST}`,
    example: 'ssl',
    parse: serviceField,
  },
  state: {
    description: `Zeek’s conn_state: ${CONNECTION_STATES.join(', ')}. ${LIST}`,
    example: 'S0,REJ',
    parse: wordField('state', CONNECTION_STATES, 'state'),
  },
  outcome: {
    description: `What became of it: ${OUTCOMES.join(', ')}, or refused for both. ${LIST}`,
    example: 'refused',
    parse: outcomeField,
  },
  name: {
    description: `Name that was asked for (TLS, QUIC, HTTP, DNS) or given (DHCP); *.example.com is all below it. ${LIST}`,
    example: '*.example.com',
    parse: nameField,
  },
  ja4: {
    description: `JA4 of the ClientHello. ${LIST}`,
    example: 't13d1516h2_8daaf6152771_02713d6af862',
    parse: textField('ja4'),
  },
  hassh: {
    description: `HASSH of the SSH client or server. ${LIST}`,
    example: 'ec7378c1a92f5a8dde7e8b7a1ddf33d1',
    parse: textField('hassh', 'hasshServer'),
  },
  user: { description: `User named in clear. ${LIST}`, example: 'root', parse: textField('user') },
  community_id: {
    description: `Community ID 1.0. ${LIST}`,
    example: '1:LQU9qZlK+B5F3KDmev6m5PMibrg=',
    parse: communityField,
  },
  bytes: {
    description: `Bytes on the wire, both ways, or a range of them. ${LIST}`,
    example: '1000000-2000000',
    parse: numberField([BYTES], CONVERSATION_MAXIMA.bytes, 'bigint'),
  },
  packets: {
    description: `Packets, both ways, or a range of them. ${LIST}`,
    example: '1-3',
    parse: numberField([PACKETS], CONVERSATION_MAXIMA.packets, 'bigint'),
  },
  duration: {
    description: `Whole seconds that it took, or a range of them. ${LIST}`,
    example: '3600-86400',
    parse: durationField,
  },
  min_bytes: {
    description: 'Least bytes on the wire, both ways.',
    example: '1000000',
    parse: boundField(BYTES, '>=', WHOLE, 'bytes', 'bigint'),
  },
  max_bytes: {
    description: 'Most bytes on the wire, both ways.',
    example: '1000',
    parse: boundField(BYTES, '<=', WHOLE, 'bytes', 'bigint'),
  },
  min_packets: {
    description: 'Least packets, both ways.',
    example: '10',
    parse: boundField(PACKETS, '>=', WHOLE, 'packets', 'bigint'),
  },
  max_packets: {
    description: 'Most packets, both ways.',
    example: '1',
    parse: boundField(PACKETS, '<=', WHOLE, 'packets', 'bigint'),
  },
  min_duration: {
    description: 'Least duration, seconds.',
    example: '3600',
    parse: boundField(DURATION, '>=', DECIMAL, 'seconds', 'numeric'),
  },
  max_duration: {
    description: 'Greatest duration, seconds.',
    example: '0.5',
    parse: boundField(DURATION, '<=', DECIMAL, 'seconds', 'numeric'),
  },
  vlan: {
    description: `VLAN id. ${LIST}`,
    example: '42',
    parse: numberField(['vlan'], CONVERSATION_MAXIMA.vlan, 'smallint'),
  },
  open: {
    description: 'true for those that had not ended when last heard of, false for those that have.',
    example: 'true',
    parse: openField,
  },
  site: { description: `Site of the capture node. ${LIST}`, example: 'branch-7', parse: originField('site') },
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
} as const satisfies Record<string, ConversationField>;

export type ConversationFieldName = keyof typeof CONVERSATION_FIELDS;
export const CONVERSATION_FIELD_NAMES = Object.keys(CONVERSATION_FIELDS) as ConversationFieldName[];

/** What the ends of a packet are called is what those of a conversation are, too. */
const ENDS = {
  source: 'originator',
  destination: 'responder',
  source_port: 'originator_port',
  destination_port: 'responder_port',
} as const satisfies Record<string, ConversationFieldName>;
type EndWord = {
  [Word in keyof typeof FIELD_WORDS]: (typeof FIELD_WORDS)[Word] extends keyof typeof ENDS ? Word : never;
}[keyof typeof FIELD_WORDS];

/** Every name that conversations are filtered by. */
export type ConversationFilterName = NameOf<ConversationFieldName> | keyof typeof ENDS | EndWord;
export const CONVERSATION_FILTER_NAMES: Readonly<Record<ConversationFilterName, ConversationFieldName>> = {
  ...namesOf(CONVERSATION_FIELD_NAMES),
  ...ENDS,
  ...(Object.fromEntries(
    Object.entries(FIELD_WORDS).flatMap(([word, meant]) => {
      return Object.hasOwn(ENDS, meant) ? [[word, ENDS[meant as keyof typeof ENDS]]] : [];
    }),
  ) as Record<EndWord, ConversationFieldName>),
};

/** @throws Refusal */
export function parseConversationField(name: ConversationFieldName, values: readonly string[]): Condition {
  checkValues(values);
  return CONVERSATION_FIELDS[name].parse(values);
}
