/**
 * The search language over rows of conversations in memory: what `GET /api/conversations?search=` asks Postgres, a rule asks each row.
 * The words, their values and what is refused are those of schemas/tables.
 */

import { CONNECTION_STATES, EVENT_ENDED, OUTCOMES } from '../../schemas/conversations/conversation.js';
import { ADDRESS_SLOT_BYTES, type ConversationBlock } from '../../schemas/conversations/conversation-block.js';
import { ADDRESS_IPV4, type PacketOrigin } from '../../schemas/packets/packet-block.js';
import { parseProtocol } from '../../schemas/packets/protocols.js';
import {
  CONVERSATION_MAXIMA,
  type ConversationFieldName,
  parseConversationField,
} from '../../schemas/tables/conversation-fields.js';
import { readConversationSearchAs } from '../../schemas/tables/conversation-search.js';
import { HOST_NAME_KEYS } from '../../schemas/tables/conversation-table.js';
import { parseNumberRange } from '../../schemas/tables/number-ranges.js';
import { NetworkList } from '../contract/network-list.js';
import { conversationCommunity } from '../engine/conversation-ids.js';

export type RowTest = (block: ConversationBlock, row: number) => boolean;
type MakeTest = (values: readonly string[]) => RowTest;

/** @throws SearchError with the place and what would be right */
export function conversationFilter(search: string): RowTest {
  if (search.trim() === '') return () => true;
  return readConversationSearchAs<RowTest>(search, {
    parse: (field, values) => {
      parseConversationField(field, values); // refuses what the API refuses
      return TESTS[field](values);
    },
    allOf: (tests) => (block, row) => tests.every((test) => test(block, row)),
    anyOf: (tests) => (block, row) => tests.some((test) => test(block, row)),
    not: (test) => (block, row) => !test(block, row),
  });
}

function inNetworks(list: NetworkList, slots: Uint8Array, row: number): boolean {
  const at = row * ADDRESS_SLOT_BYTES;
  if (slots[at] !== ADDRESS_IPV4) return list.hasIpv6(slots, at + 1);
  return list.hasIpv4(((slots[at + 1]! << 24) | (slots[at + 2]! << 16) | (slots[at + 3]! << 8) | slots[at + 4]!) >>> 0);
}

const addresses =
  (columns: readonly ('originator' | 'responder')[]): MakeTest =>
  (values) => {
    const list = new NetworkList(values);
    return (block, row) => columns.some((column) => inNetworks(list, block[column], row));
  };

type NumberOf = (block: ConversationBlock, row: number) => number;

const numbers =
  (maximum: number, ...columns: readonly NumberOf[]): MakeTest =>
  (values) => {
    const ranges = values.map((value) => parseNumberRange(value, maximum));
    return (block, row) =>
      columns.some((column) => {
        const number = column(block, row);
        return ranges.some(({ low, high }) => number >= low && number <= high);
      });
  };

const bound =
  (column: NumberOf, isLeast: boolean): MakeTest =>
  ([value = '0']) => {
    const limit = Number(value);
    return (block, row) => (isLeast ? column(block, row) >= limit : column(block, row) <= limit);
  };

const originatorPort: NumberOf = (block, row) => block.originatorPort[row]!;
const responderPort: NumberOf = (block, row) => block.responderPort[row]!;
const bytes: NumberOf = (block, row) => block.originatorBytes[row]! + block.responderBytes[row]!;
const packets: NumberOf = (block, row) => block.originatorPackets[row]! + block.responderPackets[row]!;
const seconds: NumberOf = (block, row) => (block.last[row]! - block.start[row]!) / 1e6;

const services: MakeTest = (values) => {
  const known = new Set(values.map((value) => value.toLowerCase()).map((value) => (value === 'tls' ? 'ssl' : value)));
  return (block, row) => known.has(block.service[row] || 'unknown');
};

