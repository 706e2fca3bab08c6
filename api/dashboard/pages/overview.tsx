/** What goes on: traffic, alerts, who talks to whom, and how the capture nodes are. */
import { useMemo } from 'preact/hooks';
import { calls } from '../data/calls.js';
import { useAnswer } from '../data/use-answer.js';
import { useWorkplace } from '../data/workplace.js';
import { AlertSummary } from '../parts/alert-summary.js';
import { NodeList } from '../parts/node-list.js';
import { Panel, Segments } from '../parts/panel.js';
import type { Unit } from '../parts/ranking.js';
import { SearchedTraffic } from '../parts/searched-traffic.js';
import { Answered } from '../parts/states.js';
import { StoredTraffic } from '../parts/stored-traffic.js';

const BUCKETS = 120;
const TOP = 12;

export function OverviewPage() {
  const { scope, looked, address, nodes } = useWorkplace();
  const unit: Unit = address.query.get('unit') === 'packets' ? 'packets' : 'bytes';
  const stats = useAnswer(
    useMemo(
      () => (looked === null ? null : calls.stats({ ...looked, buckets: BUCKETS, top: TOP, order_by: unit })),
      [looked, unit],
    ),
  );
  const tools = (
    <Segments
      legend="What is counted"
      name="unit"
      value={unit}
      choices={[
        { value: 'bytes', label: 'Bytes' },
        { value: 'packets', label: 'Packets' },
      ]}
      onChange={(value) => address.change({ unit: value === 'bytes' ? null : value })}
    />
  );
  return (
    <>
      <h1 class="hidden">Overview</h1>
      <div class="overview">
        <Answered answer={stats} what="traffic">
          {(data) =>
            scope.search === '' ? (
              <StoredTraffic stats={data} unit={unit} tools={tools} />
            ) : (
              <SearchedTraffic stats={data} unit={unit} tools={tools} />
            )
          }
        </Answered>
        <AlertSummary />
        {scope.search === '' && (
          <Panel title="Capture nodes" className="nodes-panel">
            <NodeList nodes={nodes} />
          </Panel>
        )}
      </div>
    </>
  );
}
