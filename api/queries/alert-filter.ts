/** The filter of alerts: the table of fields as parameters of a query string. */
import {
  ALERT_FIELDS,
  ALERT_FILTER_NAMES,
  type AlertFieldName,
  type AlertFilterName,
  parseAlertField,
} from '../../schemas/tables/alert-fields.js';
import type { Condition } from '../../schemas/tables/sql-values.js';
import { type FilterTable, queryShapeOf } from './filter-shapes.js';
import type { TimeRange } from './time-range.js';

const TABLE: FilterTable<AlertFilterName, AlertFieldName, Condition> = {
  names: ALERT_FILTER_NAMES,
  fields: ALERT_FIELDS,
  parse: parseAlertField,
};

/** Parsed fields; a field that was not given is absent. */
export type AlertFilter = { readonly [Name in AlertFilterName]?: Condition | undefined };

const NAMES = Object.keys(ALERT_FILTER_NAMES) as AlertFilterName[];

/** The fields as parameters of a query string. */
export const alertQueryShape = queryShapeOf(TABLE);

/** Episodes that touch the range. */
export function rangeConditions({ from, to }: TimeRange): Condition[] {
  const conditions: Condition[] = [];
  if (from !== null) conditions.push((p) => `last_seen >= ${p.add(from, 'timestamptz')}`);
  if (to !== null) conditions.push((p) => `first_seen < ${p.add(to, 'timestamptz')}`);
  return conditions;
}

/** What alerts of a filter meet, but for fields that are left out. */
export function alertConditions(filter: AlertFilter, without: readonly AlertFilterName[] = []): Condition[] {
  return NAMES.flatMap((name) => {
    const condition = filter[name];
    return condition === undefined || without.includes(name) ? [] : [condition];
  });
}
