/** Searches of alerts in the search language. */
import { isAddress } from './address-match.js';
import { ALERT_FIELDS, ALERT_FILTER_NAMES, type AlertFieldName, parseAlertField } from './alert-fields.js';
import { readSearch, type SearchTable } from './search-language.js';
import type { Condition } from './sql-values.js';

const MAXIMA: Readonly<Record<string, number>> = { port: 65_535, severity: 5 };

function joined(conditions: readonly Condition[], operator: 'AND' | 'OR'): Condition {
  return (sql) => conditions.map((condition) => `(${condition(sql)})`).join(` ${operator} `);
}

const ALERT_SEARCH: SearchTable<Condition> = {
  what: 'alerts',
  names: ALERT_FILTER_NAMES,
  parse: (field, values) => parseAlertField(field as AlertFieldName, values),
  maximumOf: (field) => MAXIMA[field] ?? null,
  fieldOf: (value) => (isAddress(value) ? 'host' : null),
  exampleOf: (field) => ALERT_FIELDS[field as AlertFieldName].example,
  allOf: (conditions) => joined(conditions, 'AND'),
  anyOf: (conditions) => joined(conditions, 'OR'),
  // Of an alert without a port it is true that it is not about port 22.
  not: (condition) => (sql) => `(${condition(sql)}) IS NOT TRUE`,
};

/** @throws SearchError */
export function readAlertSearch(text: string): Condition {
  return readSearch(text, ALERT_SEARCH);
}
