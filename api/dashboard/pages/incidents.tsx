/** Incidents: alerts that belong together, told as one. */
import type { IncidentPage } from '../../routes/incidents.js';
import type { Incident } from '../../views/incident-view.js';
import { calls } from '../data/calls.js';
import { rangeWords } from '../data/scope.js';
import { usePages } from '../data/use-pages.js';
import { useReading } from '../data/use-reading.js';
import { useWorkplace } from '../data/workplace.js';
import { EpisodeState, Headline } from '../parts/alert-cells.js';
import { Hosts, Severity, Time } from '../parts/links.js';
import { listed, PagedList } from '../parts/paged-list.js';
import { Panel } from '../parts/panel.js';
import { readStatus, resolvedOf, StatusChoice } from '../parts/status-choice.js';
import { type Column, Table } from '../parts/table.js';
import { plural } from '../words/numbers.js';

const PAGE = 50;
const HOSTS_MAX = 4;
const rowsOf = ({ incidents, next }: IncidentPage) => ({ rows: incidents, next });
const idOf = ({ id }: Incident): string => id;

export function IncidentsPage() {
  const { scope, looked, address } = useWorkplace();
  const status = readStatus(address.query);
  const isRead = useReading();
  const query = looked === null ? null : { ...looked, q: scope.search, limit: PAGE, resolved: resolvedOf(status) };
  const pages = usePages(
    query && ((next) => calls.incidents({ ...query, next })),
    rowsOf,
    JSON.stringify(query),
    idOf,
    isRead,
  );
  return (
    <>
      <h1 class="hidden">Incidents</h1>
      <Panel
        title="Incidents"
        className="list-panel"
        subtitle={listed(pages, scope.range, '; alerts of one source or target that follow each other')}
        tools={<StatusChoice legend="Which incidents" name="incident-status" />}
      >
        <PagedList
          pages={pages}
          what="incidents"
          searched="alerts"
          none={`No ${status === 'all' ? '' : `${status} `}incidents ${rangeWords(scope.range)}.`}
        >
          <Table id="incident-rows" label="Incidents" columns={COLUMNS} rows={pages.rows} keyOf={idOf} />
        </PagedList>
      </Panel>
    </>
  );
}

/** What the worst of its alerts says. */
function headline({ alerts }: Incident): string {
  const worst = alerts.reduce<Incident['alerts'][number] | undefined>(
    (best, alert) => (best === undefined || alert.severity > best.severity ? alert : best),
    undefined,
  );
  return worst?.message ?? '';
}

const COLUMNS: readonly Column<Incident>[] = [
  {
    id: 'severity',
    title: 'Severity',
    width: '8.6rem',
    isPlain: true,
    cell: (row) => <Severity severity={row.severity} name={row.severity_name} />,
  },
  {
    id: 'what',
    title: 'What happened',
    width: 'minmax(14rem, 3fr)',
    isPlain: true,
    className: 'message-cell',
    cell: (row) => (
      <Headline path={`/incidents/${encodeURIComponent(row.id)}`} message={headline(row)}>
        {plural(row.alert_count, 'alert')}: {row.rule_ids.join(', ')}
      </Headline>
    ),
  },
  {
    id: 'sources',
    title: 'Sources',
    width: 'minmax(8rem, 1fr)',
    cell: (row) => <Hosts hosts={row.sources} most={HOSTS_MAX} />,
  },
  {
    id: 'targets',
    title: 'Targets',
    width: 'minmax(8rem, 1fr)',
    cell: (row) => <Hosts hosts={row.targets} most={HOSTS_MAX} />,
  },
  { id: 'began', title: 'Began', width: '9.5rem', cell: (row) => <Time iso={row.began_at} /> },
  { id: 'last', title: 'Last seen', width: '9.5rem', cell: (row) => <Time iso={row.last_seen} /> },
  {
    id: 'status',
    title: 'Status',
    width: '7rem',
    cell: (row) => (
      <>
        <EpisodeState status={row.status} />
        {row.resolved && <span class="triage"> resolved</span>}
      </>
    ),
  },
];
