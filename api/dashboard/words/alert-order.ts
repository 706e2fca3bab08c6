/** Alerts in the order and the groups that a reader chose, among those that are loaded. Pure. */
import type { Alert } from '../../views/alert-view.js';

export const SORTS = ['time', 'last', 'severity', 'rule', 'source', 'packets'] as const;
export type Sort = (typeof SORTS)[number];

export const GROUPINGS = ['none', 'rule', 'source', 'severity', 'technique'] as const;
export type Grouping = (typeof GROUPINGS)[number];

export type AlertRow =
  | { readonly kind: 'alert'; readonly key: string; readonly alert: Alert }
  | {
      readonly kind: 'group';
      readonly key: string;
      readonly name: string;
      readonly count: number;
      readonly severity: number;
    };

const text = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

const ORDERS: Readonly<Record<Sort, (a: Alert, b: Alert) => number>> = {
  time: (a, b) => text(b.crossed_at, a.crossed_at) || text(b.id, a.id),
  last: (a, b) => text(b.last_seen, a.last_seen),
  severity: (a, b) => b.severity - a.severity || text(b.crossed_at, a.crossed_at),
  rule: (a, b) => text(a.rule_name, b.rule_name) || text(b.crossed_at, a.crossed_at),
  source: (a, b) => text(a.source, b.source) || text(b.crossed_at, a.crossed_at),
  packets: (a, b) => b.packets - a.packets,
};

const NAMES: Readonly<Record<Exclude<Grouping, 'none'>, (alert: Alert) => string>> = {
  rule: ({ rule_name: name }) => name,
  source: ({ source }) => source,
  severity: ({ severity_name: name }) => name,
  technique: ({ technique_ids: ids }) => ids[0] ?? 'none',
};

const rowOf = (alert: Alert): AlertRow => ({ kind: 'alert', key: alert.id, alert });

export function arranged(alerts: readonly Alert[], sort: Sort, grouping: Grouping): AlertRow[] {
  // As the API sorts and as new ones were put in.
  const sorted = sort === 'time' ? alerts : alerts.toSorted(ORDERS[sort]);
  if (grouping === 'none') return sorted.map(rowOf);
  const groups = new Map<string, Alert[]>();
  for (const alert of sorted) {
    const name = NAMES[grouping](alert);
    const group = groups.get(name);
    if (group) group.push(alert);
    else groups.set(name, [alert]);
  }
  const worst = (group: readonly Alert[]): number => Math.max(...group.map(({ severity }) => severity));
  return [...groups]
    .sort(([, a], [, b]) => worst(b) - worst(a) || b.length - a.length)
    .flatMap(([name, group]): AlertRow[] => [
      { kind: 'group', key: `group ${name}`, name, count: group.length, severity: worst(group) },
      ...group.map(rowOf),
    ]);
}
