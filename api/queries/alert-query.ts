/** Alerts: lists by page, and one with its history. */
import type pg from 'pg';
import { allOf, type Condition, QueryParameters, type SqlValues } from '../../schemas/tables/sql-values.js';
import { query } from '../pool.js';
import { ALERT_COLUMNS, type AlertEventRow, type AlertRow } from '../views/alert-view.js';
import type { TimePosition } from './cursor.js';

export interface AlertPage {
  readonly rows: AlertRow[];
  /** Alerts of the filter, by whether they are resolved; counted up to `COUNT_MAX` and no further. */
  readonly counts: {
    readonly unresolved: number;
    readonly resolved: number;
    readonly open: number;
    readonly highest_severity: number;
  };
}

export const COUNT_MAX = 10_000;
const HISTORY_MAX = 1000;

export interface AlertQuery {
  readonly conditions: readonly Condition[];
  /** What is counted meets these: the same without whether it is resolved. */
  readonly counted: readonly Condition[];
  /** When the last one given crossed its threshold, which of an episode never changes: it is part of its id. */
  readonly after: TimePosition | null;
  readonly limit: number;
}

export async function findAlerts(pool: pg.Pool, wanted: AlertQuery): Promise<AlertPage> {
  const { after, limit } = wanted;
  const list = new QueryParameters();
  const where = allOf([
    ...wanted.conditions,
    ...(after === null
      ? []
      : [(p: SqlValues) => `(crossed_at, id) < (${p.add(after.time, 'timestamptz')}, ${p.add(after.id, 'text')})`]),
  ])(list);
  const counted = new QueryParameters();
  const [{ rows }, counts] = await Promise.all([
    query<AlertRow>(
      pool,
      `SELECT ${ALERT_COLUMNS} FROM alerts WHERE ${where} ORDER BY crossed_at DESC, id DESC LIMIT ${list.add(limit, 'integer')}`,
      list.values,
    ),
    query<AlertPage['counts']>(
      pool,
      `SELECT count(*) FILTER (WHERE resolved_at IS NULL) AS unresolved, count(*) FILTER (WHERE resolved_at IS NOT NULL) AS resolved,
         count(*) FILTER (WHERE status = 'open' AND resolved_at IS NULL) AS open,
         coalesce(max(severity) FILTER (WHERE resolved_at IS NULL), 0)::integer AS highest_severity
       FROM (SELECT resolved_at, status, severity FROM alerts WHERE ${allOf(wanted.counted)(counted)} LIMIT ${counted.add(COUNT_MAX, 'integer')}) AS matching`,
      counted.values,
    ),
  ]);
  return { rows, counts: counts.rows[0]! };
}

/** The alerts of these ids as they are now, in no order. */
export async function findAlertsById(pool: pg.Pool, ids: readonly string[]): Promise<AlertRow[]> {
  const { rows } = await query<AlertRow>(pool, `SELECT ${ALERT_COLUMNS} FROM alerts WHERE id = ANY($1)`, [ids]);
  return rows;
}

export async function findAlert(
  pool: pg.Pool,
  id: string,
): Promise<{ readonly alert: AlertRow; readonly history: AlertEventRow[] } | null> {
  const [alerts, events] = await Promise.all([
    query<AlertRow>(pool, `SELECT ${ALERT_COLUMNS} FROM alerts WHERE id = $1`, [id]),
    query<AlertEventRow>(
      pool,
      `SELECT id, sequence, action, occurred_at, stored_at, actor, note, document, before, after, undoes FROM alert_events
       WHERE alert_id = $1 ORDER BY stored_at, sequence NULLS LAST, id LIMIT $2`,
      [id, HISTORY_MAX],
    ),
  ]);
  const alert = alerts.rows[0];
  return alert ? { alert, history: events.rows } : null;
}
