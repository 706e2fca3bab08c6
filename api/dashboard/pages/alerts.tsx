/** Alerts as they come: to filter, sort, group, and decide about, one or many at once, by mouse or by keys. */
import { useMemo, useState } from 'preact/hooks';
import type { AlertHistogram } from '../../routes/alert-histogram.js';
import type { Alert } from '../../views/alert-view.js';
import type { AlertView } from '../data/alert-list.js';
import { isRefused } from '../data/api.js';
import { calls } from '../data/calls.js';
import { rangeWords } from '../data/scope.js';
import { useAlertList } from '../data/use-alert-list.js';
import { useAnswer } from '../data/use-answer.js';
import { useReading } from '../data/use-reading.js';
import { useWorkplace } from '../data/workplace.js';
import { AlertFilters, readAlertChoices } from '../parts/alert-filters.js';
import { AlertTable } from '../parts/alert-table.js';
import { BulkBar } from '../parts/bulk-bar.js';
import { useDecisionKeys, useRowKeys } from '../parts/keys.js';
import { useAllDataLink } from '../parts/links.js';
import { Panel } from '../parts/panel.js';
import { SeverityChart } from '../parts/severity-panel.js';
import { Answered, Empty, Loading, SearchProblem } from '../parts/states.js';
import { resolvedOf } from '../parts/status-choice.js';
import { useTriage } from '../parts/use-triage.js';
import { arranged } from '../words/alert-order.js';
import { formatInteger, plural } from '../words/numbers.js';
import { techniqueOf } from '../words/techniques.js';

export function AlertsPage() {
  const { scope, looked, address } = useWorkplace();
  const choices = readAlertChoices(address.query);
  const [current, setCurrent] = useState<string | null>(null);
  const [selected, setSelected] = useState<ReadonlySet<string>>(new Set());
  const isRead = useReading(current !== null || selected.size > 0);
  const query = useMemo(
    () =>
      looked === null
        ? null
        : {
            ...looked,
            q: scope.search,
            resolved: resolvedOf(choices.status),
            min_severity: choices.minSeverity > 1 ? choices.minSeverity : undefined,
            rule: choices.rule,
            technique: choices.technique,
          },
    [looked, scope.search, choices.status, choices.minSeverity, choices.rule, choices.technique],
  );
  const view = viewOf(choices, query);
  const list = useAlertList(query, scope.search === '' && choices.technique === '' ? view : null, isRead);
  const rows = useMemo(
    () => arranged(list.alerts, choices.sort, choices.group),
    [list.alerts, choices.sort, choices.group],
  );
  const alerts = useMemo(() => rows.flatMap((row) => (row.kind === 'alert' ? [row.alert] : [])), [rows]);
  const triage = useTriage(list);
  const toggle = (id: string): void =>
    setSelected((before) => {
      const after = new Set(before);
      if (!after.delete(id)) after.add(id);
      return after;
    });
  useListKeys(alerts, current, setCurrent, toggle, triage);

  const { counts } = list;
  const subtitle =
    counts &&
    `${formatInteger(counts.unresolved)} unresolved, ${formatInteger(counts.resolved)} resolved ${rangeWords(scope.range)}`;
  return (
    <>
      <h1 class="hidden">Alerts</h1>
      <AlertsOverTime />
      <Panel title="Alerts" subtitle={subtitle} className="list-panel" id="alerts">
        <AlertFilters choices={choices} />
        <Waiting
          count={list.waiting.length}
          onShow={() => {
            list.showWaiting();
            setCurrent(null);
            scrollTo({ top: 0 });
          }}
        />
        {selected.size > 0 && (
          <BulkBar
            ids={[...selected]}
            onDone={() => {
              setSelected(new Set());
              list.reload();
            }}
            onClear={() => setSelected(new Set())}
          />
        )}
        {list.problem !== null && (isRefused(list.problem) || !list.isLoaded) ? (
          <SearchProblem problem={list.problem} list="alerts" onRetry={list.reload} />
        ) : !list.isLoaded ? (
          <Loading what="alerts" />
        ) : alerts.length === 0 ? (
          <NoAlerts status={choices.status} />
        ) : (
          <AlertTable
            rows={rows}
            current={current}
            onCurrent={setCurrent}
            selected={selected}
            onSelect={toggle}
            onSelectAll={(all) => setSelected(all ? new Set(alerts.map(({ id }) => id)) : new Set())}
            onResolve={(alert) => triage.decide(alert, { status: 'resolved' })}
          />
        )}
        {list.next !== null && (
          <p class="more">
            <button type="button" onClick={list.loadOlder}>
              Show older alerts
            </button>
            {choices.sort !== 'time' || choices.group !== 'none' ? (
              <span class="hint"> sorted and grouped are the {formatInteger(alerts.length)} that are loaded</span>
            ) : null}
          </p>
        )}
      </Panel>
    </>
  );
}

