/** The SQL of an export of conversations. COPY takes no parameters, so values are quoted as literals of their type. */
import { CONNECTION_STATES, OUTCOMES } from '../../schemas/conversations/conversation.js';
import { CONVERSATION_FILTER_NAMES, parseConversationField } from '../../schemas/tables/conversation-fields.js';
import { readConversationSearch } from '../../schemas/tables/conversation-search.js';
import { HOST_NAME } from '../../schemas/tables/conversation-table.js';
import { allOf, type Condition, QuotedValues } from '../../schemas/tables/sql-values.js';
import { type FieldText, parseFields, readSearch } from './export-filter.js';
import { textFor } from './packet-columns.js';
import type { ExportFormat } from './row-writer.js';
import { ZEEK_COLUMNS } from './zeek-log.js';

const word = (column: string, words: readonly string[]): string =>
  `(ARRAY['${words.join("', '")}'])[${column} + 1] AS ${column}`;

/** @param text makes a column of a text that others have written. */
const columns = (text: (column: string) => string): string => `started_at, last_at, open, duration, ${text('site')},
  ${text('capture_node')}, ${text('interface')}, id, originator, originator_port, responder, responder_port, ip_protocol, vlan,
  begun, ${text('service')}, state, outcome, ${text('history')}, originator_packets, responder_packets, originator_bytes,
  responder_bytes, originator_payload, responder_payload, logins_failed, logins_succeeded, ${text('name')}, names`;

const SHOWN = `started_at, coalesce(last_at, ended_at) AS last_at, NOT isfinite(ended_at) AS open,
  extract(epoch FROM coalesce(last_at, ended_at) - started_at)::numeric(20, 6)::text AS duration, site, capture_node, interface,
  conversations.id, host(originator) AS originator, originator_port, host(responder) AS responder, responder_port, ip_protocol,
  vlan, begun, service, ${word('state', CONNECTION_STATES)}, ${word('outcome', OUTCOMES)}, history, originator_packets,
  responder_packets, originator_bytes, responder_bytes, originator_payload, responder_payload,
  coalesce(logins_failed, 0) AS logins_failed, coalesce(logins_succeeded, 0) AS logins_succeeded,
  ${HOST_NAME} AS name, names`;

/**
 * What conversations of conditions and of a search meet; an empty search asks nothing.
 *
 * @throws Failure `EXPORT_FILTER`
 */
export function conversationConditions(fields: readonly FieldText[], search: string): Condition[] {
  return [
    ...parseFields(fields, CONVERSATION_FILTER_NAMES, 'conversations', parseConversationField),
    ...readSearch(search, readConversationSearch),
  ];
}

/** Conversations last heard of in a time: those that have ended in the order in which they did, then those that are open. */
export function conversationQuery(format: ExportFormat, from: string, to: string, asked: readonly Condition[]): string {
  const values = new QuotedValues();
  const condition = allOf(asked)(values);
  const times = (column: string): string =>
    [
      ...(from === '' ? [] : [`${column} >= ${values.add(from, 'timestamptz')}`]),
      ...(to === '' ? [] : [`${column} < ${values.add(to, 'timestamptz')}`]),
    ]
      .map((bound) => ` AND ${bound}`)
      .join('');
  const part = (table: string, column: string, more: string): string =>
    `(SELECT * FROM ${table} WHERE (${condition})${times(column)}${more} ORDER BY ${column}, id)`;
  const all = `${part('conversations', 'ended_at', ` AND ended_at < 'infinity'`)}
    UNION ALL ${part('conversations_open', 'last_at', '')}`;
  const joined = (selected: string): string =>
    `SELECT ${selected} FROM (${all}) AS conversations LEFT JOIN origins ON origins.id = origin_id`;
  return format === 'zeek'
    ? joined(ZEEK_COLUMNS)
    : `SELECT ${columns(textFor(format))} FROM (${joined(SHOWN)}) AS shown`;
}
