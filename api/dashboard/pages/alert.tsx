/** One alert: what happened, the evidence, what people said, and the ways to what is behind it. */
import { useEffect } from 'preact/hooks';
import type { AlertDetail } from '../../views/alert-view.js';
import { calls } from '../data/calls.js';
import { around, rangeParameters } from '../data/scope.js';
import { useAnswer } from '../data/use-answer.js';
import { useMayDecide } from '../data/use-may-decide.js';
import { useWorkplace } from '../data/workplace.js';
import type { PageProperties } from '../page.js';
import { AlertHistory } from '../parts/alert-history.js';
import { ConversationTable } from '../parts/conversation-table.js';
import { DecisionForm } from '../parts/decision-form.js';
import { ExceptButton } from '../parts/except-button.js';
import { useDecisionKeys } from '../parts/keys.js';
import { HostLink, Hosts, Severity, Techniques, Time } from '../parts/links.js';
import { Facts, Panel } from '../parts/panel.js';
import { Answered, Empty } from '../parts/states.js';
import { Timeline } from '../parts/timeline.js';
import { useTriage } from '../parts/use-triage.js';
import { episodeWords, TRIAGE_NAMES, VERDICT_NAMES } from '../words/alerts.js';
import { formatInteger } from '../words/numbers.js';
import { portName } from '../words/ports.js';
import { techniqueOf } from '../words/techniques.js';

const EVERY_MS = 15_000;
const CONVERSATIONS = 20;
const SAMPLE_SHOWN = 12;

export function AlertPage({ path }: PageProperties) {
  const { stream, address } = useWorkplace();
  const id = path['id'] ?? '';
  const answer = useAnswer(calls.alert(id), EVERY_MS);
  const { reload } = answer;
  useEffect(
    () => stream.subscribe({ onAlert: (alert) => alert.id === id && reload(), onReset: () => undefined }),
    [stream, id, reload],
  );
  return (
    <>
      <p class="crumbs">
        <a href={address.href('/alerts')}>Alerts</a>
      </p>
      <Answered answer={answer} what="the alert">
        {(alert) => <Detail alert={alert} onChanged={reload} />}
      </Answered>
    </>
  );
}

function Detail({ alert, onChanged }: { readonly alert: AlertDetail; readonly onChanged: () => void }) {
  const triage = useTriage({ replace: onChanged });
  const mayDecide = useMayDecide();
  useDecisionKeys({
    e: () => triage.decide(alert, { status: 'acknowledged' }),
    r: () => triage.decide(alert, { status: 'resolved' }),
  });
  const range = rangeParameters(around(alert.first_seen, alert.last_seen));
  const last = alert.history.findLast(({ document }) => document !== null);
  return (
    <article class="alert-page">
      <header class="page-title">
        <Severity severity={alert.severity} name={alert.severity_name} />
        <h1>{alert.message}</h1>
      </header>
      <div class="columns">
        <div class="column">
          <Panel title="What happened">
            <Timeline alert={alert} />
            <AlertFacts alert={alert} />
            <Behind alert={alert} range={range} />
          </Panel>
          <Panel title="Evidence">
            <Facts pairs={evidencePairs(alert)} />
          </Panel>
        </div>
        <div class="column">
          <Panel title="Decide">
            {mayDecide ? (
              <>
                <DecisionForm alert={alert} triage={triage} />
                <ExceptButton alertId={alert.id} />
              </>
            ) : (
              <Empty title="Your token reads; those of analysts decide." />
            )}
          </Panel>
          <Panel title="History" subtitle="oldest first">
            <AlertHistory history={alert.history} />
          </Panel>
        </div>
      </div>
      {alert.source_ip !== null && <Conversations alert={alert} range={range} />}
      {last?.document && (
        <details class="panel document">
          <summary>The latest event as the SIEM gets it (Elastic Common Schema)</summary>
          <pre>{JSON.stringify(last.document, null, 2)}</pre>
        </details>
      )}
    </article>
  );
}

