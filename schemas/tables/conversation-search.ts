/** Searches of conversations in the search language: packets' source and destination are who began and who was spoken to. */
import { parseProtocol } from '../packets/protocols.js';
import { isAddress } from './address-match.js';
import {
  CONVERSATION_FIELDS,
  CONVERSATION_FILTER_NAMES,
  CONVERSATION_MAXIMA,
  type ConversationFieldName,
  parseConversationField,
} from './conversation-fields.js';
import { readSearch, type SearchTable } from './search-language.js';
import { allOf, anyOf, type Condition, not } from './sql-values.js';

const MAXIMA: Readonly<Record<string, number>> = CONVERSATION_MAXIMA;

/** Every word that a search has for a field. A conversation has one name, wherever it was said. */
export const CONVERSATION_SEARCH_NAMES: Readonly<Record<string, ConversationFieldName>> = {
  ...CONVERSATION_FILTER_NAMES,
  dns_name: 'name',
  tls_name: 'name',
  http_host: 'name',
  dhcp_hostname: 'name',
};

const CONVERSATION_SEARCH: SearchTable<Condition> = {
  what: 'conversations',
  names: CONVERSATION_SEARCH_NAMES,
  parse: (field, values) => parseConversationField(field as ConversationFieldName, values),
  maximumOf: (field) => MAXIMA[field] ?? null,
  fieldOf: (value) =>
    isAddress(value) ? 'host' : parseProtocol(value) !== null && !/^\d/.test(value) ? 'protocol' : null,
  exampleOf: (field) => CONVERSATION_FIELDS[field as ConversationFieldName].example,
  allOf,
  anyOf,
  not,
};

/** @throws SearchError */
export function readConversationSearch(text: string): Condition {
  return readSearch(text, CONVERSATION_SEARCH);
}
