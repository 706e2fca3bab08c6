/** All traffic of the time that is looked at, from what the sink summed up. */
import { useMemo } from 'preact/hooks';
import type { Stats } from '../../routes/stats.js';
import { rangeWords } from '../data/scope.js';
import { useWorkplace } from '../data/workplace.js';
import { OUTCOME_MEANINGS, outcomeName } from '../words/conversations.js';
import { lossOf } from '../words/nodes.js';
import { formatBitRate, formatBytes, formatCount, formatPacketRate, formatShare } from '../words/numbers.js';
import { portName } from '../words/ports.js';
import { seriesColor, trafficOfStats } from '../words/traffic.js';
import { HostLink } from './links.js';
import { Panel } from './panel.js';
import { Ranking, type Unit } from './ranking.js';
import { Sankey } from './sankey.js';
import { Empty } from './states.js';
import { Tiles } from './tiles.js';
import { TrafficChart } from './traffic-panel.js';
import { UnitChoice } from './unit-choice.js';

interface Properties {
  readonly stats: Stats;
  readonly unit: Unit;
}

/** Why there is nothing, and what to do. */
function useEmptyWords(stats: Stats): string {
  const { scope, times } = useWorkplace();
  if (stats.data_from === null) return 'No traffic has been stored yet.';
  return `No traffic ${rangeWords(scope.range)}; there is some from ${times.minute(stats.data_from)} to ${times.minute(stats.data_to ?? stats.data_from)}.`;
}

export function StoredTraffic({ stats, unit }: Properties) {
  const { scope } = useWorkplace();
  const empty = useEmptyWords(stats);
  const traffic = useMemo(
    () => trafficOfStats(stats, unit === 'bytes' ? 'bits' : 'packets', Date.now()),
    [stats, unit],
  );
  return (
    <>
      <StoredTiles stats={stats} />
      <Panel title="Traffic" subtitle={rangeWords(scope.range)} tools={<UnitChoice />} className="wide" id="traffic">
        {stats.series.length === 0 ? (
          <NoTraffic title={empty} isAnywhere={stats.data_from !== null} />
        ) : (
          <TrafficChart traffic={traffic} unit={unit === 'bytes' ? 'bits' : 'packets'} empty={empty} />
        )}
      </Panel>
      <StoredRankings stats={stats} unit={unit} />
    </>
  );
}

function NoTraffic({ title, isAnywhere }: { readonly title: string; readonly isAnywhere: boolean }) {
  const { address } = useWorkplace();
  return (
    <Empty title={title}>
      {isAnywhere ? (
        <a href={address.href('/', { range: 'all', from: null, to: null })}>Show all data</a>
      ) : (
        <>
          Start a capture with <code>nta capture</code>, or replay one: <code>npm start -- --read FILE</code>.
        </>
      )}
    </Empty>
  );
}

const UNKNOWN = '–';

function StoredTiles({ stats: { totals } }: { readonly stats: Stats }) {
  const { nodes, nodesAnswer } = useWorkplace();
  const isKnown = nodesAnswer.data !== null;
  const dropped = nodes.reduce((sum, node) => sum + lossOf(node), 0);
  const ailing = nodes.filter(({ state }) => state === 'stale' || state === 'offline').length;
  return (
    <Tiles
      label="Summary"
      tiles={[
        {
          name: 'Packets',
          value: formatCount(totals.packets),
          note: `mean ${formatPacketRate(totals.packets_per_second)}`,
        },
        { name: 'Bytes', value: formatBytes(totals.bytes), note: `mean ${formatBitRate(totals.bits_per_second)}` },
        { name: 'Sources', value: formatCount(totals.sources) },
        {
          name: 'SYN without ACK',
          value: formatCount(totals.tcp_flags.syn_only),
          note: `${formatShare(totals.tcp_flags.syn_only, totals.packets)} of packets`,
        },
        {
          name: 'Not decoded whole',
          value: formatCount(totals.failures),
          note: formatShare(totals.failures, totals.packets),
        },
        {
          name: 'Lost by nodes',
          value: isKnown ? formatCount(dropped) : UNKNOWN,
          note: isKnown ? 'since they started' : 'nodes are not known',
          ...(dropped > 0 ? { tone: 'bad' } : {}),
        },
        {
          name: 'Nodes',
          value: isKnown ? `${nodes.length - ailing} of ${nodes.length}` : UNKNOWN,
          note: !isKnown
            ? 'not known'
            : ailing > 0
              ? 'some are silent'
              : nodes.length === 0
                ? 'none has reported'
                : 'as they should be',
          ...(ailing > 0 ? { tone: 'bad' } : {}),
        },
      ]}
    />
  );
}

