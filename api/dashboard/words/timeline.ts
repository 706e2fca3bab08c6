/** The course of an alert as marks between two times. Pure. */
import type { AlertDetail } from '../../views/alert-view.js';

export interface Mark {
  readonly what: string;
  /** Milliseconds since the epoch. */
  readonly at: number;
  /** From 0 to 1. */
  readonly place: number;
  readonly isPerson: boolean;
}

export interface Marks {
  readonly marks: readonly Mark[];
  readonly from: number;
  readonly to: number;
  /** What was seen of it, from 0 to 1. */
  readonly seen: { readonly start: number; readonly end: number };
}

/**
 * Of a replay people’s deeds may be years after what they are about: the line ends then with what was seen, and they stand at
 * its end.
 */
const LATER_MAX = 20;
const SECOND = 1000;

export function marksOf(alert: Pick<AlertDetail, 'first_seen' | 'last_seen' | 'history'>): Marks {
  const [first, last] = [Date.parse(alert.first_seen), Date.parse(alert.last_seen)];
  const events = alert.history.map(({ action, occurred_at: time, actor }) => ({
    what: action,
    at: Date.parse(time),
    isPerson: actor !== null,
  }));
  const from = Math.min(first, ...events.filter(({ isPerson }) => !isPerson).map(({ at }) => at));
  const known = Math.max(last, from + SECOND, ...events.filter(({ isPerson }) => !isPerson).map(({ at }) => at));
  const latest = Math.max(known, ...events.map(({ at }) => at));
  const to = latest - from > LATER_MAX * (known - from) ? known : latest;
  const place = (at: number): number => Math.min(1, Math.max(0, (at - from) / (to - from)));
  return {
    from,
    to,
    seen: { start: place(first), end: place(last) },
    marks: events.map((event) => ({ ...event, place: place(event.at) })),
  };
}
