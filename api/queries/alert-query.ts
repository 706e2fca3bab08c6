/** Alerts: lists by page, one with its history, and what a person decides about it. */
import { randomUUID } from 'node:crypto';
import type pg from 'pg';
import { ALERT_CHANNEL } from '../../schemas/alerts/alert-channel.js';
import { allOf, type Condition, QueryParameters, type SqlValues } from '../../schemas/tables/sql-values.js';
import { query } from '../pool.js';
import { ALERT_COLUMNS, type AlertEventRow, type AlertRow } from '../views/alert-view.js';

export interface AlertPosition {
  readonly lastSeen: string;
  readonly id: string;
}

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
  readonly after: AlertPosition | null;
  readonly limit: number;
}

export async function findAlerts(pool: pg.Pool, wanted: AlertQuery): Promise<AlertPage> {
  const { after, limit } = wanted;
  const list = new QueryParameters();
  const where = allOf([
    ...wanted.conditions,
    ...(after === null
      ? []
      : [(p: SqlValues) => `(last_seen, id) < (${p.add(after.lastSeen, 'timestamptz')}, ${p.add(after.id, 'text')})`]),
  ])(list);
  const counted = new QueryParameters();
  const [{ rows }, counts] = await Promise.all([
    query<AlertRow>(
      pool,
      `SELECT ${ALERT_COLUMNS} FROM alerts WHERE ${where} ORDER BY last_seen DESC, id DESC LIMIT ${list.add(limit, 'integer')}`,
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
      `SELECT id, sequence, action, occurred_at, stored_at, actor, note, document FROM alert_events
       WHERE alert_id = $1 ORDER BY stored_at, sequence NULLS LAST, id LIMIT $2`,
      [id, HISTORY_MAX],
    ),
  ]);
  const alert = alerts.rows[0];
  return alert ? { alert, history: events.rows } : null;
}

export interface Decision {
  readonly action: 'resolve' | 'reopen';
  readonly actor: string;
  readonly note: string | null;
}

/**
 * Resolves or reopens an alert, writes it into the history and announces it, all or nothing. Idempotent: an alert that is in that
 * state already is left as it is, with who resolved it first.
 *
 * @returns false when there is no such alert.
 */
export async function decideAlert(pool: pg.Pool, id: string, { action, actor, note }: Decision): Promise<boolean> {
  const change =
    action === 'resolve'
      ? 'UPDATE alerts SET resolved_at = now(), resolved_by = $3, note = $4 WHERE id = $1 AND resolved_at IS NULL'
      : 'UPDATE alerts SET resolved_at = NULL, resolved_by = NULL, note = NULL WHERE id = $1 AND resolved_at IS NOT NULL';
  const { rows } = await query<{ known: boolean }>(
    pool,
    `WITH changed AS (${change} RETURNING id),
     recorded AS (
       INSERT INTO alert_events (id, alert_id, action, occurred_at, actor, note)
       SELECT $5::text, changed.id, $2::text, now(), $3::text, $4::text FROM changed
     )
     SELECT EXISTS (SELECT FROM alerts WHERE id = $1) AS known, (SELECT pg_notify($6, id) FROM changed) AS announced`,
    [id, action, actor, note, randomUUID(), ALERT_CHANNEL],
  );
  return rows[0]!.known;
}