function AlertFacts({ alert }: { readonly alert: AlertDetail }) {
  const { address } = useWorkplace();
  const { destination_port: port } = alert;
  return (
    <Facts
      pairs={[
        ['Rule', `${alert.rule_name} (${alert.rule_id})`],
        ['ATT&CK', alert.technique_ids.length > 0 && <Techniques techniques={alert.technique_ids.map(techniqueOf)} />],
        ['Source', <HostLink key="source" host={alert.source} />],
        ['Destination', alert.destination_ip && <HostLink host={alert.destination_ip} />],
        ['Port', port !== null && `${port} ${portName(port)}`],
        ['First seen', <Time key="first" iso={alert.first_seen} micros />],
        ['Threshold crossed', <Time key="crossed" iso={alert.crossed_at} micros />],
        ['Last seen', <Time key="last" iso={alert.last_seen} micros />],
        [
          'Episode',
          <span key="episode" class="state" data-state={alert.status}>
            {episodeWords(alert)}
            {alert.close_reason ? ` (${alert.close_reason.replaceAll('_', ' ')})` : ''}
          </span>,
        ],
        [
          'Incident',
          alert.incident_id && (
            <a href={address.href(`/incidents/${encodeURIComponent(alert.incident_id)}`)}>what it is part of</a>
          ),
        ],
        ['Seen by', alert.capture_nodes.join(', ')],
        ['Triage', TRIAGE_NAMES[alert.triage]],
        ['Verdict', alert.verdict && VERDICT_NAMES[alert.verdict]],
        ['Assignee', alert.assignee],
        [
          'Resolved',
          alert.resolved_at && (
            <>
              <Time iso={alert.resolved_at} /> by {alert.resolved_by}
              {alert.note ? `: ${alert.note}` : ''}
            </>
          ),
        ],
      ]}
    />
  );
}

/** Ways on, each at the time of the alert. */
function Behind({ alert, range }: { readonly alert: AlertDetail; readonly range: Readonly<Record<string, string>> }) {
  const { address } = useWorkplace();
  if (alert.source_ip === null) {
    return (
      <p class="ways">
        <a class="button" href={address.href('/packets', { ...range, q: `mac ${alert.source}` })}>
          Its packets
        </a>
      </p>
    );
  }
  const target = alert.destination_ip === null ? '' : ` and host ${alert.destination_ip}`;
  return (
    <p class="ways">
      <a class="button" href={address.href(`/hosts/${alert.source_ip}`, { ...range, q: null })}>
        What else the host did
      </a>
      <a class="button" href={address.href('/conversations', { ...range, q: `host ${alert.source_ip}${target}` })}>
        Its conversations
      </a>
      <a class="button" href={address.href('/packets', { ...range, q: `host ${alert.source_ip}${target}` })}>
        Its packets
      </a>
      <a class="button" href={address.href('/alerts', { ...range, status: 'all', q: `host ${alert.source_ip}` })}>
        Other alerts of it
      </a>
    </p>
  );
}

function Conversations({
  alert,
  range,
}: {
  readonly alert: AlertDetail;
  readonly range: Readonly<Record<string, string>>;
}) {
  const target = alert.destination_ip === null ? '' : ` and host ${alert.destination_ip}`;
  const answer = useAnswer(
    calls.conversations({
      from: range['from'],
      to: range['to'],
      q: `originator ${alert.source_ip}${target}`,
      limit: CONVERSATIONS,
    }),
    null,
  );
  return (
    <Panel title="Conversations that it began" subtitle={`at that time, the last ${CONVERSATIONS}`}>
      <Answered answer={answer} what="conversations">
        {({ conversations }) =>
          conversations.length === 0 ? (
            <Empty title="None is stored of that time.">
              Packets may be: an attempt that nobody answers may have none.
            </Empty>
          ) : (
            <ConversationTable conversations={conversations} />
          )
        }
      </Answered>
    </Panel>
  );
}

interface Sample {
  readonly distinct: number;
  readonly sample: readonly (string | number)[];
}

interface Evidence {
  readonly peak?: number;
  readonly rate?: number;
  readonly ports?: Sample;
  readonly targets?: Sample;
  readonly macs?: readonly { readonly mac: string; readonly first_seen: string; readonly last_seen: string }[];
  readonly details?: Readonly<Record<string, unknown>>;
}

function evidencePairs(alert: AlertDetail) {
  const evidence = alert.evidence as Evidence;
  const sample = ({ distinct, sample: values }: Sample): string =>
    `${formatInteger(distinct)} distinct: ${values.join(', ')}${distinct > values.length ? ', …' : ''}`;
  return [
    ['Packets', formatInteger(alert.packets)],
    ['Peak in the window', evidence.peak === undefined ? '' : formatInteger(evidence.peak)],
    ['Rate', evidence.rate ? `${formatInteger(evidence.rate)} a second` : ''],
    ['Ports', evidence.ports && sample(evidence.ports)],
    [
      'Targets',
      evidence.targets && (
        <>
          {formatInteger(evidence.targets.distinct)} distinct:{' '}
          <Hosts hosts={evidence.targets.sample.map(String)} most={SAMPLE_SHOWN} />
        </>
      ),
    ],
    [
      'MAC addresses',
      evidence.macs && (
        <ul class="plain">
          {evidence.macs.map(({ mac, first_seen: first, last_seen: last }) => (
            <li key={mac}>
              <span class="mono">{mac}</span> <Time iso={first} /> – <Time iso={last} />
            </li>
          ))}
        </ul>
      ),
    ],
    ...Object.entries(evidence.details ?? {}).map(
      ([name, value]) =>
        [name.replaceAll('_', ' ').replace(/^./, (letter) => letter.toUpperCase()), String(value)] as const,
    ),
  ] as const;
}
