/**
 * What people decide about alerts: of one or of many at once, all or nothing, each written into its history with what it
 * changed, and announced. A decision that changes nothing leaves no trace.
 */
import { randomUUID } from 'node:crypto';
import type pg from 'pg';
import { ALERT_CHANNEL, alertPayloads } from '../../schemas/alerts/alert-channel.js';
import type { TriageState, Verdict } from '../../schemas/alerts/triage.js';
import { ApiProblem } from '../http/problem.js';

/** The columns of `alerts` that are people's. */
interface Opinion {
  readonly stage: Exclude<TriageState, 'resolved'>;
  readonly verdict: Verdict | null;
  readonly assignee: string | null;
  readonly resolved_at: string | null;
  readonly resolved_by: string | null;
  readonly note: string | null;
}

export interface Decision {
  /** Who decides. */
  readonly actor: string;
  /** What is not given stays; null takes back. */
  readonly status?: TriageState | undefined;
  readonly verdict?: Verdict | null | undefined;
  readonly assignee?: string | null | undefined;
  readonly note?: string | undefined;
  /** One that is resolved is no longer, and as far as it was before. */
  readonly reopen?: boolean;
}

export interface Outcome {
  readonly changed: string[];
  readonly unchanged: string[];
  readonly missing: string[];
}

interface Event {
  readonly id: string;
  readonly alert_id: string;
  readonly action: string;
  readonly note: string | null;
  readonly before: Opinion;
  readonly after: Opinion;
  readonly undoes: string | null;
}

const OPINION_COLUMNS = 'stage, verdict, assignee, resolved_at, resolved_by, note';

const ACTIONS: Readonly<Record<TriageState, string>> = {
  new: 'renew',
  acknowledged: 'acknowledge',
  in_progress: 'start',
  resolved: 'resolve',
};

/** The name of a decision in the history. */
function actionOf({ status, verdict, assignee, reopen }: Decision): string {
  if (reopen) return 'reopen';
  if (status !== undefined) return ACTIONS[status];
  if (verdict !== undefined) return 'verdict';
  return assignee === undefined ? 'note' : 'assign';
}

/** What alerts are after a decision; the very same object when it changes nothing. */
function decide(before: Opinion, decision: Decision, now: string): Opinion {
  const { actor, status, verdict = before.verdict, assignee = before.assignee } = decision;
  const isResolved = before.resolved_at !== null;
  let after: Opinion = { ...before, verdict, assignee };
  if (status === 'resolved' && !isResolved) {
    after = { ...after, resolved_at: now, resolved_by: actor, note: decision.note ?? null };
  } else if (decision.reopen || (status !== undefined && status !== 'resolved')) {
    const stage = status === undefined || status === 'resolved' ? before.stage : status;
    after = { ...after, stage, resolved_at: null, resolved_by: null, note: null };
  }
  return JSON.stringify(after) === JSON.stringify(before) ? before : after;
}

export async function triageAlerts(pool: pg.Pool, ids: readonly string[], decision: Decision): Promise<Outcome> {
  return inTransaction(pool, async (client) => {
    const { now, alerts } = await lockAlerts(client, ids);
    // A word about an alert is kept though it changes nothing; that it is resolved is said once.
    const isNote = actionOf(decision) === 'note';
    const events: Event[] = [];
    for (const [id, before] of alerts) {
      const after = decide(before, decision, now);
      if (after === before && !isNote) continue;
      const note = decision.note ?? null;
      events.push({ id: randomUUID(), alert_id: id, action: actionOf(decision), note, before, after, undoes: null });
    }
    await store(client, decision.actor, events);
    const changed = new Set(events.map(({ alert_id: id }) => id));
    return {
      changed: [...changed],
      unchanged: [...alerts.keys()].filter((id) => !changed.has(id)),
      missing: ids.filter((id) => !alerts.has(id)),
    };
  });
}

