/** A host: who it is, what it did, what was done to it, and the ways to all of it. */
import type { Host } from '../../routes/hosts.js';
import { calls, downloadAddress } from '../data/calls.js';
import { rangeWords, timeQuery } from '../data/scope.js';
import { useAnswer } from '../data/use-answer.js';
import { useWorkplace } from '../data/workplace.js';
import type { PageProperties } from '../page.js';
import { AlertLines } from '../parts/alert-lines.js';
import { HostLink, Time, useAllDataLink } from '../parts/links.js';
import { Facts, Panel } from '../parts/panel.js';
import { Ranking, type Unit } from '../parts/ranking.js';
import { Answered, Empty } from '../parts/states.js';
import { UnitChoice, useUnit } from '../parts/unit-choice.js';
import { OUTCOME_MEANINGS, outcomeName } from '../words/conversations.js';
import { enrichmentWords } from '../words/enrichment.js';
import { formatBytes, formatInteger, plural } from '../words/numbers.js';
import { portName } from '../words/ports.js';

type Side = Host['used'];
type Alerts = Host['alerts']['as_source'];

export function HostPage({ path }: PageProperties) {
  const { looked, scope } = useWorkplace();
  const ip = path['ip'] ?? '';
  const answer = useAnswer(looked === null ? null : calls.host(ip, timeQuery(scope.range)));
  return (
    <>
      <header class="page-title">
        <h1 class="mono">{ip}</h1>
        <Ways ip={ip} />
      </header>
      <Answered answer={answer} what="the host">
        {(host) => <Detail host={host} />}
      </Answered>
    </>
  );
}

function Ways({ ip }: { readonly ip: string }) {
  const { address, looked, scope } = useWorkplace();
  const q = scope.search === '' ? `host ${ip}` : `host ${ip} and (${scope.search})`;
  return (
    <p class="ways">
      <a class="button" href={address.href('/conversations', { q })}>
        Conversations
      </a>
      <a class="button" href={address.href('/packets', { q })}>
        Packets
      </a>
      <a class="button" href={address.href('/alerts', { q, status: 'all' })}>
        Alerts
      </a>
      {looked !== null && (
        <a class="button primary" href={downloadAddress('packets.pcap', { ...looked, q })} download>
          Download its packets (pcap)
        </a>
      )}
    </p>
  );
}

function Detail({ host }: { readonly host: Host }) {
  const { scope } = useWorkplace();
  const unit = useUnit();
  const allData = useAllDataLink(`/hosts/${host.address}`);
  const isSilent = host.first_seen === null && host.alerts.as_source.total + host.alerts.as_target.total === 0;
  if (isSilent && host.macs.length === 0) {
    return <Empty title={`Nothing was seen of ${host.address} ${rangeWords(scope.range)}.`}>{allData}</Empty>;
  }
  return (
    <div class="host-page">
      <Panel title="Who it is" className="identity">
        <Facts
          pairs={[
            [
              'Names',
              host.names.length > 0 && (
                <ul class="plain">
                  {host.names.slice(0, 12).map(({ name, given_by: by, conversations }) => (
                    <li key={name + by}>
                      {name}{' '}
                      <span class="muted">
                        {by === 'host' ? 'its own, by DHCP' : `asked for ${plural(conversations, 'time')}`}
                      </span>
                    </li>
                  ))}
                </ul>
              ),
            ],
            ['Known as', host.enrichment.asset],
            ['Name by the DNS', host.enrichment.reverse_dns],
            ['Country', host.enrichment.country],
            ['Network', enrichmentWords({ asn: host.enrichment.asn, organisation: host.enrichment.organisation })],
            [
              'MAC addresses',
              host.macs.length > 0 && (
                <ul class="plain">
                  {host.macs.slice(0, 8).map((mac) => (
                    <li key={mac}>
                      <span class="mono">{mac}</span> <span class="muted">{host.mac_vendors[mac]}</span>
                    </li>
                  ))}
                </ul>
              ),
            ],
            ['First seen', host.first_seen && <Time iso={host.first_seen} />],
            ['Last seen', host.last_seen && <Time iso={host.last_seen} />],
            [
              'Conversations',
              `${formatInteger(host.used.conversations)} begun, ${formatInteger(host.offered.conversations)} towards it`,
            ],
            ['Sent', formatBytes(host.used.bytes_sent + host.offered.bytes_sent)],
            ['Received', formatBytes(host.used.bytes_received + host.offered.bytes_received)],
          ]}
        />
      </Panel>
      <AlertsOf title="Alerts about what it did" alerts={host.alerts.as_source} who="source" ip={host.address} />
      <AlertsOf
        title="Alerts about what was done to it"
        alerts={host.alerts.as_target}
        who="destination"
        ip={host.address}
      />
      <SidePanels title="What it did" side={host.used} unit={unit} ip={host.address} isOriginator />
      <SidePanels title="What was asked of it" side={host.offered} unit={unit} ip={host.address} isOriginator={false} />
    </div>
  );
}

