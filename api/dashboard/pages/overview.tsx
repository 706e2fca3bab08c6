/** What goes on: traffic, alerts, who talks to whom, and how the capture nodes are. */
import { useMemo } from 'preact/hooks';
import { calls } from '../data/calls.js';
import { useAnswer } from '../data/use-answer.js';
import { useWorkplace } from '../data/workplace.js';
import { AlertSummary } from '../parts/alert-summary.js';
import { NodeList } from '../parts/node-list.js';
import { Panel } from '../parts/panel.js';
import { SearchedTraffic } from '../parts/searched-traffic.js';
import { Answered } from '../parts/states.js';
import { StoredTraffic } from '../parts/stored-traffic.js';
import { useUnit } from '../parts/unit-choice.js';

const BUCKETS = 120;
const TOP = 12;

export function OverviewPage() {
  const { scope, looked, nodesAnswer } = useWorkplace();
  const unit = useUnit();
  const stats = useAnswer(
    useMemo(
      () => (looked === null ? null : calls.stats({ ...looked, buckets: BUCKETS, top: TOP, order_by: unit })),
      [looked, unit],
    ),
  );
  return (
    <>
      <h1 class="hidden">Overview</h1>
      <div class="overview">
        <Answered answer={stats} what="traffic">
          {(data) =>
            scope.search === '' ? (
              <StoredTraffic stats={data} unit={unit} />
            ) : (
              <SearchedTraffic stats={data} unit={unit} />
            )
          }
        </Answered>
        <AlertSummary />
        {scope.search === '' && (
          <Panel title="Capture nodes" className="nodes-panel">
            <Answered answer={nodesAnswer} what="capture nodes">
              {(nodes) => <NodeList nodes={nodes} />}
            </Answered>
          </Panel>
        )}
      </div>
    </>
  );
}
