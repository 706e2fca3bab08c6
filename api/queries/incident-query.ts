/** Incidents: the alerts of `alerts` by their incident. */
import type pg from 'pg';
import { allOf, type Condition, QueryParameters } from '../../schemas/tables/sql-values.js';
import { query } from '../pool.js';
import { ALERT_COLUMNS, type AlertRow } from '../views/alert-view.js';
import type { TimePosition } from './cursor.js';

export interface IncidentRow {
  readonly id: string;
  readonly severity: number;
  readonly open: boolean;
  readonly resolved: boolean;
  readonly alert_count: number;
  readonly rule_ids: string[];
  readonly began_at: string;
  readonly first_seen: string;
  readonly last_seen: string;
}

export interface IncidentQuery {
  /** What at least one alert of an incident meets. */
  readonly conditions: readonly Condition[];
  /** When the last one given began. */
  readonly after: TimePosition | null;
  readonly limit: number;
}

const INCIDENT_COLUMNS = `incident_id AS id, max(severity)::integer AS severity, bool_or(status = 'open') AS open,
  bool_and(resolved_at IS NOT NULL) AS resolved, count(*)::integer AS alert_count, array_agg(DISTINCT rule_id) AS rule_ids,
  min(crossed_at) AS began_at, min(first_seen) AS first_seen, max(last_seen) AS last_seen`;

/** Incidents that began last first: when one began, which of its alerts that come later do not change. */
export async function findIncidents(
  pool: pg.Pool,
  { conditions, after, limit }: IncidentQuery,
): Promise<IncidentRow[]> {
  const p = new QueryParameters();
  const matching = allOf([() => 'incident_id IS NOT NULL', ...conditions])(p);
  const having =
    after === null
      ? ''
      : `HAVING (min(crossed_at), incident_id) < (${p.add(after.time, 'timestamptz')}, ${p.add(after.id, 'text')})`;
  const { rows } = await query<IncidentRow>(
    pool,
    `SELECT ${INCIDENT_COLUMNS} FROM alerts WHERE incident_id IN (SELECT incident_id FROM alerts WHERE ${matching})
     GROUP BY incident_id ${having} ORDER BY min(crossed_at) DESC, incident_id DESC LIMIT ${p.add(limit, 'integer')}`,
    p.values,
  );
  return rows;
}

export async function findIncident(pool: pg.Pool, id: string): Promise<IncidentRow | null> {
  const { rows } = await query<IncidentRow>(
    pool,
    `SELECT ${INCIDENT_COLUMNS} FROM alerts WHERE incident_id = $1 GROUP BY incident_id`,
    [id],
  );
  return rows[0] ?? null;
}

/** The alerts of these incidents, the first crossed first, at most so many of each. */
export async function findAlertsOfIncidents(
  pool: pg.Pool,
  ids: readonly string[],
  most: number,
): Promise<Map<string, AlertRow[]>> {
  const found = new Map<string, AlertRow[]>(ids.map((id) => [id, []]));
  if (ids.length === 0) return found;
  const { rows } = await query<AlertRow>(
    pool,
    `SELECT ${ALERT_COLUMNS} FROM (
       SELECT *, row_number() OVER (PARTITION BY incident_id ORDER BY crossed_at, id) AS place FROM alerts WHERE incident_id = ANY($1)
     ) AS numbered WHERE place <= $2 ORDER BY crossed_at, id`,
    [ids, most],
  );
  for (const row of rows) found.get(row.incident_id!)?.push(row);
  return found;
}