function Waiting({ count, onShow }: { readonly count: number; readonly onShow: () => void }) {
  if (count === 0) return null;
  return (
    <p class="waiting">
      <button type="button" class="primary" onClick={onShow}>
        Show {plural(count, 'new alert')}
      </button>
    </p>
  );
}

function viewOf(
  choices: ReturnType<typeof readAlertChoices>,
  query: { readonly [name: string]: unknown } | null,
): AlertView {
  const hours = query?.['hours'];
  const [from, to] = [query?.['from'], query?.['to']];
  return {
    status: choices.status,
    minSeverity: choices.minSeverity,
    rule: choices.rule,
    since:
      typeof from === 'string' ? Date.parse(from) : typeof hours === 'number' ? Date.now() - hours * 3_600_000 : null,
    until: typeof to === 'string' ? Date.parse(to) : null,
  };
}

function useListKeys(
  alerts: readonly Alert[],
  current: string | null,
  setCurrent: (id: string | null) => void,
  toggle: (id: string) => void,
  triage: ReturnType<typeof useTriage>,
): void {
  const { address } = useWorkplace();
  const alert = alerts.find(({ id }) => id === current);
  const open = (): void => {
    if (alert) address.go(address.href(`/alerts/${encodeURIComponent(alert.id)}`));
  };
  useRowKeys(alerts, current, setCurrent, { Enter: open, o: open });
  useDecisionKeys({
    x: () => alert && toggle(alert.id),
    e: () => alert && triage.decide(alert, { status: 'acknowledged' }),
    r: () => alert && triage.decide(alert, { status: 'resolved' }),
  });
}

function NoAlerts({ status }: { readonly status: string }) {
  const { scope, address } = useWorkplace();
  const allData = useAllDataLink('/alerts');
  return (
    <Empty title={`No ${status === 'all' ? '' : `${status} `}alerts ${rangeWords(scope.range)}.`}>
      {allData}
      {scope.search !== '' && (
        <>
          {' '}
          or <a href={address.href('/alerts', { q: null })}>leave out the search</a>
        </>
      )}
    </Empty>
  );
}

function AlertsOverTime() {
  const { scope, looked, address } = useWorkplace();
  const call = looked === null ? null : calls.alertHistogram({ ...looked, q: scope.search, buckets: 90 });
  const histogram = useAnswer(call, 30_000);
  // The list below says why.
  if (histogram.problem !== null && isRefused(histogram.problem)) return null;
  return (
    <Panel title="Alerts over time" subtitle="by severity, when their threshold was crossed" className="over-time">
      <Answered answer={histogram} what="alerts over time">
        {(data) =>
          data.series.length === 0 ? (
            <Empty title={`None ${rangeWords(scope.range)}.`} />
          ) : (
            <>
              <SeverityChart histogram={data} height={110} />
              <p class="chips">
                <span class="hidden">By rule: </span>
                {data.rules.slice(0, 12).map(({ rule_id: rule, rule_name: name, unresolved, alerts }) => (
                  <a key={rule} class="chip" href={address.href('/alerts', { rule })} title={`${alerts} in all`}>
                    {name} <b>{formatInteger(unresolved)}</b>
                  </a>
                ))}
              </p>
              <Tactics techniques={data.techniques} />
            </>
          )
        }
      </Answered>
    </Panel>
  );
}

/** What was tried, by the tactics of MITRE ATT&CK. */
function Tactics({ techniques }: { readonly techniques: AlertHistogram['techniques'] }) {
  const { address } = useWorkplace();
  const tactics = new Map<string, AlertHistogram['techniques']>();
  for (const row of techniques) {
    const { tactic } = techniqueOf(row.technique);
    tactics.set(tactic, [...(tactics.get(tactic) ?? []), row]);
  }
  return (
    <dl class="tactics" aria-label="By tactic of MITRE ATT&CK">
      {[...tactics].map(([tactic, ofTactic]) => (
        <div key={tactic}>
          <dt>{tactic}</dt>
          <dd>
            {ofTactic.map(({ technique, unresolved }) => (
              <a
                key={technique}
                class="chip"
                href={address.href('/alerts', { technique })}
                title={techniqueOf(technique).name}
              >
                {technique} <b>{formatInteger(unresolved)}</b>
              </a>
            ))}
          </dd>
        </div>
      ))}
    </dl>
  );
}
