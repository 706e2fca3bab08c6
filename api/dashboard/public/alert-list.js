/** The list of alerts with what was pushed since it was asked for: each at the place at which the API would have it. */

/** What was pushed is remembered for as long as an answer may be on its way that does not have it yet. */
const REMEMBERED_MS = 20_000;

/**
 * @param {any} alert
 * @param {{ status: string, severity: string, rule: string, since: number | null }} view `since`: begin of the range, ms since the epoch
 */
function belongs(alert, { status, severity, rule, since }) {
  if (status !== 'all' && alert.resolved !== (status === 'resolved')) return false;
  if (severity !== '' && alert.severity < Number(severity)) return false;
  if (rule !== '' && alert.rule_id !== rule) return false;
  return since === null || Date.parse(alert.last_seen) >= since;
}

/** Crossed last first, as the API sorts. Times are ISO 8601 of one length, so their texts sort as they do. */
const precedes = (a, b) => a.crossed_at > b.crossed_at || (a.crossed_at === b.crossed_at && a.id > b.id);

export function createAlertList() {
  /** @type {any} */
  let list = null;
  /** @type {{ alert: any, at: number }[]} */
  let pushed = [];
  let view = { status: 'all', severity: '', rule: '', since: /** @type {number | null} */ (null) };

  /** @param {any} alert @returns whether the list is another one now */
  function place(alert) {
    const { items } = list;
    const known = items.findIndex(({ id }) => id === alert.id);
    if (known >= 0 && items[known].sequence > alert.sequence) return false;
    const others = items.filter(({ id }) => id !== alert.id);
    if (belongs(alert, view)) {
      const before = others.findIndex((other) => precedes(alert, other));
      // Behind the last one it is on a page that is not shown.
      if (before >= 0) others.splice(before, 0, alert);
      else if (list.next === null) others.push(alert);
      if (list.next !== null && others.length > items.length) others.pop();
    } else if (known < 0) {
      return false;
    }
    list = { ...list, items: others };
    return true;
  }

  return {
    /**
     * The answer to a request, with what was pushed since then.
     *
     * @param {any} answer @param {typeof view} asked @param {number} askedAt by performance.now()
     */
    load(answer, asked, askedAt) {
      list = answer;
      view = asked;
      pushed = pushed.filter(({ at }) => at > performance.now() - REMEMBERED_MS);
      for (const { alert, at } of pushed) if (at >= askedAt) place(alert);
      return list;
    },
    /** The list with an alert that was pushed, or null when it is as it was. @param {any} alert */
    push(alert) {
      pushed.push({ alert, at: performance.now() });
      return list !== null && place(alert) ? list : null;
    },
  };
}
