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

/** What searches of conversations know, whatever is made of them. */
const CONVERSATION_WORDS = {
  what: 'conversations',
  names: CONVERSATION_SEARCH_NAMES,
  maximumOf: (field: string) => MAXIMA[field] ?? null,
  fieldOf: (value: string) =>
    isAddress(value) ? 'host' : parseProtocol(value) !== null && !/^\d/.test(value) ? 'protocol' : null,
  exampleOf: (field: string) => CONVERSATION_FIELDS[field as ConversationFieldName].example,
};

const CONVERSATION_SEARCH: SearchTable<Condition> = {
  ...CONVERSATION_WORDS,
  parse: (field, values) => parseConversationField(field as ConversationFieldName, values),
  allOf,
  anyOf,
  not,
};

/** @throws SearchError */
export function readConversationSearch(text: string): Condition {
  return readSearch(text, CONVERSATION_SEARCH);
}

/**
 * A search as something else than SQL: of rows in memory.
 *
 * @throws SearchError
 */
export function readConversationSearchAs<T>(
  text: string,
  made: Pick<SearchTable<T>, 'allOf' | 'anyOf' | 'not'> & {
    readonly parse: (field: ConversationFieldName, values: readonly string[]) => T;
  },
): T {
  return readSearch(text, {
    ...CONVERSATION_WORDS,
    ...made,
    parse: (field, values) => made.parse(field as ConversationFieldName, values),
  });
}
