/**
 * A list of alerts with what is pushed meanwhile. What is on the page is changed where it stands; what is new waits while
 * someone reads, so that nothing is pushed away under their eyes.
 */
import type { Alert } from '../../views/alert-view.js';

export interface AlertView {
  readonly status: string;
  readonly minSeverity: number;
  readonly rule: string;
  /** Begin and end of the range, ms since the epoch. */
  readonly since: number | null;
  readonly until: number | null;
}

export interface AlertList {
  readonly alerts: readonly Alert[];
  /** New ones that are not shown yet, in order. */
  readonly waiting: readonly Alert[];
}

export function belongs(alert: Alert, { status, minSeverity, rule, since, until }: AlertView): boolean {
  if (status !== 'all' && alert.resolved !== (status === 'resolved')) return false;
  if (alert.severity < minSeverity) return false;
  if (rule !== '' && alert.rule_id !== rule) return false;
  if (until !== null && Date.parse(alert.first_seen) >= until) return false;
  return since === null || Date.parse(alert.last_seen) >= since;
}

/** Crossed last first, as the API sorts. Times are ISO 8601 of one length, so their texts sort as they do. */
const precedes = (a: Alert, b: Alert): boolean =>
  a.crossed_at > b.crossed_at || (a.crossed_at === b.crossed_at && a.id > b.id);

function inserted(alerts: readonly Alert[], alert: Alert): Alert[] {
  const others = alerts.filter(({ id }) => id !== alert.id);
  const before = others.findIndex((other) => precedes(alert, other));
  others.splice(before < 0 ? others.length : before, 0, alert);
  return others;
}

/**
 * The list after an alert was pushed.
 *
 * @param isRead whether someone reads it
 * @param isWhole whether older ones follow on no further page
 */
export function withPushed(
  list: AlertList,
  alert: Alert,
  view: AlertView,
  isRead: boolean,
  isWhole: boolean,
): AlertList {
  const at = list.alerts.findIndex(({ id }) => id === alert.id);
  if (at >= 0) {
    if (list.alerts[at]!.sequence > alert.sequence) return list;
    // One that is dealt with stays in place while it is read, and says so.
    const stays = belongs(alert, view) || isRead;
    return { ...list, alerts: stays ? list.alerts.with(at, alert) : list.alerts.toSpliced(at, 1) };
  }
  if (!belongs(alert, view)) return { ...list, waiting: list.waiting.filter(({ id }) => id !== alert.id) };
  const last = list.alerts.at(-1);
  // Behind the last one it is on a page that is not shown.
  if (!isWhole && last !== undefined && !precedes(alert, last)) return list;
  if (isRead) return { ...list, waiting: inserted(list.waiting, alert) };
  return { ...list, alerts: inserted(list.alerts, alert) };
}

export function withWaiting({ alerts, waiting }: AlertList): AlertList {
  return { alerts: waiting.reduceRight((all: readonly Alert[], alert) => inserted(all, alert), alerts), waiting: [] };
}

/** The list as it was asked for again: what is new waits while someone reads. */
export function withAnswer(list: AlertList, answer: readonly Alert[], isRead: boolean): AlertList {
  if (!isRead || list.alerts.length === 0) return { alerts: answer, waiting: [] };
  const fresh = new Map(answer.map((alert) => [alert.id, alert]));
  const alerts = list.alerts.map((alert) => fresh.get(alert.id) ?? alert);
  const shown = new Set(alerts.map(({ id }) => id));
  const first = alerts[0]!;
  const waiting = answer.filter((alert) => !shown.has(alert.id) && precedes(alert, first));
  return { alerts, waiting };
}
