/** Exceptions as people made them. */
import { randomUUID } from 'node:crypto';
import type pg from 'pg';
import { EXCEPTIONS_MAX, type ExceptionParts } from '../../schemas/exceptions/alert-exception.js';
import { RULE_PARTS } from '../../schemas/nodes/rules-in-force.js';
import { query } from '../pool.js';

export interface ExceptionRow {
  readonly id: string;
  readonly parts: ExceptionParts;
  readonly expires_at: string | null;
  readonly note: string;
  readonly alert_id: string | null;
  readonly created_at: string;
  readonly created_by: string;
  readonly deleted_at: string | null;
  readonly deleted_by: string | null;
  readonly published_at: string | null;
}

export interface NewException {
  readonly parts: ExceptionParts;
  readonly expiresAt: string | null;
  readonly note: string;
  readonly alertId: string | null;
  readonly by: string;
}

const COLUMNS = `id, parts, expires_at, note, alert_id, created_at, created_by, deleted_at, deleted_by, published_at`;
const IN_FORCE = `deleted_at IS NULL AND (expires_at IS NULL OR expires_at > now())`;

/** The newest first; with `all` those too that are deleted or have expired. */
export async function findExceptions(pool: pg.Pool, all: boolean): Promise<ExceptionRow[]> {
  const { rows } = await query<ExceptionRow>(
    pool,
    `SELECT ${COLUMNS} FROM exceptions WHERE ${all ? 'true' : IN_FORCE} ORDER BY created_at DESC, id LIMIT $1`,
    [EXCEPTIONS_MAX],
  );
  return rows;
}

export async function findException(pool: pg.Pool, id: string): Promise<ExceptionRow | null> {
  const { rows } = await query<ExceptionRow>(pool, `SELECT ${COLUMNS} FROM exceptions WHERE id = $1`, [id]);
  return rows[0] ?? null;
}

/** Null when there are as many as workers take up. */
export async function addException(
  pool: pg.Pool,
  { parts, expiresAt, note, alertId, by }: NewException,
): Promise<ExceptionRow | null> {
  const { rows } = await query<ExceptionRow>(
    pool,
    `INSERT INTO exceptions (id, parts, expires_at, note, alert_id, created_by)
     SELECT $1, $2, $3, $4, $5, $6 WHERE (SELECT count(*) FROM exceptions WHERE deleted_at IS NULL) < $7
     RETURNING ${COLUMNS}`,
    [randomUUID(), JSON.stringify(parts), expiresAt, note, alertId, by, EXCEPTIONS_MAX],
  );
  return rows[0] ?? null;
}

/**
 * Which of these ids no processor has told of and no alert has. None as long as not all parts have told their rules: a hunt that is
 * started now and then does not.
 */
export async function findUnknownRules(pool: pg.Pool, ids: readonly string[]): Promise<readonly string[]> {
  const { rows } = await query<{ id: string }>(
    pool,
    `SELECT DISTINCT id FROM unnest($1::text[]) AS given (id)
     WHERE (SELECT count(DISTINCT part) FROM rules_in_force) = $2
       AND NOT EXISTS (SELECT FROM rules_in_force WHERE rules @> jsonb_build_array(jsonb_build_object('id', given.id)))
       AND NOT EXISTS (SELECT FROM alerts WHERE rule_id = given.id)`,
    [ids, RULE_PARTS.length],
  );
  return rows.map(({ id }) => id);
}

/** False when there is none, or none any more. */
export async function deleteException(pool: pg.Pool, id: string, by: string): Promise<boolean> {
  const { rows } = await query(
    pool,
    `UPDATE exceptions SET deleted_at = now(), deleted_by = $2, published_at = NULL WHERE id = $1 AND deleted_at IS NULL
     RETURNING id`,
    [id, by],
  );
  return rows.length > 0;
}
