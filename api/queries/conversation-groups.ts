/** Conversations of a filter summed up by what they have in common. */
import type pg from 'pg';
import { CONNECTION_STATES, OUTCOMES } from '../../schemas/conversations/conversation.js';
import { HOST_NAME } from '../../schemas/tables/conversation-table.js';
import { type Condition, QueryParameters } from '../../schemas/tables/sql-values.js';
import { query } from '../pool.js';
import { newestSql } from './newest-conversations.js';
import type { TimeRange } from './time-range.js';

const words = (column: string, list: readonly string[]): string =>
  `(ARRAY[${list.map((word) => `'${word}'`).join(', ')}])[${column} + 1]`;

interface GroupKey {
  /** What rows are put together by: as the table has it, where that is told apart at less cost than what is shown. */
  readonly key: string;
  /** Of the key, in the answer. */
  readonly shown: (key: string) => string;
}

const asItIs = (key: string): GroupKey => ({ key, shown: (column) => column });

/** When it was last heard of, cut to a whole unit of UTC. */
const wholeTime = (unit: 'minute' | 'hour' | 'day'): GroupKey => ({
  key: `date_trunc('${unit}', heard_last AT TIME ZONE 'UTC')`,
  shown: (column) => `to_char(${column}, 'YYYY-MM-DD"T"HH24:MI:SS"Z"')`,
});

/** What conversations can be grouped by, and its SQL. */
export const GROUPINGS = {
  originator: { key: 'originator', shown: (column) => `host(${column})` },
  responder: { key: 'responder', shown: (column) => `host(${column})` },
  responder_port: asItIs('responder_port'),
  ip_protocol: asItIs('ip_protocol'),
  service: asItIs(`coalesce(service, 'unknown')`),
  state: { key: 'state', shown: (column) => words(column, CONNECTION_STATES) },
  outcome: { key: 'outcome', shown: (column) => words(column, OUTCOMES) },
  name: asItIs(HOST_NAME),
  ja4: asItIs(`names ->> 'ja4'`),
  vlan: asItIs('vlan'),
  capture_node: asItIs('(SELECT capture_node FROM origins WHERE origins.id = origin_id)'),
  site: asItIs('(SELECT site FROM origins WHERE origins.id = origin_id)'),
  minute: wholeTime('minute'),
  hour: wholeTime('hour'),
  day: wholeTime('day'),
} as const satisfies Record<string, GroupKey>;
export type Grouping = keyof typeof GROUPINGS;
export const GROUPING_NAMES = Object.keys(GROUPINGS) as Grouping[];

export const GROUP_ORDERS = ['bytes', 'packets', 'conversations'] as const;
export type GroupOrder = (typeof GROUP_ORDERS)[number];

/** Conversations that groups are made of: the last heard of. */
export const GROUPED_MAX = 50_000;

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
  const keys = groupings.map((name) => `${GROUPINGS[name].key} AS ${name}`).join(', ');
  const shown = groupings.map((name) => `${GROUPINGS[name].shown(name)} AS ${name}`).join(', ');
  const newest = newestSql(condition, range, GROUPED_MAX, sql, 'sum');
  const { rows } = await query<ConversationGroup & { readonly total: number }>(
    pool,
    `SELECT ${shown}, conversations, packets, bytes, first_seen, last_seen, total FROM (
       SELECT ${groupings.join(', ')}, count(*) AS conversations, sum(packets_both)::bigint AS packets,
         sum(bytes_both)::bigint AS bytes, min(started_at) AS first_seen, max(heard_last) AS last_seen,
         (sum(count(*)) OVER ())::bigint AS total
       FROM (
         SELECT ${keys}, originator_bytes + responder_bytes AS bytes_both, started_at, heard_last,
           originator_packets::bigint + responder_packets AS packets_both
         FROM (${newest}) AS matching LIMIT ${sql.add(GROUPED_MAX, 'integer')}
       ) AS keyed GROUP BY ${groupings.map((_, index) => index + 1).join(', ')}
       ORDER BY ${order} DESC, ${groupings.join(', ')} LIMIT ${sql.add(limit, 'integer')}
     ) AS grouped ORDER BY ${order} DESC, ${groupings.map((_, index) => index + 1).join(', ')}`,
    sql.values,
  );
  return {
    groups: rows.map(({ total: _, ...group }) => group as ConversationGroup),
    complete: (rows[0]?.total ?? 0) < GROUPED_MAX,
  };
}
