/** What alerts are selected by, in the names of `GET /api/alerts`: the SQL of each field, of which any of some values matches. */
import type { Condition } from './sql-values.js';

type ConditionOf = (values: readonly string[]) => Condition;

const isMac = (text: string): boolean => /^[\da-f]{2}(:[\da-f]{2}){5}$/i.test(text);

function anyOf(values: readonly string[], test: (value: string) => Condition): Condition {
  return (sql) => values.map((value) => test(value)(sql)).join(' OR ');
}

/** Values are valid already: addresses, networks, whole numbers; of `status` and `resolved` there is one. */
export const ALERT_CONDITIONS = {
  /** Of who has no address the MAC. */
  source: (values) =>
    anyOf(
      values,
      (value) => (sql) =>
        isMac(value) ? `source_mac = ${sql.add(value, 'macaddr')}` : `source_ip <<= ${sql.add(value, 'inet')}`,
    ),
  destination: (values) => anyOf(values, (value) => (sql) => `destination_ip <<= ${sql.add(value, 'inet')}`),
  port: (values) => anyOf(values, (value) => (sql) => `destination_port = ${sql.add(value, 'integer')}`),
  rule: (values) => (sql) => `rule_id = ANY(${sql.add(values, 'text[]')})`,
  severity: (values) => anyOf(values, (value) => (sql) => `severity = ${sql.add(value, 'smallint')}`),
  min_severity: (values) => anyOf(values, (value) => (sql) => `severity >= ${sql.add(value, 'smallint')}`),
  status:
    ([value]) =>
    (sql) =>
      `status = ${sql.add(value, 'text')}`,
  resolved:
    ([value]) =>
    () =>
      `resolved_at IS ${value === 'true' ? 'NOT ' : ''}NULL`,
  capture_node: (values) => (sql) => `capture_nodes && ${sql.add(values, 'text[]')}`,
} as const satisfies Record<string, ConditionOf>;

export type AlertField = keyof typeof ALERT_CONDITIONS;
