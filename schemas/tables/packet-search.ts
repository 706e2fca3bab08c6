/** Searches of packets in the search language. */
import { parseProtocol } from '../packets/protocols.js';
import { isAddress } from './address-match.js';
import { allOf, anyOf, not, type PacketCondition } from './packet-condition.js';
import {
  LENGTH_MAX,
  PACKET_FIELDS,
  PACKET_FILTER_NAMES,
  type PacketFieldName,
  parsePacketField,
} from './packet-fields.js';
import { readSearch, type SearchTable } from './search-language.js';

const MAXIMA: Readonly<Record<string, number>> = {
  port: 65_535,
  source_port: 65_535,
  destination_port: 65_535,
  icmp_type: 255,
  icmp_code: 255,
  vlan: 4095,
  length: LENGTH_MAX,
};

const PACKET_SEARCH: SearchTable<PacketCondition> = {
  what: 'packets',
  names: PACKET_FILTER_NAMES,
  parse: (field, values) => parsePacketField(field as PacketFieldName, values),
  maximumOf: (field) => MAXIMA[field] ?? null,
  // A number alone may be a port, a protocol or a VLAN.
  fieldOf: (value) =>
    isAddress(value) ? 'host' : parseProtocol(value) !== null && !/^\d/.test(value) ? 'protocol' : null,
  exampleOf: (field) => PACKET_FIELDS[field as PacketFieldName].example,
  allOf,
  anyOf,
  not,
};

/** @throws SearchError */
export function readPacketSearch(text: string): PacketCondition {
  return readSearch(text, PACKET_SEARCH);
}
