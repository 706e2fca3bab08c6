/** The SQL of an export of alerts. COPY takes no parameters, so values are quoted as literals of their type. */
import { ALERT_FILTER_NAMES, parseAlertField } from '../../schemas/tables/alert-fields.js';
import { readAlertSearch } from '../../schemas/tables/alert-search.js';
import { allOf, type Condition, QuotedValues } from '../../schemas/tables/sql-values.js';
import { type FieldText, parseFields, readSearch } from './export-filter.js';

/** @param text makes a column of a text that others have written. */
const columns = (
  text: (column: string) => string,
): string => `id, ${text('rule_id')}, ${text('rule_name')}, severity, status, close_reason, ${text('source')},
  host(destination_ip) AS destination, destination_port, technique_ids, capture_nodes, ${text('message')}, crossed_at, first_seen,
  last_seen, packets, CASE WHEN resolved_at IS NULL THEN stage ELSE 'resolved' END AS triage, verdict, ${text('assignee')}, resolved_at,
  ${text('resolved_by')}, ${text('note')}, evidence`;

/**
 * What alerts of conditions and of a search meet; an empty search asks nothing.
 *
 * @throws Failure `EXPORT_FILTER`
 */
export function alertConditions(fields: readonly FieldText[], search: string): Condition[] {
  return [
    ...parseFields(fields, ALERT_FILTER_NAMES, 'alerts', parseAlertField),
    ...readSearch(search, readAlertSearch),
  ];
}

/**
 * Alerts last seen in a time, oldest first. Empty texts select everything.
 *
 * @param text makes a column of a text that others have written.
 */
export function alertQuery(
  from: string,
  to: string,
  asked: readonly Condition[],
  text: (column: string) => string,
): string {
  const conditions = [...asked];
  if (from !== '') conditions.push((sql) => `last_seen >= ${sql.add(from, 'timestamptz')}`);
  if (to !== '') conditions.push((sql) => `last_seen < ${sql.add(to, 'timestamptz')}`);
  return `SELECT ${columns(text)} FROM alerts WHERE ${allOf(conditions)(new QuotedValues())} ORDER BY last_seen, id`;
}