/**
 * Takes the latest decision about an alert back that is not taken back yet.
 *
 * @returns false when there is no such alert.
 * @throws ApiProblem 409 when there is none left.
 */
export async function undoTriage(pool: pg.Pool, id: string, actor: string): Promise<boolean> {
  return inTransaction(pool, async (client) => {
    const { alerts } = await lockAlerts(client, [id]);
    const current = alerts.get(id);
    if (current === undefined) return false;
    const { rows } = await client.query<{ id: string; before: Opinion }>(
      `SELECT id, before FROM alert_events AS event
       WHERE alert_id = $1 AND before IS NOT NULL AND undoes IS NULL AND action <> 'note'
         AND NOT EXISTS (SELECT FROM alert_events AS later WHERE later.alert_id = $1 AND later.undoes = event.id)
       ORDER BY stored_at DESC, id DESC LIMIT 1`,
      [id],
    );
    const [last] = rows;
    if (last === undefined) {
      throw new ApiProblem(409, 'NOTHING_TO_UNDO', `id: nobody has decided anything about alert "${id}" that stands`, {
        errors: [{ input: 'id', reason: 'there is no decision left to take back' }],
      });
    }
    const undo = { id: randomUUID(), alert_id: id, action: 'undo', note: null, undoes: last.id };
    await store(client, actor, [{ ...undo, before: current, after: last.before }]);
    return true;
  });
}

/** The alerts of these ids, which nobody else changes until the end of the transaction. */
async function lockAlerts(
  client: pg.PoolClient,
  ids: readonly string[],
): Promise<{ now: string; alerts: Map<string, Opinion> }> {
  // In one order for all, so that no two wait for each other.
  const { rows } = await client.query<Opinion & { id: string; now: string }>(
    `SELECT id, ${OPINION_COLUMNS}, clock_timestamp() AS now FROM alerts WHERE id = ANY($1) ORDER BY id FOR UPDATE`,
    [ids],
  );
  const alerts = new Map(rows.map(({ id, now: _, ...opinion }) => [id, opinion]));
  return { now: rows[0]?.now ?? '', alerts };
}

async function store(client: pg.PoolClient, actor: string, events: readonly Event[]): Promise<void> {
  if (events.length === 0) return;
  const rows = JSON.stringify(events.map(({ alert_id: id, after }) => ({ id, ...after })));
  await client.query(
    `UPDATE alerts SET (${OPINION_COLUMNS}) = ROW(${OPINION_COLUMNS.replaceAll(/\w+/g, 'changed.$&')})
     FROM jsonb_to_recordset($1) AS changed (id text, stage text, verdict text, assignee text, resolved_at timestamptz,
       resolved_by text, note text)
     WHERE alerts.id = changed.id`,
    [rows],
  );
  await client.query(
    `INSERT INTO alert_events (id, alert_id, action, occurred_at, stored_at, actor, note, before, after, undoes)
     SELECT id, alert_id, action, clock_timestamp(), clock_timestamp(), $2, note, before, after, undoes
     FROM jsonb_to_recordset($1) AS event (id text, alert_id text, action text, note text, before jsonb, after jsonb, undoes text)`,
    [JSON.stringify(events), actor],
  );
  for (const payload of alertPayloads(events.map(({ alert_id: id }) => id))) {
    await client.query('SELECT pg_notify($1, $2)', [ALERT_CHANNEL, payload]);
  }
}

async function inTransaction<T>(pool: pg.Pool, work: (client: pg.PoolClient) => Promise<T>): Promise<T> {
  const client = await pool.connect();
  let broken: Error | undefined;
  try {
    await client.query('BEGIN');
    const result = await work(client);
    await client.query('COMMIT');
    return result;
  } catch (error) {
    await client.query('ROLLBACK').catch((failed: Error) => {
      broken = failed;
    });
    throw error;
  } finally {
    client.release(broken);
  }
}
