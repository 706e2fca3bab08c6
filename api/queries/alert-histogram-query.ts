/** Counts of alerts over time, by rule and by technique: of the last so many, so that it costs the same however many there are. */
import type pg from 'pg';
import { allOf, type Condition, QueryParameters } from '../../schemas/tables/sql-values.js';
import { query } from '../pool.js';
import { bucketSeconds } from './stats-range.js';

export const HISTOGRAM_MAX = 50_000;
const ROWS_MAX = 50;

interface Point {
  /** Seconds since the epoch. */
  readonly start: number;
  readonly severity: number;
  readonly alerts: number;
}

interface Counted {
  readonly alerts: number;
  readonly unresolved: number;
}

export interface AlertCounts {
  readonly bucketSeconds: number;
  readonly series: Point[];
  readonly rules: ({ readonly rule_id: string; readonly rule_name: string } & Counted)[];
  readonly techniques: ({ readonly technique: string } & Counted)[];
  readonly complete: boolean;
}

/** The alerts that are counted, as a table `counted`. */
function countedSql(conditions: readonly Condition[], columns: string, p: QueryParameters): string {
  return `WITH counted AS MATERIALIZED (SELECT ${columns} FROM alerts WHERE ${allOf(conditions)(p)}
    ORDER BY crossed_at DESC, id DESC LIMIT ${p.add(HISTOGRAM_MAX, 'integer')})`;
}

/** @param buckets most points in time */
export async function findAlertHistogram(
  pool: pg.Pool,
  conditions: readonly Condition[],
  buckets: number,
): Promise<AlertCounts> {
  const { rows } = await query<{ total: number; first: number | null; last: number | null }>(
    pool,
    ...statement(
      conditions,
      'crossed_at',
      () =>
        `SELECT count(*)::int AS total, (extract(epoch FROM min(crossed_at)) * 1000)::float8 AS first,
           (extract(epoch FROM max(crossed_at)) * 1000)::float8 AS last FROM counted`,
    ),
  );
  const { total, first, last } = rows[0]!;
  const none = { bucketSeconds: 60, series: [], rules: [], techniques: [], complete: true };
  if (first === null || last === null) return none;
  const seconds = bucketSeconds({ start: first, end: last + 60_000 }, buckets);
  const counts = `count(*)::int AS alerts, (count(*) FILTER (WHERE resolved_at IS NULL))::int AS unresolved`;
  const [series, rules, techniques] = await Promise.all([
    query<Point>(
      pool,
      ...statement(conditions, 'crossed_at, severity', (p) => {
        const width = p.add(seconds, 'integer');
        return `SELECT (floor(extract(epoch FROM crossed_at) / ${width}) * ${width})::float8 AS start, severity, count(*)::int AS alerts
          FROM counted GROUP BY 1, 2 ORDER BY 1, 2`;
      }),
    ),
    query<AlertCounts['rules'][number]>(
      pool,
      ...statement(
        conditions,
        'rule_id, rule_name, resolved_at, crossed_at, id',
        () => `SELECT rule_id, max(rule_name) AS rule_name, ${counts} FROM counted
          GROUP BY rule_id ORDER BY alerts DESC, rule_id LIMIT ${ROWS_MAX}`,
      ),
    ),
    query<AlertCounts['techniques'][number]>(
      pool,
      ...statement(
        conditions,
        'technique_ids, resolved_at, crossed_at, id',
        () => `SELECT technique, ${counts} FROM counted, unnest(technique_ids) AS technique
          GROUP BY technique ORDER BY alerts DESC, technique LIMIT ${ROWS_MAX}`,
      ),
    ),
  ]);
  return {
    bucketSeconds: seconds,
    series: series.rows,
    rules: rules.rows,
    techniques: techniques.rows,
    complete: total < HISTOGRAM_MAX,
  };
}

function statement(
  conditions: readonly Condition[],
  columns: string,
  select: (p: QueryParameters) => string,
): [string, unknown[]] {
  const p = new QueryParameters();
  const counted = countedSql(conditions, columns, p);
  return [`${counted} ${select(p)}`, p.values];
}
