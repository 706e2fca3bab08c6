/**
 * How far an event says that its episode had come. A capture that is played in part and then again gives the events of one
 * episode more than once: those of the part end early with a close of their own, and the numbers of events after it are
 * given a second time. Whoever keeps the state of an episode therefore keeps the event that had come furthest, in whatever
 * order they arrive: an episode only grows, so that is the last event of an undisturbed run.
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
    x.sequence - y.sequence
  );
}

/** The same order as an expression of SQL over the columns of `alerts`, a row that is compared with another such. */
export function progressSql(table: string): string {
  const reasons = CLOSE_REASONS_BY_FINALITY.map((reason) => `'${reason}'`).join(', ');
  const finalitySql = `CASE WHEN ${table}.status = 'closed' THEN coalesce(array_position(ARRAY[${reasons}], ${table}.close_reason), 1) ELSE 0 END`;
  return `(${table}.packets, ${finalitySql}, ${table}.sequence)`;
}
