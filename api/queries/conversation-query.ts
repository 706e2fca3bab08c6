/**
 * Conversations of a filter, last heard of first, by page; and summed up by what they have in common. What has ended is read in the
 * order of its index of time, what is open, which is little, beside it.
 */
import type pg from 'pg';
import { CONNECTION_STATES, OUTCOMES } from '../../schemas/conversations/conversation.js';
import { HOST_NAME } from '../../schemas/tables/conversation-table.js';
import { type Condition, QueryParameters, type SqlValues } from '../../schemas/tables/sql-values.js';
import { query } from '../pool.js';
import { CONVERSATION_SELECT, type ConversationRow } from '../views/conversation-view.js';
import type { TimePosition } from './cursor.js';
import type { TimeRange } from './time-range.js';

const COLUMNS = `id, started_at, ended_at, last_at, origin_id, originator, responder, originator_port, responder_port, ip_protocol, vlan,
  begun, state, outcome, history, service, originator_packets, responder_packets, originator_bytes, responder_bytes,
  originator_payload, responder_payload, logins_failed, logins_succeeded, names`;

/** Of `column`, when a conversation was last heard of. */
export function timeConditions(column: string, { from, to }: TimeRange, sql: SqlValues): string[] {
  return [
    ...(from === null ? [] : [`${column} >= ${sql.add(from, 'timestamptz')}`]),
    ...(to === null ? [] : [`${column} < ${sql.add(to, 'timestamptz')}`]),
  ];
}

/** The last heard of that match, ended and open, at most `limit` of each; `heard_last` is when. */
export function newestSql(
  condition: Condition,
  range: TimeRange,
  after: TimePosition | null,
  limit: number,
  sql: SqlValues,
): string {
  const part = (table: string, time: string, more: readonly string[]): string => {
    const conditions = [`(${condition(sql)})`, ...timeConditions(time, range, sql), ...more];
    if (after !== null) {
      conditions.push(`(${time}, id) < (${sql.add(after.time, 'timestamptz')}, ${sql.add(after.id, 'bigint')})`);
      // What an index of time alone can tell.
      conditions.push(`${time} <= ${sql.add(after.time, 'timestamptz')}`);
    }
    return `(SELECT ${COLUMNS}, ${time} AS heard_last FROM ${table} WHERE ${conditions.join(' AND ')}
      ORDER BY ${time} DESC, id DESC LIMIT ${sql.add(limit, 'integer')})`;
  };
  return `${part('conversations', 'ended_at', [`ended_at < 'infinity'`])}
    UNION ALL ${part('conversations_open', 'last_at', [])}`;
}

export async function findConversations(
  pool: pg.Pool,
  condition: Condition,
  range: TimeRange,
  after: TimePosition | null,
  limit: number,
): Promise<ConversationRow[]> {
  const sql = new QueryParameters();
  const newest = newestSql(condition, range, after, limit, sql);
  const { rows } = await query<ConversationRow>(
    pool,
    `SELECT ${CONVERSATION_SELECT} FROM (
       SELECT * FROM (${newest}) AS matching ORDER BY heard_last DESC, id DESC LIMIT ${sql.add(limit, 'integer')}
     ) AS conversations LEFT JOIN origins ON origins.id = origin_id ORDER BY heard_last DESC, conversations.id DESC`,
    sql.values,
  );
  return rows;
}

// --- Groups

const words = (column: string, list: readonly string[]): string =>
  `(ARRAY[${list.map((word) => `'${word}'`).join(', ')}])[${column} + 1]`;

/** When it was last heard of, cut to a whole unit of UTC. */
const wholeTime = (unit: 'minute' | 'hour' | 'day'): string =>
  `to_char(date_trunc('${unit}', heard_last AT TIME ZONE 'UTC'), 'YYYY-MM-DD"T"HH24:MI:SS"Z"')`;

/** What conversations can be grouped by, and its SQL. */
export const GROUPINGS = {
  originator: 'host(originator)',
  responder: 'host(responder)',
  responder_port: 'responder_port',
  ip_protocol: 'ip_protocol',
  service: `coalesce(service, 'unknown')`,
  state: words('state', CONNECTION_STATES),
  outcome: words('outcome', OUTCOMES),
  name: HOST_NAME,
  ja4: `names ->> 'ja4'`,
  vlan: 'vlan',
  capture_node: '(SELECT capture_node FROM origins WHERE origins.id = origin_id)',
  site: '(SELECT site FROM origins WHERE origins.id = origin_id)',
  minute: wholeTime('minute'),
  hour: wholeTime('hour'),
  day: wholeTime('day'),
} as const satisfies Record<string, string>;
export type Grouping = keyof typeof GROUPINGS;
export const GROUPING_NAMES = Object.keys(GROUPINGS) as Grouping[];

export const GROUP_ORDERS = ['bytes', 'packets', 'conversations'] as const;
export type GroupOrder = (typeof GROUP_ORDERS)[number];

/** Conversations that groups are made of: the last heard of. */
export const GROUPED_MAX = 200_000;

export interface ConversationGroup {
  readonly [key: string]: string | number | null;
  readonly conversations: number;
  readonly packets: number;
  readonly bytes: number;
  readonly first_seen: string;
  readonly last_seen: string;
}

export interface ConversationGroups {
  readonly groups: ConversationGroup[];
  /** Whether all conversations that match are in the groups; otherwise the last `GROUPED_MAX` are. */
  readonly complete: boolean;
}

export async function groupConversations(
  pool: pg.Pool,
  condition: Condition,
  range: TimeRange,
  groupings: readonly Grouping[],
  order: GroupOrder,
  limit: number,
): Promise<ConversationGroups> {
  const sql = new QueryParameters();
  const keys = groupings.map((name) => `${GROUPINGS[name]} AS ${name}`).join(', ');
  const newest = newestSql(condition, range, null, GROUPED_MAX, sql);
  const { rows } = await query<ConversationGroup & { readonly total: number }>(
    pool,
    `WITH keyed AS MATERIALIZED (
       SELECT ${keys}, originator_bytes + responder_bytes AS bytes_both, started_at, heard_last,
         originator_packets::bigint + responder_packets AS packets_both
       FROM (${newest}) AS matching LIMIT ${sql.add(GROUPED_MAX, 'integer')}
     )
     SELECT ${groupings.join(', ')}, count(*) AS conversations, sum(packets_both)::bigint AS packets,
       sum(bytes_both)::bigint AS bytes, min(started_at) AS first_seen, max(heard_last) AS last_seen,
       (SELECT count(*) FROM keyed) AS total
     FROM keyed GROUP BY ${groupings.map((_, index) => index + 1).join(', ')}
     ORDER BY ${order} DESC, ${groupings.join(', ')} LIMIT ${sql.add(limit, 'integer')}`,
    sql.values,
  );
  return {
    groups: rows.map(({ total: _, ...group }) => group as ConversationGroup),
    complete: (rows[0]?.total ?? 0) < GROUPED_MAX,
  };
}
