/** The SQL of an export of alerts. COPY takes no parameters, so values are quoted as literals of their type. */
import { ALERT_CONDITIONS, type AlertField } from '../../schemas/tables/alert-conditions.js';
import { Refusal } from '../../schemas/tables/packet-fields.js';
import { allOf, type Condition, QuotedValues } from '../../schemas/tables/sql-values.js';
import { type FieldText, parseFields } from './export-filter.js';

const COLUMNS = `id, rule_id, rule_name, severity, status, close_reason, source, host(destination_ip) AS destination,
  destination_port, technique_ids, capture_nodes, message, crossed_at, first_seen, last_seen, packets, resolved_at,
  resolved_by, note, evidence`;

/** @throws Refusal */
type Check = (values: readonly string[]) => void;

function address(values: readonly string[]): void {
  for (const value of values) {
    if (!/^[\da-f.:]+(\/\d{1,3})?$/i.test(value))
      throw new Refusal(`"${value}" is no address or network; give one such as 192.0.2.1 or 192.0.2.0/24`);
  }
}

function number(minimum: number, maximum: number): Check {
  return (values) => {
    for (const value of values) {
      if (!/^\d{1,5}$/.test(value) || Number(value) < minimum || Number(value) > maximum)
        throw new Refusal(`"${value}" is no number from ${minimum} to ${maximum}`);
    }
  };
}

function oneOf(...choices: readonly string[]): Check {
  return (values) => {
    if (values.length !== 1 || !choices.includes(values[0]!)) throw new Refusal(`must be ${choices.join(' or ')}`);
  };
}

const CHECKS: Readonly<Partial<Record<AlertField, Check>>> = {
  source: address,
  destination: address,
  port: number(0, 65_535),
  severity: number(1, 5),
  min_severity: number(1, 5),
  status: oneOf('open', 'closed'),
  resolved: oneOf('true', 'false'),
};

const FIELDS = Object.keys(ALERT_CONDITIONS) as AlertField[];

/**
 * Alerts last seen in a time, oldest first. Empty texts select everything.
 *
 * @throws Failure `EXPORT_FILTER`
 */
export function alertQuery(from: string, to: string, fields: readonly FieldText[]): string {
  const conditions = parseFields(fields, FIELDS, 'alerts', (name, values): Condition => {
    CHECKS[name]?.(values);
    return ALERT_CONDITIONS[name](values);
  });
  if (from !== '') conditions.push((sql) => `last_seen >= ${sql.add(from, 'timestamptz')}`);
  if (to !== '') conditions.push((sql) => `last_seen < ${sql.add(to, 'timestamptz')}`);
  return `SELECT ${COLUMNS} FROM alerts WHERE ${allOf(conditions)(new QuotedValues())} ORDER BY last_seen, id`;
}
