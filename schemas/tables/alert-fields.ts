/**
 * What alerts are selected by, for the API and for exports: what each field means, and its SQL. Of several values any
 * matches.
 */
import { SEVERITY_NAMES } from '../alerts/alert.js';
import { TRIAGE_STATES, VERDICTS } from '../alerts/triage.js';
import { type AddressMatch, isMac, parseAddress } from './address-match.js';
import { checkValues, Refusal } from './field-values.js';
import { type NameOf, namesOf } from './field-words.js';
import { nearestName } from './nearest.js';
import { parseNumberRange, rangeTests } from './number-ranges.js';
import { anyOf, type Condition } from './sql-values.js';

interface Field {
  readonly description: string;
  readonly example: string;
  /** @throws Refusal */
  readonly parse: (values: readonly string[]) => Condition;
}

type AddressColumn = 'source_ip' | 'destination_ip';

function addressField(...columns: readonly AddressColumn[]): Field['parse'] {
  const within = (column: AddressColumn, { text, prefix }: AddressMatch): Condition => {
    return (sql) => `${column} <<= ${sql.add(`${text}/${prefix}`, 'inet')}`;
  };
  return (values) =>
    anyOf(
      values.flatMap((value) => {
        // Who has no address is known by the MAC.
        if (isMac(value) && columns.includes('source_ip')) {
          return [(sql) => `source_mac = ${sql.add(value, 'macaddr')}`];
        }
        const match = parseAddress(value);
        return columns.map((column) => within(column, match));
      }),
    );
}

const PORT_MAX = 65_535;

function severitiesOf(value: string): number[] {
  const [, low, high] = /^([0-5])-([0-5])$/.exec(value) ?? [];
  if (low === undefined) return [severityOf(value)];
  return [1, 2, 3, 4, 5].filter((severity) => severity >= Number(low) && severity <= Number(high));
}

function severityOf(value: string): number {
  const named = SEVERITY_NAMES.findIndex((name, index) => index > 0 && name === value.toLowerCase());
  if (named > 0) return named;
  if (/^[1-5]$/.test(value)) return Number(value);
  throw new Refusal(`"${value}" must be a severity from 1 to 5, or ${SEVERITY_NAMES.slice(1).join(', ')}`);
}

/** Values of a closed set. */
function choiceField(choices: readonly string[], condition: (values: readonly string[]) => Condition): Field['parse'] {
  return (values) => {
    for (const value of values) {
      if (choices.includes(value)) continue;
      const nearest = nearestName(value, choices);
      const all = choices.join(choices.length === 2 ? ' or ' : ', ');
      throw new Refusal(`must be ${all}${nearest === null ? '' : `; did you mean ${nearest}?`}`);
    }
    return condition(values);
  };
}

const LIST = 'Several values are separated by commas; any of them matches.';

export const ALERT_FIELDS = {
  host: {
    description: `Source or destination: address, CIDR or MAC. ${LIST}`,
    example: '192.0.2.7',
    parse: addressField('source_ip', 'destination_ip'),
  },
  source: {
    description: `Source: address, CIDR or MAC. ${LIST}`,
    example: '10.0.0.0/8',
    parse: addressField('source_ip'),
  },
  destination: {
    description: `Destination address or CIDR, of alerts about one destination. ${LIST}`,
    example: '2001:db8::/32',
    parse: addressField('destination_ip'),
  },
  port: {
    description: `Destination port, of alerts about one port. ${LIST}`,
    example: '22',
    parse: (values) => {
      const ranges = values.map((value) => parseNumberRange(value, PORT_MAX));
      return (sql) =>
        rangeTests(ranges, sql)
          .map((test) => `destination_port ${test}`)
          .join(' OR ');
    },
  },
  rule: {
    description: `Detector: port-scan, syn-flood, … ${LIST}`,
    example: 'port-scan',
    parse: (values) => (sql) => `rule_id = ANY(${sql.add(values, 'text[]')})`,
  },
  technique: {
    description: `MITRE ATT&CK technique. ${LIST}`,
    example: 'T1046',
    parse: (values) => (sql) => `technique_ids && ${sql.add(values, 'text[]')}`,
  },
  severity: {
    description: `Severity, 1 to 5 or by name, or a range of numbers. ${LIST}`,
    example: '4',
    parse: (values) => {
      const severities = values.flatMap(severitiesOf);
      return (sql) => `severity = ANY(${sql.add(severities, 'smallint[]')})`;
    },
  },
  min_severity: {
    description: 'This severity or a higher one.',
    example: '3',
    parse: (values) => {
      const least = Math.min(...values.map(severityOf));
      return (sql) => `severity >= ${sql.add(least, 'smallint')}`;
    },
  },
  status: {
    description: 'What the detector says: open while it goes on, closed after a quiet window.',
    example: 'open',
    parse: choiceField(['open', 'closed'], (values) => (sql) => `status = ANY(${sql.add(values, 'text[]')})`),
  },
  resolved: {
    description: 'Whether a person is done with it: true or false.',
    example: 'false',
    parse: choiceField(
      ['true', 'false'],
      (values) => (sql) => `(resolved_at IS NOT NULL) = ANY(${sql.add(values, 'boolean[]')})`,
    ),
  },
  triage: {
    description: `How far people are with it: ${TRIAGE_STATES.join(', ')}. ${LIST}`,
    example: 'new,acknowledged',
    parse: choiceField(
      TRIAGE_STATES,
      (values) => (sql) =>
        `CASE WHEN resolved_at IS NULL THEN stage ELSE 'resolved' END = ANY(${sql.add(values, 'text[]')})`,
    ),
  },
  verdict: {
    description: `What people say it was: ${VERDICTS.join(', ')}, or none. ${LIST}`,
    example: 'true_positive',
    parse: choiceField(
      [...VERDICTS, 'none'],
      (values) => (sql) => `coalesce(verdict, 'none') = ANY(${sql.add(values, 'text[]')})`,
    ),
  },
  assignee: {
    description: `Who looks after it, or none for those that nobody does. ${LIST}`,
    example: 'ada',
    parse: (values) => (sql) => `coalesce(assignee, 'none') = ANY(${sql.add(values, 'text[]')})`,
  },
  incident: {
    description: `Incident: \`incident_id\` of an alert. ${LIST}`,
    example: '2f1c9f0e6d3b4a58b7c0d1e2f3a4b5c6',
    parse: (values) => (sql) => `incident_id = ANY(${sql.add(values, 'text[]')})`,
  },
  capture_node: {
    description: `Capture node that saw it. ${LIST}`,
    example: 'edge-1',
    parse: (values) => (sql) => `capture_nodes && ${sql.add(values, 'text[]')}`,
  },
} as const satisfies Record<string, Field>;

export type AlertFieldName = keyof typeof ALERT_FIELDS;
export const ALERT_FIELD_NAMES = Object.keys(ALERT_FIELDS) as AlertFieldName[];

/**
 * What a field asks for.
 *
 * @throws Refusal
 */
export function parseAlertField(name: AlertFieldName, values: readonly string[]): Condition {
  checkValues(values);
  return ALERT_FIELDS[name].parse(values);
}

/** Every name that alerts are selected by. */
export type AlertFilterName = NameOf<AlertFieldName>;
export const ALERT_FILTER_NAMES = namesOf(ALERT_FIELD_NAMES);
