/** The SQL of an export of alerts. COPY takes no parameters, so values are quoted as literals of their type. */
import { Refusal } from '../runtime/packet-filter/packet-fields.js';
import { allOf, type Condition, QuotedValues } from '../runtime/sql-values.js';
import { type FieldText, parseFields } from './export-filter.js';

const COLUMNS = `id, rule_id, rule_name, severity, status, close_reason, source, host(destination_ip) AS destination,
  destination_port, technique_ids, capture_nodes, message, crossed_at, first_seen, last_seen, packets, resolved_at,
  resolved_by, note, evidence`;

type Field = (values: readonly string[]) => Condition;

const anyOfTexts =
  (column: string): Field =>
  (values) =>
  (sql) =>
    `${column} = ANY(${sql.add(values, 'text[]')})`;

function address(column: string): Field {
  return (values) => {
    for (const value of values) {
      if (!/^[\da-f.:]+(\/\d{1,3})?$/i.test(value))
        throw new Refusal(`"${value}" is no address or network; give one such as 192.0.2.1 or 192.0.2.0/24`);
    }
    return (sql) => values.map((value) => `${column} <<= ${sql.add(value, 'inet')}`).join(' OR ');
  };
}

/** A detector's source may be the MAC of who has no address. */
const source: Field = (values) => {
  const macs = values.filter((value) => /^[\da-f]{2}(:[\da-f]{2}){5}$/i.test(value));
  const others = values.filter((value) => !macs.includes(value));
  const conditions: Condition[] = [];
  if (macs.length > 0) conditions.push((sql) => `source_mac = ANY(${sql.add(macs, 'macaddr[]')})`);
  if (others.length > 0) conditions.push(address('source_ip')(others));
  return (sql) => conditions.map((condition) => condition(sql)).join(' OR ');
};

function number(column: string, minimum: number, maximum: number, operator: '=' | '>='): Field {
  return (values) => {
    for (const value of values) {
      if (!/^\d{1,5}$/.test(value) || Number(value) < minimum || Number(value) > maximum)
        throw new Refusal(`"${value}" is no number from ${minimum} to ${maximum}`);
    }
    return (sql) => values.map((value) => `${column} ${operator} ${sql.add(value, 'integer')}`).join(' OR ');
  };
}

function choice(values: readonly string[], choices: readonly string[]): string {
  const [value] = values;
  if (values.length !== 1 || !choices.includes(value!)) throw new Refusal(`must be ${choices.join(' or ')}`);
  return value!;
}

/** As `GET /api/alerts` names them, and the destination. */
const FIELDS = {
  source,
  destination: address('destination_ip'),
  port: number('destination_port', 0, 65_535, '='),
  rule: anyOfTexts('rule_id'),
  severity: number('severity', 1, 5, '='),
  min_severity: number('severity', 1, 5, '>='),
  status: (values) => {
    const status = choice(values, ['open', 'closed']);
    return (sql) => `status = ${sql.add(status, 'text')}`;
  },
  resolved: (values) => {
    const isResolved = choice(values, ['true', 'false']) === 'true';
    return () => `resolved_at IS ${isResolved ? 'NOT ' : ''}NULL`;
  },
  capture_node: (values) => (sql) => `capture_nodes && ${sql.add(values, 'text[]')}`,
} as const satisfies Record<string, Field>;

type FieldName = keyof typeof FIELDS;

/**
 * Alerts last seen in a time, oldest first. Empty texts select everything.
 *
 * @throws Failure `EXPORT_FILTER`
 */
export function alertQuery(from: string, to: string, fields: readonly FieldText[]): string {
  const conditions = parseFields(fields, Object.keys(FIELDS) as FieldName[], 'alerts', (name, values) =>
    FIELDS[name](values),
  );
  if (from !== '') conditions.push((sql) => `last_seen >= ${sql.add(from, 'timestamptz')}`);
  if (to !== '') conditions.push((sql) => `last_seen < ${sql.add(to, 'timestamptz')}`);
  return `SELECT ${COLUMNS} FROM alerts WHERE ${allOf(conditions)(new QuotedValues())} ORDER BY last_seen, id`;
}