function AlertsOf({
  title,
  alerts,
  who,
  ip,
}: {
  readonly title: string;
  readonly alerts: Alerts;
  readonly who: 'source' | 'destination';
  readonly ip: string;
}) {
  const { address } = useWorkplace();
  const all = (
    <a href={address.href('/alerts', { q: `${who} ${ip}`, status: 'all' })}>All {formatInteger(alerts.total)}</a>
  );
  return (
    <Panel
      title={title}
      subtitle={alerts.total > 0 && `${formatInteger(alerts.unresolved)} unresolved`}
      tools={alerts.total > 0 && all}
      className="host-alerts"
    >
      {alerts.latest.length === 0 ? (
        <Empty title="None." />
      ) : (
        <AlertLines alerts={alerts.latest.slice(0, 8)} hasSource={who === 'destination'} />
      )}
    </Panel>
  );
}

interface SideProperties {
  readonly title: string;
  readonly side: Side;
  readonly unit: Unit;
  readonly ip: string;
  readonly isOriginator: boolean;
}

const amounts = (row: {
  bytes_sent: number;
  bytes_received: number;
  packets_sent: number;
  packets_received: number;
}) => ({
  bytes: row.bytes_sent + row.bytes_received,
  packets: row.packets_sent + row.packets_received,
});

function SidePanels({ title, side, unit, ip, isOriginator }: SideProperties) {
  const { address } = useWorkplace();
  const own = isOriginator ? 'originator' : 'responder';
  const others = isOriginator ? 'responder' : 'originator';
  const link = (more: string, text: string) => (
    <a href={address.href('/conversations', { q: `${own} ${ip} and ${more}` })}>{text}</a>
  );
  const outcomes = Object.entries(side.outcomes).filter(([, count]) => count > 0);
  if (side.conversations === 0) {
    return (
      <section class="side">
        <header class="side-title">
          <h2>{title}</h2>
          <p class="subtitle">{isOriginator ? 'It began no conversation.' : 'Nobody began a conversation with it.'}</p>
        </header>
      </section>
    );
  }
  return (
    <section class="side">
      <header class="side-title">
        <h2>{title}</h2>
        <p class="subtitle">
          {plural(side.conversations, 'conversation')}, {formatBytes(side.bytes_sent)} sent,{' '}
          {formatBytes(side.bytes_received)} received{side.complete ? '' : '; the last of more are summed'}
        </p>
        {isOriginator && <UnitChoice />}
      </header>
      <Panel title={isOriginator ? 'Services used' : 'Services offered'}>
        <Ranking
          unit={unit}
          empty="None."
          rows={side.services.map((row) => ({
            ...amounts(row),
            key: `${row.service} ${row.protocol} ${row.port}`,
            hint: `${plural(row.conversations, 'conversation')} with ${plural(row.peers, 'host')}`,
            label: (
              <>
                {link(
                  `responder_port ${row.port} and protocol ${row.protocol}`,
                  `${row.service === 'unknown' ? portName(row.port) || 'unknown' : row.service} ${row.port}/${row.protocol}`,
                )}{' '}
                <span class="muted">{plural(row.peers, 'host')}</span>
              </>
            ),
          }))}
        />
      </Panel>
      <Panel title={isOriginator ? 'Hosts it spoke to' : 'Hosts that spoke to it'}>
        <Ranking
          unit={unit}
          empty="None."
          rows={side.peers.map((row) => ({
            ...amounts(row),
            key: row.address,
            hint: plural(row.conversations, 'conversation'),
            label: (
              <>
                <HostLink host={row.address} />{' '}
                <span class="muted">{link(`${others} ${row.address}`, plural(row.conversations, 'conversation'))}</span>
              </>
            ),
          }))}
        />
      </Panel>
      <Panel title={isOriginator ? 'What became of what it began' : 'What became of what was asked'}>
        {outcomes.length === 0 ? (
          <Empty title="None." />
        ) : (
          <ul class="outcomes">
            {outcomes.map(([outcome, count]) => (
              <li key={outcome} title={(OUTCOME_MEANINGS as Readonly<Record<string, string>>)[outcome]}>
                {link(`outcome ${outcome}`, outcomeName(outcome))} <b>{formatInteger(count)}</b>
              </li>
            ))}
          </ul>
        )}
      </Panel>
    </section>
  );
}
