/** Which alerts are listed, and how: all of it in the address. */
import { calls } from '../data/calls.js';
import { useAnswer } from '../data/use-answer.js';
import { useWorkplace } from '../data/workplace.js';
import { GROUPINGS, type Grouping, SORTS, type Sort } from '../words/alert-order.js';
import { SEVERITIES } from '../words/alerts.js';
import { techniqueOf } from '../words/techniques.js';
import { readStatus, type Status, StatusChoice } from './status-choice.js';

export interface AlertChoices {
  readonly status: Status;
  readonly minSeverity: number;
  readonly rule: string;
  readonly technique: string;
  readonly sort: Sort;
  readonly group: Grouping;
}

const SORT_NAMES: Readonly<Record<Sort, string>> = {
  time: 'newest',
  last: 'last seen',
  severity: 'severity',
  rule: 'rule',
  source: 'source',
  packets: 'packets',
};

const oneOf = <T extends string>(choices: readonly T[], value: string | null, otherwise: T): T =>
  choices.find((choice) => choice === value) ?? otherwise;

export function readAlertChoices(query: URLSearchParams): AlertChoices {
  const severity = Number(query.get('severity') ?? 1);
  return {
    status: readStatus(query),
    minSeverity: severity >= 1 && severity <= 5 ? Math.floor(severity) : 1,
    rule: query.get('rule') ?? '',
    technique: query.get('technique') ?? '',
    sort: oneOf(SORTS, query.get('sort'), 'time'),
    group: oneOf(GROUPINGS, query.get('group'), 'none'),
  };
}

export function AlertFilters({ choices }: { readonly choices: AlertChoices }) {
  const { address, looked } = useWorkplace();
  const histogram = useAnswer(looked === null ? null : calls.alertHistogram({ ...looked, buckets: 1 }), 60_000).data;
  const rules = (histogram?.rules ?? []).map(({ rule_id: value, rule_name: label }) => ({ value, label }));
  const techniques = (histogram?.techniques ?? []).map(({ technique: value }) => ({
    value,
    label: `${value} ${techniqueOf(value).name}`,
  }));
  const select = (
    label: string,
    name: string,
    value: string,
    options: readonly { readonly value: string; readonly label: string }[],
    otherwise: string,
  ) => (
    <label class="field">
      {label}
      <select
        id={`alert-${name}`}
        value={value}
        onChange={(event) =>
          address.change({ [name]: event.currentTarget.value === otherwise ? null : event.currentTarget.value })
        }
      >
        {!options.some((option) => option.value === value) && (
          <option value={value}>{value === '' ? 'all' : value}</option>
        )}
        {options.map((option) => (
          <option key={option.value} value={option.value}>
            {option.label}
          </option>
        ))}
      </select>
    </label>
  );
  return (
    <div class="filters">
      <StatusChoice legend="Which alerts" name="alert-status" />
      {select(
        'Severity',
        'severity',
        String(choices.minSeverity),
        [
          { value: '1', label: 'all' },
          ...SEVERITIES.filter(({ value }) => value > 1)
            .toReversed()
            .map(({ value, name }) => ({ value: String(value), label: value === 5 ? name : `${name} and above` })),
        ],
        '1',
      )}
      {select('Rule', 'rule', choices.rule, [{ value: '', label: 'all' }, ...rules], '')}
      {select('ATT&CK', 'technique', choices.technique, [{ value: '', label: 'all' }, ...techniques], '')}
      {select(
        'Sort by',
        'sort',
        choices.sort,
        SORTS.map((value) => ({ value, label: SORT_NAMES[value] })),
        'time',
      )}
      {select(
        'Group by',
        'group',
        choices.group,
        GROUPINGS.map((value) => ({ value, label: value === 'none' ? 'nothing' : value })),
        'none',
      )}
    </div>
  );
}