const protocols: MakeTest = (values) => {
  const tests = values.map((value): RowTest => {
    const match = parseProtocol(value)!;
    if ('application' in match) return services([match.application]);
    const { number } = match as { readonly number: number };
    return (block, row) => block.ipProtocol[row] === number;
  });
  return (block, row) => tests.some((test) => test(block, row));
};

const words =
  (column: 'state' | 'outcome', known: readonly string[]): MakeTest =>
  (values) => {
    const given = values.flatMap((value) =>
      column === 'outcome' && value.toLowerCase() === 'refused' ? ['refused_rst', 'refused_icmp'] : [value],
    );
    const codes = new Set(given.map((value) => known.findIndex((word) => word.toLowerCase() === value.toLowerCase())));
    return (block, row) => codes.has(block[column][row]!);
  };

/** The name of a conversation, as Postgres has it. */
export function hostNameOf(block: ConversationBlock, row: number): string {
  const names = block.names[row] ?? null;
  if (names === null) return '';
  for (const key of HOST_NAME_KEYS) {
    const name = names[key];
    if (name !== undefined && name !== null) return name.toLowerCase();
  }
  return '';
}

const namesTest: MakeTest = (values) => {
  const wanted = values.map((value) => value.toLowerCase().replace(/\.$/, ''));
  return (block, row) => {
    const name = hostNameOf(block, row);
    return name !== '' && wanted.some((each) => (each.startsWith('*.') ? name.endsWith(each.slice(1)) : name === each));
  };
};

const texts =
  (...keys: readonly ('ja4' | 'hassh' | 'hasshServer' | 'user')[]): MakeTest =>
  (values) =>
  (block, row) => {
    const names = block.names[row] ?? null;
    return names !== null && keys.some((key) => values.includes(names[key] ?? ''));
  };

const origins =
  (of: (origin: PacketOrigin) => string): MakeTest =>
  (values) =>
  (block, row) =>
    values.includes(of(block.origins[block.origin[row]!]!));

const { port: PORT_MAX, vlan: VLAN_MAX, bytes: BYTES_MAX, duration: DURATION_MAX } = CONVERSATION_MAXIMA;

const TESTS: Readonly<Record<ConversationFieldName, MakeTest>> = {
  host: addresses(['originator', 'responder']),
  originator: addresses(['originator']),
  responder: addresses(['responder']),
  port: numbers(PORT_MAX, originatorPort, responderPort),
  originator_port: numbers(PORT_MAX, originatorPort),
  responder_port: numbers(PORT_MAX, responderPort),
  protocol: protocols,
  service: services,
  state: words('state', CONNECTION_STATES),
  outcome: words('outcome', OUTCOMES),
  name: namesTest,
  ja4: texts('ja4'),
  hassh: texts('hassh', 'hasshServer'),
  user: texts('user'),
  community_id: (values) => (block, row) => values.includes(conversationCommunity(block, row)),
  bytes: numbers(BYTES_MAX, bytes),
  packets: numbers(BYTES_MAX, packets),
  duration: numbers(DURATION_MAX, (block, row) => Math.floor(seconds(block, row))),
  min_bytes: bound(bytes, true),
  max_bytes: bound(bytes, false),
  min_packets: bound(packets, true),
  max_packets: bound(packets, false),
  min_duration: bound(seconds, true),
  max_duration: bound(seconds, false),
  // A row of a block has VLAN 0 where Postgres has none.
  vlan: (values) => {
    const test = numbers(VLAN_MAX, (block, row) => block.vlan[row]!)(values);
    return (block, row) => block.vlan[row] !== 0 && test(block, row);
  },
  open:
    ([value]) =>
    (block, row) =>
      (block.event[row] !== EVENT_ENDED) === (value === 'true'),
  site: origins((origin) => origin.site ?? ''),
  capture_node: origins((origin) => origin.captureNode),
  interface: origins((origin) => origin.interface),
  timeline: origins((origin) => origin.timeline),
};
