/** One incident: its alerts in the order in which they came, who and whom they name, and a decision about all of them. */
import { useMemo } from 'preact/hooks';
import type { Alert } from '../../views/alert-view.js';
import type { IncidentDetail } from '../../views/incident-view.js';
import { calls, downloadAddress } from '../data/calls.js';
import { around, rangeParameters } from '../data/scope.js';
import { useAnswer } from '../data/use-answer.js';
import { useWorkplace } from '../data/workplace.js';
import type { PageProperties } from '../page.js';
import { AlertHeadline, AlertState, EpisodeState } from '../parts/alert-cells.js';
import { BulkBar } from '../parts/bulk-bar.js';
import { HostLink, Hosts, Severity, Techniques, Time } from '../parts/links.js';
import { Facts, Panel } from '../parts/panel.js';
import { Answered } from '../parts/states.js';
import { type Column, Table } from '../parts/table.js';
import { isIpAddress } from '../words/addresses.js';
import { plural } from '../words/numbers.js';
import { techniqueOf } from '../words/techniques.js';

const EVERY_MS = 15_000;
const HOSTS_MAX = 12;

export function IncidentPage({ path }: PageProperties) {
  const { address } = useWorkplace();
  const answer = useAnswer(calls.incident(path['id'] ?? ''), EVERY_MS);
  return (
    <>
      <p class="crumbs">
        <a href={address.href('/incidents')}>Incidents</a>
      </p>
      <Answered answer={answer} what="the incident">
        {(incident) => <Detail incident={incident} onChanged={answer.reload} />}
      </Answered>
    </>
  );
}

function Detail({ incident, onChanged }: { readonly incident: IncidentDetail; readonly onChanged: () => void }) {
  const { alerts } = incident;
  const worst = alerts.find(({ severity }) => severity === incident.severity);
  const open = useMemo(() => alerts.filter(({ resolved }) => !resolved).map(({ id }) => id), [alerts]);
  return (
    <article>
      <header class="page-title">
        <Severity severity={incident.severity} name={incident.severity_name} />
        <h1>{worst?.message ?? incident.id}</h1>
      </header>
      <Panel title="What happened">
        <IncidentFacts incident={incident} />
        <Behind incident={incident} />
      </Panel>
      <Panel title="Its alerts" subtitle={`${plural(incident.alert_count, 'alert')}, the first crossed first`}>
        {open.length > 0 && <BulkBar ids={open} what="unresolved" onDone={onChanged} />}
        <Table
          id="incident-alerts"
          label="Alerts of the incident"
          columns={COLUMNS}
          rows={alerts}
          keyOf={({ id }) => id}
        />
      </Panel>
    </article>
  );
}

function IncidentFacts({ incident }: { readonly incident: IncidentDetail }) {
  const techniques = [...new Set(incident.alerts.flatMap(({ technique_ids: ids }) => ids))];
  return (
    <Facts
      pairs={[
        ['Sources', <Hosts key="sources" hosts={incident.sources} most={HOSTS_MAX} />],
        ['Targets', incident.targets.length > 0 && <Hosts hosts={incident.targets} most={HOSTS_MAX} />],
        ['Began', <Time key="began" iso={incident.began_at} micros />],
        ['First seen', <Time key="first" iso={incident.first_seen} micros />],
        ['Last seen', <Time key="last" iso={incident.last_seen} micros />],
        ['State', <EpisodeState key="state" status={incident.status} />],
        ['ATT&CK', techniques.length > 0 && <Techniques techniques={techniques.map(techniqueOf)} />],
        ['Seen by', incident.capture_nodes.join(', ')],
      ]}
    />
  );
}

/** Ways on, each at the time of the incident. */
function Behind({ incident }: { readonly incident: IncidentDetail }) {
  const { address } = useWorkplace();
  const hosts = incident.sources.filter(isIpAddress).slice(0, 20);
  if (hosts.length === 0) return null;
  const range = rangeParameters(around(incident.first_seen, incident.last_seen));
  const q = `host ${hosts.join(',')}`;
  return (
    <p class="ways">
      <a class="button" href={address.href('/conversations', { ...range, q })}>
        Conversations of its sources
      </a>
      <a class="button" href={address.href('/packets', { ...range, q })}>
        Packets of its sources
      </a>
      <a class="button" href={downloadAddress('packets.pcap', { from: range.from, to: range.to, q })} download>
        Download them (pcap)
      </a>
    </p>
  );
}

const COLUMNS: readonly Column<Alert>[] = [
  { id: 'crossed', title: 'Crossed', width: '9.5rem', cell: (alert) => <Time iso={alert.crossed_at} /> },
  {
    id: 'severity',
    title: 'Severity',
    width: '8.6rem',
    isPlain: true,
    cell: (alert) => <Severity severity={alert.severity} name={alert.severity_name} />,
  },
  {
    id: 'what',
    title: 'What happened',
    width: 'minmax(14rem, 3fr)',
    isPlain: true,
    className: 'message-cell',
    cell: (alert) => <AlertHeadline alert={alert} />,
  },
  {
    id: 'source',
    title: 'Source',
    width: 'minmax(8rem, 1fr)',
    cell: (alert) => <HostLink host={alert.source} />,
  },
  { id: 'last', title: 'Last seen', width: '9.5rem', cell: (alert) => <Time iso={alert.last_seen} /> },
  {
    id: 'status',
    title: 'Status',
    width: '8rem',
    className: 'words',
    cell: (alert) => <AlertState alert={alert} />,
  },
];
