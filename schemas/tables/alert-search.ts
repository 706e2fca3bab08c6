/** Searches of alerts in the search language. */
import { isAddress } from './address-match.js';
import { ALERT_FIELDS, ALERT_FILTER_NAMES, type AlertFieldName, parseAlertField } from './alert-fields.js';
import { readSearch, type SearchTable } from './search-language.js';
import { allOf, anyOf, type Condition, not } from './sql-values.js';

const MAXIMA: Readonly<Record<string, number>> = { port: 65_535, severity: 5 };

const ALERT_SEARCH: SearchTable<Condition> = {
  what: 'alerts',
  names: ALERT_FILTER_NAMES,
  parse: (field, values) => parseAlertField(field as AlertFieldName, values),
  maximumOf: (field) => MAXIMA[field] ?? null,
  fieldOf: (value) => (isAddress(value) ? 'host' : null),
  exampleOf: (field) => ALERT_FIELDS[field as AlertFieldName].example,
  allOf,
  anyOf,
  not,
};

/** @throws SearchError */
export function readAlertSearch(text: string): Condition {
  return readSearch(text, ALERT_SEARCH);
}
