/** On the overview: alerts by severity over time, and those that nobody has dealt with. */
import { useMemo } from 'preact/hooks';
import { calls } from '../data/calls.js';
import { rangeWords } from '../data/scope.js';
import { useAnswer } from '../data/use-answer.js';
import { useOnPush } from '../data/use-on-push.js';
import { useWorkplace } from '../data/workplace.js';
import { formatInteger } from '../words/numbers.js';
import { AlertLines } from './alert-lines.js';
import { Panel } from './panel.js';
import { SeverityChart } from './severity-panel.js';
import { Answered, Empty } from './states.js';

const EVERY_MS = 15_000;
const SHOWN = 8;
const AGAIN_MS = 1_000;

/** About as high as the list beside it. */
const chartHeight = (alerts: number): number => 130 + 16 * alerts;

export function AlertSummary() {
  const { scope, looked, address } = useWorkplace();
  const asked = useMemo(() => (looked === null ? null : { ...looked, q: scope.search }), [looked, scope.search]);
  const list = useAnswer(asked && calls.alerts({ ...asked, resolved: 'false', limit: SHOWN }), EVERY_MS);
  const histogram = useAnswer(asked && calls.alertHistogram({ ...asked, buckets: 60 }), EVERY_MS);
  useOnPush(list.reload, AGAIN_MS);
  const counts = list.data?.counts;
  return (
    <Panel
      title="Alerts"
      id="alerts"
      className="wide alerts-panel"
      subtitle={
        counts &&
        `${formatInteger(counts.unresolved)} unresolved, ${formatInteger(counts.resolved)} resolved ${rangeWords(scope.range)}`
      }
      tools={<a href={address.href('/alerts')}>All alerts</a>}
    >
      <div class="alert-summary">
        <Answered answer={list} what="alerts" list="alerts">
          {({ alerts }) =>
            alerts.length === 0 ? (
              <Empty title={`No unresolved alerts ${rangeWords(scope.range)}.`} />
            ) : (
              <AlertLines alerts={alerts} />
            )
          }
        </Answered>
        {histogram.data !== null && histogram.problem === null && histogram.data.series.length > 0 && (
          <div>
            <SeverityChart histogram={histogram.data} height={chartHeight(list.data?.alerts.length ?? 0)} />
          </div>
        )}
      </div>
    </Panel>
  );
}
