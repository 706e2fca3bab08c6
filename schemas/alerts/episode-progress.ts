/**
 * How far an event says that its episode had come. A capture that is played in part and then again gives the events of one
 * episode more than once: those of the part end early with a close of their own, and the numbers of events after it are
 * given a second time. Whoever keeps the state of an episode therefore keeps the event that had come furthest, in whatever
 * order they arrive: an episode only grows, so that is the last event of an undisturbed run. Of two ends with the same packets
 * the one that knows more of their answers has come further: where a capture ends too early, what is answered behind its end
 * counts as failed, or as left half-open.
 */
import type { AlertDocument } from './alert.js';

/** Reasons of a close, those first that another run of the same packets may take back. An open episode comes before all. */
export const CLOSE_REASONS_BY_FINALITY = [
  'superseded',
  'cut_off',
  'evicted',
  'disabled',
  'end_of_timeline',
  'quiet',
] as const;

function finality(status: string, reason: string | undefined): number {
  if (status !== 'closed') return 0;
  return Math.max(0, (CLOSE_REASONS_BY_FINALITY as readonly string[]).indexOf(reason ?? '')) + 1;
}

/** Positive when `a` has come further than `b`, of the same episode. */
export function compareProgress(a: AlertDocument, b: AlertDocument): number {
  const { alert: x } = a.nta;
  const { alert: y } = b.nta;
  return (
    x.evidence.packets - y.evidence.packets ||
    finality(x.status, x.close_reason) - finality(y.status, y.close_reason) ||
    x.sequence - y.sequence ||
    count(x, 'answered') - count(y, 'answered') ||
    count(y, 'failed') - count(x, 'failed') ||
    Number(y.evidence.details?.outcome === 'half_open') - Number(x.evidence.details?.outcome === 'half_open')
  );
}

function count({ evidence }: AlertDocument['nta']['alert'], of: 'answered' | 'failed'): number {
  const value = evidence.details?.[of];
  return typeof value === 'number' ? value : 0;
}

/** Whether the row `coming` has come further than the row `kept`: the same order in SQL, over the columns of `alerts`. */
export function furtherSql(kept: string, coming: string): string {
  return `${progressSql(kept, coming)} < ${progressSql(coming, kept)}`;
}

function progressSql(table: string, other: string): string {
  const reasons = CLOSE_REASONS_BY_FINALITY.map((reason) => `'${reason}'`).join(', ');
  const finalitySql = `CASE WHEN ${table}.status = 'closed' THEN coalesce(array_position(ARRAY[${reasons}], ${table}.close_reason), 1) ELSE 0 END`;
  const halfOpenSql = `coalesce(${other}.evidence #>> '{details,outcome}' = 'half_open', false)`;
  return `(${table}.packets, ${finalitySql}, ${table}.sequence, ${countSql(table, 'answered')}, ${countSql(other, 'failed')}, ${halfOpenSql})`;
}

function countSql(table: string, of: 'answered' | 'failed'): string {
  const value = `${table}.evidence #> '{details,${of}}'`;
  return `CASE WHEN jsonb_typeof(${value}) = 'number' THEN (${value})::numeric ELSE 0 END`;
}
