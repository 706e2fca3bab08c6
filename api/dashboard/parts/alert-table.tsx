/** The list of alerts, with headings where they are grouped. */
import { useMemo } from 'preact/hooks';
import type { Alert } from '../../views/alert-view.js';
import { useMayDecide } from '../data/use-may-decide.js';
import type { AlertRow } from '../words/alert-order.js';
import { formatInteger } from '../words/numbers.js';
import { AlertHeadline, AlertState } from './alert-cells.js';
import { HostLink, Severity, Time } from './links.js';
import { type Column, Table } from './table.js';

interface Properties {
  readonly rows: readonly AlertRow[];
  readonly current: string | null;
  readonly onCurrent: (id: string) => void;
  readonly selected: ReadonlySet<string>;
  readonly onSelect: (id: string) => void;
  readonly onSelectAll: (all: boolean) => void;
  readonly onResolve: (alert: Alert) => void;
}

/** Columns that are for those who may decide. */
const DECIDING: ReadonlySet<string> = new Set(['select', 'action']);

export function AlertTable({ rows, current, onCurrent, ...actions }: Properties) {
  const mayDecide = useMayDecide();
  const all = useColumns(actions);
  const columns = useMemo(() => (mayDecide ? all : all.filter(({ id }) => !DECIDING.has(id))), [all, mayDecide]);
  const alerts = rows.filter(({ kind }) => kind === 'alert').length;
  const isAll = alerts > 0 && actions.selected.size >= alerts;
  return (
    <>
      {mayDecide && (
        <label class="select-all">
          <input type="checkbox" checked={isAll} onChange={() => actions.onSelectAll(!isAll)} /> Select all{' '}
          {formatInteger(alerts)} shown
        </label>
      )}
      <Table
        id="alert-rows"
        label="Alerts"
        columns={columns}
        rows={rows}
        keyOf={({ key }) => key}
        toneOf={toneOf}
        current={current}
        onCurrent={(key) => !key.startsWith('group ') && onCurrent(key)}
      />
    </>
  );
}

function toneOf(row: AlertRow): string | undefined {
  if (row.kind === 'group') return 'group';
  return row.alert.resolved ? 'done' : undefined;
}

function useColumns({
  selected,
  onSelect,
  onResolve,
}: Omit<Properties, 'rows' | 'current' | 'onCurrent' | 'onSelectAll'>) {
  return useMemo((): Column<AlertRow>[] => {
    const of = (cell: Column<Alert>['cell']) => (row: AlertRow) => (row.kind === 'alert' ? cell(row.alert) : null);
    return [
      {
        id: 'select',
        title: 'Select',
        isUntitled: true,
        width: '1.6rem',
        className: 'select',
        cell: of((alert) => (
          <input
            type="checkbox"
            aria-label={`Select: ${alert.message}`}
            checked={selected.has(alert.id)}
            onChange={() => onSelect(alert.id)}
          />
        )),
      },
      {
        id: 'severity',
        title: 'Severity',
        width: '8.6rem',
        isPlain: true,
        cell: (row) =>
          row.kind === 'group' ? (
            <b class="group-name">
              {row.name} <span class="muted">({formatInteger(row.count)})</span>
            </b>
          ) : (
            <Severity severity={row.alert.severity} name={row.alert.severity_name} />
          ),
      },
      {
        id: 'message',
        title: 'What happened',
        width: 'minmax(14rem, 3fr)',
        isPlain: true,
        className: 'message-cell',
        cell: of((alert) => <AlertHeadline alert={alert} />),
      },
      {
        id: 'source',
        title: 'Source',
        className: 'source',
        width: 'minmax(7rem, 1fr)',
        cell: of((alert) => <HostLink host={alert.source} />),
      },
      {
        id: 'first',
        title: 'First seen',
        width: '9.5rem',
        className: 'first-seen',
        cell: of((alert) => <Time iso={alert.first_seen} />),
      },
      { id: 'last', title: 'Last seen', width: '9.5rem', cell: of((alert) => <Time iso={alert.last_seen} />) },
      {
        id: 'status',
        title: 'Status',
        width: '8rem',
        className: 'words',
        cell: of((alert) => (
          <>
            <AlertState alert={alert} />
            {alert.assignee && <span class="muted">{alert.assignee}</span>}
          </>
        )),
      },
      {
        id: 'action',
        title: 'Action',
        isUntitled: true,
        width: '6.2rem',
        align: 'end',
        cell: of((alert) =>
          alert.resolved ? null : (
            <button type="button" aria-label={`Resolve: ${alert.message}`} onClick={() => onResolve(alert)}>
              Resolve
            </button>
          ),
        ),
      },
    ];
  }, [selected, onSelect, onResolve]);
}