function StoredRankings({ stats, unit }: Properties) {
  const { address } = useWorkplace();
  const order = stats.protocols.map(({ protocol }) => protocol);
  const search = (page: string, q: string, text: string) => <a href={address.href(page, { q })}>{text}</a>;
  return (
    <>
      <Panel title="Who talks to whom" subtitle="largest pairs" className="wide talk">
        {stats.top_pairs.length === 0 ? (
          <Empty title="No conversations have ended in this time." />
        ) : (
          <Sankey pairs={stats.top_pairs} unit={unit} />
        )}
      </Panel>
      <Panel title="Protocols" id="protocols">
        <Ranking
          unit={unit}
          empty="None in this time."
          rows={stats.protocols.map((row) => ({
            ...row,
            key: row.protocol,
            color: seriesColor(row.protocol, order),
            label: search('/packets', `proto ${row.protocol}`, row.protocol),
          }))}
        />
      </Panel>
      <Panel title="Services" subtitle="by conversation" id="services">
        <Ranking
          unit={unit}
          empty="No conversations have ended in this time."
          rows={stats.top_services.map((row) => ({
            ...row,
            key: row.service,
            hint: `${formatCount(row.conversations)} conversations`,
            label: row.service === 'other' ? 'other' : search('/conversations', `service ${row.service}`, row.service),
          }))}
        />
      </Panel>
      <Panel title="Hosts that send most" id="sources">
        <Ranking
          unit={unit}
          empty="None in this time."
          rows={stats.top_sources.map((row) => ({
            ...row,
            key: row.source,
            label: row.source === 'other' ? 'other' : <HostLink host={row.source} />,
          }))}
        />
      </Panel>
      <Panel title="Hosts most asked" subtitle="responders" id="destinations">
        <Ranking
          unit={unit}
          empty="No conversations have ended in this time."
          rows={stats.top_destinations.map((row) => ({
            ...row,
            key: row.destination,
            hint: `${formatCount(row.conversations)} conversations`,
            label: row.destination === 'other' ? 'other' : <HostLink host={row.destination} />,
          }))}
        />
      </Panel>
      <Panel
        title="Ports that were called"
        subtitle={stats.destination_ports_of === 'packets' && 'destinations of packets'}
        id="ports"
      >
        <Ranking
          unit={unit}
          empty="None in this time."
          rows={stats.top_destination_ports.map((row) => ({
            ...row,
            key: `${row.protocol} ${row.destination_port}`,
            label: (
              <>
                {search(
                  '/packets',
                  `dport ${row.destination_port} and proto ${row.protocol}`,
                  `${row.destination_port}/${row.protocol}`,
                )}{' '}
                <span class="muted">{portName(row.destination_port)}</span>
              </>
            ),
          }))}
        />
      </Panel>
      {stats.sites.length > 1 && (
        <Panel title="Sites" id="sites">
          <Ranking
            unit={unit}
            empty="None in this time."
            rows={stats.sites.map((row) => ({
              ...row,
              key: row.site,
              label:
                row.site === '' ? 'without a name' : <a href={address.href('/', { site: row.site })}>{row.site}</a>,
            }))}
          />
        </Panel>
      )}
      <Panel title="What became of conversations" id="outcomes">
        <Ranking
          unit={unit}
          empty="No conversations have ended in this time."
          rows={stats.outcomes.map((row) => ({
            ...row,
            key: row.outcome,
            hint: (OUTCOME_MEANINGS as Readonly<Record<string, string>>)[row.outcome] ?? '',
            label: search('/conversations', `outcome ${row.outcome}`, outcomeName(row.outcome)),
          }))}
        />
      </Panel>
    </>
  );
}
