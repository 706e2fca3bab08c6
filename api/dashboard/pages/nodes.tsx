/** Capture nodes: how each is, what it saw, and what became of every packet of it. */
import type { CaptureNode } from '../../routes/nodes.js';
import { calls } from '../data/calls.js';
import { useAnswer } from '../data/use-answer.js';
import { useWorkplace } from '../data/workplace.js';
import { Time } from '../parts/links.js';
import { Facts, Panel } from '../parts/panel.js';
import { Answered, Empty } from '../parts/states.js';
import { type Column, Table } from '../parts/table.js';
import { CAUSES, lossOf, statusOf } from '../words/nodes.js';
import {
  formatAge,
  formatBitRate,
  formatBytes,
  formatInteger,
  formatPacketRate,
  formatShare,
} from '../words/numbers.js';

const EVERY_MS = 5_000;

export function NodesPage() {
  const nodes = useAnswer(calls.nodes(), EVERY_MS);
  const health = useAnswer(calls.health(), EVERY_MS * 3);
  return (
    <>
      <h1 class="page-heading">Capture nodes</h1>
      {health.data && health.data.status !== 'ok' && (
        <ul class="banner checks-list">
          {Object.entries(health.data.checks)
            .filter(([, { status }]) => status !== 'ok')
            .map(([name, { reason }]) => (
              <li key={name}>
                <b>{name}</b>: {reason}
              </li>
            ))}
        </ul>
      )}
      <Answered answer={nodes} what="capture nodes">
        {({ nodes: list }) =>
          list.length === 0 ? (
            <Empty title="No capture node has reported yet.">
              Start one with <code>nta capture --interface eth0</code>.
            </Empty>
          ) : (
            <div class="node-cards">
              {list.map((node) => (
                <Node key={node.capture_node} node={node} />
              ))}
            </div>
          )
        }
      </Answered>
    </>
  );
}

function Node({ node }: { readonly node: CaptureNode }) {
  const { address } = useWorkplace();
  const status = statusOf(node);
  const lost = lossOf(node);
  const seen = status.seen ?? 0;
  return (
    <Panel
      title={node.capture_node}
      className="node"
      subtitle={
        <span class="state" data-state={node.state}>
          {node.state}
          {node.state === 'stale' || node.state === 'offline'
            ? `, silent for ${formatAge(node.silent_seconds * 1000)}`
            : ''}
        </span>
      }
      tools={<a href={address.href('/packets', { node: node.capture_node, q: null })}>Its packets</a>}
    >
      <Facts
        pairs={[
          ['Site', node.site],
          [
            'Rate',
            `${formatPacketRate(status.packets_per_second ?? 0)}, ${formatBitRate(status.bits_per_second ?? 0)}`,
          ],
          ['Seen', formatInteger(seen)],
          ['Published', `${formatInteger(status.published ?? 0)} (${formatShare(status.published ?? 0, seen)})`],
          [
            'Lost',
            <span key="lost" class={lost > 0 ? 'bad' : ''}>
              {formatInteger(lost)} {lost > 0 && `(${formatShare(lost, seen)})`}
            </span>,
          ],
          ['Spool', spoolWords(status.spool_bytes ?? 0, status.spool_max_bytes ?? 0)],
          ['Since', <Time key="since" iso={node.started_at} />],
          ['Last heard of', <Time key="heard" iso={node.received_at} />],
          ['Version', node.version],
        ]}
      />
      <Drops dropped={status.dropped ?? {}} seen={seen} />
      <Interfaces node={node} />
    </Panel>
  );
}

function spoolWords(bytes: number, most: number): string {
  if (most === 0) return 'none';
  return bytes === 0
    ? `empty, holds up to ${formatBytes(most)}`
    : `${formatBytes(bytes)} of ${formatBytes(most)}: Kafka is away or slow`;
}

function Drops({ dropped, seen }: { readonly dropped: Readonly<Record<string, number>>; readonly seen: number }) {
  const causes = Object.entries(dropped).filter(([, count]) => count > 0);
  return (
    <>
      <h3>What was not published</h3>
      {causes.length === 0 ? (
        <p class="hint">Nothing.</p>
      ) : (
        <ul class="outcomes">
          {causes.map(([cause, count]) => (
            <li key={cause} class={CAUSES[cause]?.isLoss ? 'bad' : ''}>
              {CAUSES[cause]?.meaning ?? cause.replaceAll('_', ' ')}: <b>{formatInteger(count)}</b>{' '}
              <span class="muted">{formatShare(count, seen)}</span>
            </li>
          ))}
        </ul>
      )}
    </>
  );
}

type Interface = NonNullable<ReturnType<typeof statusOf>['interfaces']>[number];

const COLUMNS: readonly Column<Interface>[] = [
  {
    id: 'name',
    title: 'Interface',
    width: 'minmax(7rem, 1fr)',
    className: 'name',
    cell: ({ name }) => <span title={name}>{name.split('/').at(-1)}</span>,
  },
  { id: 'seen', title: 'Seen', width: '6.5rem', align: 'end', cell: ({ seen }) => formatInteger(seen) },
  { id: 'bytes', title: 'Bytes', width: '6rem', align: 'end', cell: ({ bytes }) => formatBytes(bytes) },
  { id: 'lost', title: 'Lost', width: '4.5rem', align: 'end', cell: (row) => formatInteger(row.kernel_dropped) },
  { id: 'engine', title: 'Engine', width: '5rem', cell: ({ engine, up }) => (up ? engine : `${engine}, down`) },
];

function Interfaces({ node }: { readonly node: CaptureNode }) {
  const interfaces = statusOf(node).interfaces ?? [];
  if (interfaces.length === 0) return null;
  return (
    <>
      <h3>Interfaces</h3>
      <Table
        label={`Interfaces of ${node.capture_node}`}
        columns={COLUMNS}
        rows={interfaces}
        keyOf={({ name }) => name}
      />
    </>
  );
}
