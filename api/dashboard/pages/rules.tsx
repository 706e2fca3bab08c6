/** What processors look for: every rule with its thresholds, as they say themselves, and how often it spoke up. */
import { useMemo, useState } from 'preact/hooks';
import type { Rules } from '../../routes/rules.js';
import { calls } from '../data/calls.js';
import { useAnswer } from '../data/use-answer.js';
import { useWorkplace } from '../data/workplace.js';
import { ExceptionList } from '../parts/exception-list.js';
import { Severity, Techniques, Time } from '../parts/links.js';
import { Facts, Panel } from '../parts/panel.js';
import { Answered, Empty } from '../parts/states.js';
import { type Column, Table } from '../parts/table.js';
import { severityName } from '../words/alerts.js';
import { formatAge, formatDuration, formatInteger, plural } from '../words/numbers.js';

type Rule = Rules['rules'][number];

const EVERY_MS = 60_000;

export function RulesPage() {
  const { looked } = useWorkplace();
  const rules = useAnswer(calls.rules(), EVERY_MS);
  const alerts = useAnswer(looked && calls.alertHistogram({ ...looked, buckets: 1 }), EVERY_MS);
  const counts = useMemo(
    () => new Map((alerts.data?.rules ?? []).map(({ rule_id: id, alerts: count }) => [id, count])),
    [alerts.data],
  );
  return (
    <>
      <h1 class="hidden">Rules</h1>
      <ExceptionList />
      <Answered answer={rules} what="rules">
        {(data) =>
          data.rules.length === 0 ? (
            <Empty title="No processor has said yet what it looks for.">
              Start one with <code>nta process</code>; it says so at its start and every minute.
            </Empty>
          ) : (
            <>
              {!data.agree && (
                <p class="banner">
                  Processors have different rules, so that alerts depend on who takes a partition. Give all of them the
                  same <code>--detection-config</code>.
                </p>
              )}
              <RuleList rules={data.rules} counts={counts} />
              <Processors processors={data.processors} />
            </>
          )
        }
      </Answered>
    </>
  );
}

const keyOf = ({ id, version, processors }: Rule): string => `${id} ${version} ${processors.join()}`;

function RuleList({
  rules,
  counts,
}: {
  readonly rules: readonly Rule[];
  readonly counts: ReadonlyMap<string, number>;
}) {
  const { address } = useWorkplace();
  const [open, setOpen] = useState<string | null>(null);
  const on = rules.filter(({ enabled }) => enabled).length;
  const columns = useMemo(
    (): Column<Rule>[] => [
      {
        id: 'name',
        title: 'Rule',
        width: 'minmax(9rem, 1fr)',
        isPlain: true,
        cell: (rule) => (
          <button
            type="button"
            class="link"
            aria-expanded={open === keyOf(rule)}
            onClick={() => setOpen(open === keyOf(rule) ? null : keyOf(rule))}
          >
            {rule.name}
          </button>
        ),
      },
      {
        id: 'severity',
        title: 'Severity',
        width: '8.6rem',
        isPlain: true,
        cell: (rule) =>
          rule.enabled ? <Severity severity={rule.severity} name={severityName(rule.severity)} /> : <b>switched off</b>,
      },
      {
        id: 'looks',
        title: 'What it finds',
        width: 'minmax(14rem, 3fr)',
        isPlain: true,
        className: 'message-cell',
        cell: ({ summary }) => withCode(summary),
      },
      {
        id: 'threshold',
        title: 'Threshold',
        width: 'minmax(10rem, 1.3fr)',
        cell: (rule) => `${formatInteger(rule.threshold)} ${rule.counts} in ${formatDuration(rule.window_seconds)}`,
      },
      { id: 'key', title: 'Of each', width: '6rem', cell: (rule) => rule.keyed_by },
      {
        id: 'alerts',
        title: 'Alerts',
        width: '4.5rem',
        align: 'end',
        cell: (rule) => (
          <a href={address.href('/alerts', { rule: rule.id, status: 'all' })}>
            {formatInteger(counts.get(rule.id) ?? 0)}
          </a>
        ),
      },
    ],
    [address, counts, open],
  );
  return (
    <Panel
      title="Rules"
      subtitle={`${formatInteger(on)} of ${formatInteger(rules.length)} are on`}
      className="list-panel"
    >
      <Table
        id="rule-rows"
        label="Rules"
        columns={columns}
        rows={rules}
        keyOf={keyOf}
        detail={(rule) => (keyOf(rule) === open ? <RuleDetail rule={rule} /> : null)}
      />
    </Panel>
  );
}

/** What stands in backticks is to be typed so. */
const withCode = (text: string) =>
  text.split('`').map((part, index) => (index % 2 === 0 ? part : <code key={part}>{part}</code>));

function RuleDetail({ rule }: { readonly rule: Rule }) {
  return (
    <Facts
      pairs={[
        ['Id', `${rule.id}, version ${rule.version}`],
        ['Measure', rule.measure],
        ['Exceptions', rule.has_exceptions ? 'its configuration leaves out some traffic' : 'none'],
        ['ATT&CK', rule.techniques.length > 0 && <Techniques techniques={rule.techniques} />],
        ...Object.entries(rule.options).map(
          ([name, value]) => [name, Array.isArray(value) ? value.join(', ') || 'none' : String(value)] as const,
        ),
      ]}
    />
  );
}

function Processors({ processors }: { readonly processors: Rules['processors'] }) {
  return (
    <Panel title="Processors" subtitle={plural(processors.length, 'processor')}>
      <Table
        label="Processors"
        columns={PROCESSOR_COLUMNS}
        rows={processors}
        keyOf={(row) => `${row.processor} ${row.part} ${row.configuration}`}
      />
    </Panel>
  );
}

const PROCESSOR_COLUMNS: readonly Column<Rules['processors'][number]>[] = [
  { id: 'name', title: 'Machine', width: 'minmax(8rem, 1fr)', cell: ({ processor }) => processor },
  { id: 'part', title: 'Part', width: '6rem', cell: ({ part }) => part },
  {
    id: 'state',
    title: 'State',
    width: '10rem',
    cell: ({ state, silent_seconds: seconds }) => (
      <span class="state" data-state={state === 'online' ? 'online' : 'offline'}>
        {state === 'online' ? 'online' : `silent for ${formatAge(seconds * 1000)}`}
      </span>
    ),
  },
  {
    id: 'configuration',
    title: 'Configuration',
    width: 'minmax(8rem, 2fr)',
    cell: ({ configuration }) => configuration || 'defaults',
  },
  { id: 'sent', title: 'Said it', width: '9.5rem', cell: ({ sent_at: time }) => <Time iso={time} /> },
  { id: 'version', title: 'Version', width: '5rem', cell: ({ version }) => version },
];
