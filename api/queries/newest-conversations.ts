/**
 * The conversations of a filter that were last heard of, by page. What is common stands among the newest, and is found by walking
 * back from these; what is rare, by what the indexes know of the filter. Postgres is not left to choose: told that a few are
 * enough, it walks through everything for what is not there. So the newest few thousand are looked at first, then what lies further
 * back in two steps, where all that the filter means is gathered and sorted.
 */
import type pg from 'pg';
import { tenMinutesOf } from '../../schemas/tables/conversation-table.js';
import { type Condition, QueryParameters, type SqlValues } from '../../schemas/tables/sql-values.js';
import { query } from '../pool.js';
import { CONVERSATION_SELECT, type ConversationRow } from '../views/conversation-view.js';
import type { TimePosition } from './cursor.js';
import type { TimeRange } from './time-range.js';

const COLUMNS = `id, started_at, ended_at, last_at, origin_id, originator, responder, originator_port, responder_port, ip_protocol, vlan,
  begun, state, outcome, history, service, originator_packets, responder_packets, originator_bytes, responder_bytes,
  originator_payload, responder_payload, logins_failed, logins_succeeded, names`;

/** Conversations that the first look walks through, and how many times as far back the second goes; the third goes all the way. */
const WALKED = 5_000;
const FURTHER = 16;

/** Of `column`, when a conversation was last heard of. */
export function timeConditions(column: string, { from, to }: TimeRange, sql: SqlValues): string[] {
  return [
    ...(from === null ? [] : [`${column} >= ${sql.add(from, 'timestamptz')}`]),
    ...(to === null ? [] : [`${column} < ${sql.add(to, 'timestamptz')}`]),
  ];
}

/**
 * How the newest are come by: `walk` goes back in time and stops at the last that is wanted; `address` does so along the index of the
 * address that the condition names; `gather` takes all that match and sorts them; `sum` goes back as `walk` does, for sums, in which
 * those of one microsecond need no order.
 */
export type Approach = 'walk' | 'address' | 'gather' | 'sum';

const TEN_MINUTES = tenMinutesOf('ended_at');
const ORDERS: Readonly<Record<Approach, string>> = {
  walk: 'ended_at DESC, id DESC',
  sum: 'ended_at DESC',
  address: `${TEN_MINUTES} DESC, ended_at DESC, id DESC`,
  // No index is in the order of an expression.
  gather: `ended_at + interval '0' DESC, id DESC`,
};

/** Where a page goes on. */
function afterConditions(time: string, after: TimePosition | null, sql: SqlValues): string[] {
  if (after === null) return [];
  return [
    `(${time}, id) < (${sql.add(after.time, 'timestamptz')}, ${sql.add(after.id, 'bigint')})`,
    // What an index of time alone can tell.
    `${time} <= ${sql.add(after.time, 'timestamptz')}`,
  ];
}

/** What the indexes of addresses can tell of a range. */
function tenMinuteConditions({ from, to }: TimeRange, after: TimePosition | null, sql: SqlValues): string[] {
  const until = after?.time ?? to;
  return [
    ...(from === null ? [] : [`${TEN_MINUTES} >= ${tenMinutesOf(sql.add(from, 'timestamptz'))}`]),
    ...(until === null ? [] : [`${TEN_MINUTES} <= ${tenMinutesOf(sql.add(until, 'timestamptz'))}`]),
  ];
}

function endedSql(
  condition: Condition,
  range: TimeRange,
  after: TimePosition | null,
  limit: number,
  sql: SqlValues,
  approach: Approach,
): string {
  const conditions = [
    `(${condition(sql)})`,
    ...timeConditions('ended_at', range, sql),
    ...(approach === 'address' ? tenMinuteConditions(range, after, sql) : []),
    `ended_at < 'infinity'`,
    ...afterConditions('ended_at', after, sql),
  ];
  return `(SELECT ${COLUMNS}, ended_at AS heard_last FROM conversations WHERE ${conditions.join(' AND ')}
    ORDER BY ${ORDERS[approach]} LIMIT ${sql.add(limit, 'integer')})`;
}

function openSql(
  condition: Condition,
  range: TimeRange,
  after: TimePosition | null,
  limit: number,
  sql: SqlValues,
): string {
  const conditions = [
    `(${condition(sql)})`,
    ...timeConditions('last_at', range, sql),
    ...afterConditions('last_at', after, sql),
  ];
  return `(SELECT ${COLUMNS}, last_at AS heard_last FROM conversations_open WHERE ${conditions.join(' AND ')}
    ORDER BY last_at DESC, id DESC LIMIT ${sql.add(limit, 'integer')})`;
}

