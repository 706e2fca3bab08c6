/** The list of alerts with what is pushed: in place, and still while someone reads. */
import { describe, expect, it } from 'vitest';
import { type AlertView, withAnswer, withPushed, withWaiting } from '../../../api/dashboard/data/alert-list.js';
import type { Alert } from '../../../api/views/alert-view.js';

const alert = (id: string, second: number, changes: Partial<Alert> = {}): Alert =>
  ({
    id,
    severity: 3,
    rule_id: 'port-scan',
    resolved: false,
    sequence: 1,
    crossed_at: `2026-01-02T03:04:${String(second).padStart(2, '0')}.000000Z`,
    first_seen: `2026-01-02T03:04:00.000000Z`,
    last_seen: `2026-01-02T03:05:00.000000Z`,
    ...changes,
  }) as Alert;

const ALL: AlertView = { status: 'unresolved', minSeverity: 1, rule: '', since: null, until: null };
const ids = (alerts: readonly Alert[]): string => alerts.map(({ id }) => id).join(' ');

describe('what is pushed', () => {
  const list = { alerts: [alert('c', 30), alert('a', 10)], waiting: [] };

  it('stands where the API would have it', () => {
    expect(ids(withPushed(list, alert('b', 20), ALL, false, true).alerts)).toBe('c b a');
    expect(ids(withPushed(list, alert('d', 40), ALL, false, true).alerts)).toBe('d c a');
    expect(ids(withPushed(list, alert('z', 5), ALL, false, true).alerts)).toBe('c a z');
    // Behind the last one it is on a page that is not shown.
    expect(withPushed(list, alert('z', 5), ALL, false, false)).toBe(list);
  });

  it('changes an alert in place, never back to what it was before', () => {
    const twice = withPushed(list, alert('a', 10, { sequence: 2 }), ALL, true, true);
    expect(twice.alerts[1]!.sequence).toBe(2);
    expect(withPushed(twice, alert('a', 10), ALL, true, true)).toBe(twice);
  });

  it('leaves what the filter leaves out, and takes away what is dealt with unless someone reads', () => {
    expect(withPushed(list, alert('b', 20), { ...ALL, minSeverity: 4 }, false, true)).toEqual(list);
    expect(withPushed(list, alert('b', 20), { ...ALL, rule: 'syn-flood' }, false, true)).toEqual(list);
    expect(withPushed(list, alert('b', 20), { ...ALL, since: Date.parse('2026-01-02T04:00Z') }, false, true)).toEqual(
      list,
    );
    const resolved = alert('c', 30, { resolved: true });
    expect(ids(withPushed(list, resolved, ALL, false, true).alerts)).toBe('a');
    expect(ids(withPushed(list, resolved, ALL, true, true).alerts)).toBe('c a');
  });

  it('waits while someone reads, and comes in order', () => {
    let read = withPushed(list, alert('d', 40), ALL, true, true);
    read = withPushed(read, alert('e', 50), ALL, true, true);
    expect(ids(read.alerts)).toBe('c a');
    expect(ids(read.waiting)).toBe('e d');
    expect(ids(withWaiting(read).alerts)).toBe('e d c a');
    // One that is dealt with meanwhile is not new any more.
    expect(ids(withPushed(read, alert('d', 40, { resolved: true }), ALL, true, true).waiting)).toBe('e');
  });
});

describe('a list that is asked for again', () => {
  it('is replaced, or kept while someone reads with what is new waiting', () => {
    const list = { alerts: [alert('b', 20), alert('a', 10)], waiting: [] };
    const answer = [alert('d', 40), alert('b', 20, { sequence: 5 })];
    expect(ids(withAnswer(list, answer, false).alerts)).toBe('d b');
    const read = withAnswer(list, answer, true);
    expect([ids(read.alerts), ids(read.waiting), read.alerts[0]!.sequence]).toEqual(['b a', 'd', 5]);
  });
});