/** The last heard of that match, ended and open, at most `limit` of each; `heard_last` is when. */
export function newestSql(
  condition: Condition,
  range: TimeRange,
  limit: number,
  sql: SqlValues,
  approach: Approach = 'walk',
): string {
  return `${endedSql(condition, range, null, limit, sql, approach)}
    UNION ALL ${openSql(condition, range, null, limit, sql)}`;
}

type FoundRow = ConversationRow & { readonly heard_micros: number };

async function read(pool: pg.Pool, newest: (sql: QueryParameters) => string): Promise<FoundRow[]> {
  const sql = new QueryParameters();
  const { rows } = await query<FoundRow>(
    pool,
    `SELECT ${CONVERSATION_SELECT}, (extract(epoch FROM heard_last) * 1000000)::bigint AS heard_micros
     FROM (${newest(sql)}) AS conversations LEFT JOIN origins ON origins.id = origin_id
     ORDER BY heard_last DESC, conversations.id DESC`,
    sql.values,
  );
  return rows;
}

interface Edges {
  /** When the last of those that are walked through ended, µs; null when there are not as many. */
  readonly micros: number | null;
  readonly walked: string;
  /** How far the second look goes. */
  readonly further: string;
}

/** How far back the first look goes. */
async function findEdges(pool: pg.Pool, range: TimeRange, after: TimePosition | null): Promise<Edges> {
  const sql = new QueryParameters();
  const conditions = [`ended_at < 'infinity'`, ...timeConditions('ended_at', range, sql)];
  if (after !== null) conditions.push(`ended_at <= ${sql.add(after.time, 'timestamptz')}`);
  const walked = sql.add(WALKED, 'integer');
  const { rows } = await query<Edges>(
    pool,
    `SELECT CASE WHEN many = ${walked} THEN (extract(epoch FROM first) * 1000000)::bigint END AS micros, first AS walked,
       CASE WHEN last - first < interval '10 years' THEN first - ${FURTHER} * (last - first) ELSE '-infinity' END AS further
     FROM (SELECT count(*) AS many, min(ended_at) AS first, max(ended_at) AS last FROM (
       SELECT ended_at FROM conversations WHERE ${conditions.join(' AND ')} ORDER BY ended_at DESC LIMIT ${walked}
     ) AS newest) AS edge`,
    sql.values,
  );
  return rows[0]!;
}

/** Last heard of first. */
export async function findConversations(
  pool: pg.Pool,
  condition: Condition,
  range: TimeRange,
  after: TimePosition | null,
  limit: number,
): Promise<ConversationRow[]> {
  const [open, edges] = await Promise.all([
    read(pool, (sql) => openSql(condition, range, after, limit, sql)),
    findEdges(pool, range, after),
  ]);
  const look = (part: TimeRange, approach: Approach): Promise<FoundRow[]> =>
    read(pool, (sql) => endedSql(condition, part, after, limit, sql, approach));
  if (edges.micros === null) return merged(open, await look(range, 'gather'), limit);
  const { micros, walked, further } = edges;
  const found = await look({ ...range, from: walked }, 'walk');
  const isEnough = (): boolean => found.length + open.filter((row) => row.heard_micros >= micros).length >= limit;
  // Normalised times sort as their texts do; an infinite one comes before them.
  const isAll = range.from !== null && range.from >= further;
  if (!isEnough()) found.push(...(await look({ from: isAll ? range.from : further, to: walked }, 'gather')));
  if (!isAll && !isEnough()) found.push(...(await look({ from: range.from, to: further }, 'gather')));
  return merged(open, found, limit);
}

/** The conversation of an id; null where there is none any more. */
export async function findConversation(pool: pg.Pool, id: string): Promise<ConversationRow | null> {
  const rows = await read(pool, (sql) =>
    newestSql((values) => `id = ${values.add(id, 'bigint')}`, { from: null, to: null }, 1, sql, 'gather'),
  );
  return rows[0] ?? null;
}

/** Of lists that are in order. */
function merged(open: readonly FoundRow[], ended: readonly FoundRow[], limit: number): ConversationRow[] {
  if (open.length === 0) return ended.slice(0, limit);
  return [...open, ...ended]
    .sort((a, b) => b.heard_micros - a.heard_micros || (BigInt(a.id) < BigInt(b.id) ? 1 : -1))
    .slice(0, limit);
}
