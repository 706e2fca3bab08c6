/** The traffic that a search means: summed up from conversations, since the stored sums know no search. */
import { useMemo } from 'preact/hooks';
import type { ConversationGroups } from '../../routes/conversations.js';
import type { Stats } from '../../routes/stats.js';
import type { Answer } from '../data/answer.js';
import { isRefused } from '../data/api.js';
import { calls, type GroupsAsked } from '../data/calls.js';
import { rangeWords } from '../data/scope.js';
import { useAnswer } from '../data/use-answer.js';
import { useWorkplace } from '../data/workplace.js';
import { outcomeName } from '../words/conversations.js';
import { formatBytes, formatCount } from '../words/numbers.js';
import { timeUnit, trafficOfGroups } from '../words/traffic.js';
import { HostLink } from './links.js';
import { Panel } from './panel.js';
import { Ranking, type Unit } from './ranking.js';
import { Sankey } from './sankey.js';
import { Answered, Empty } from './states.js';
import { Tiles } from './tiles.js';
import { TrafficChart } from './traffic-panel.js';
import { UnitChoice } from './unit-choice.js';

const GROUPS_EVERY_MS = 30_000;
const TOP = 12;
/** As high as the chart beside them, with what became of conversations below. */
const SERVICES_SHOWN = 5;
const POINTS = 1_000;

interface Properties {
  readonly stats: Stats;
  readonly unit: Unit;
}

function useGroups(asked: GroupsAsked): Answer<ConversationGroups> {
  const { scope, looked } = useWorkplace();
  const call = looked === null ? null : calls.conversationGroups(asked, { ...looked, q: scope.search });
  return useAnswer(call, scope.range.kind === 'between' ? null : GROUPS_EVERY_MS);
}

export function SearchedTraffic({ stats, unit }: Properties) {
  const { scope } = useWorkplace();
  const span = useMemo(
    () => ({ from: Date.parse(stats.from ?? '') / 1000 || 0, to: Date.parse(stats.to ?? '') / 1000 || 0 }),
    [stats.from, stats.to],
  );
  const time = timeUnit(span.to - span.from);
  const groups = useGroups({ group_by: [time, 'service'], limit: POINTS });
  const subtitle = `of what the search means, ${rangeWords(scope.range)}; when conversations ended, by service`;
  return (
    <>
      <Panel title="Traffic" subtitle={subtitle} tools={<UnitChoice />} className="wide" id="traffic">
        <Answered answer={groups} what="conversations" list="conversations">
          {(data) => <Searched groups={data} time={time} span={span} unit={unit} />}
        </Answered>
      </Panel>
      {/* One that is refused is refused everywhere; it is told once. */}
      {(groups.problem === null || !isRefused(groups.problem)) && <SearchedRankings unit={unit} />}
    </>
  );
}

function Searched({
  groups,
  time,
  span,
  unit,
}: {
  readonly groups: ConversationGroups;
  readonly time: ReturnType<typeof timeUnit>;
  readonly span: { readonly from: number; readonly to: number };
  readonly unit: Unit;
}) {
  const rate = unit === 'bytes' ? 'bits' : 'packets';
  const traffic = useMemo(() => trafficOfGroups(groups, time, span, rate, Date.now()), [groups, time, span, rate]);
  const sum = (key: 'conversations' | 'packets' | 'bytes'): number =>
    groups.groups.reduce((all, group) => all + group[key], 0);
  return (
    <>
      <Tiles
        label="Summary of the search"
        tiles={[
          {
            name: 'Conversations',
            value: formatCount(sum('conversations')),
            ...(groups.complete ? {} : { note: 'the last of more' }),
          },
          { name: 'Packets', value: formatCount(sum('packets')) },
          { name: 'Bytes', value: formatBytes(sum('bytes')) },
        ]}
      />
      <TrafficChart traffic={traffic} unit={rate} empty="No conversation matches the search in this time." />
    </>
  );
}

function SearchedRankings({ unit }: { readonly unit: Unit }) {
  const pairs = useGroups({ group_by: ['originator', 'responder'], order_by: unit, limit: TOP });
  return (
    <>
      <Panel title="Who talks to whom" subtitle="largest pairs" className="wide talk">
        <Answered answer={pairs} what="pairs">
          {({ groups }) =>
            groups.length === 0 ? (
              <Empty title="No conversation matches." />
            ) : (
              <Sankey
                unit={unit}
                pairs={groups.map(({ originator, responder, bytes, packets }) => ({
                  originator: String(originator),
                  responder: String(responder),
                  bytes,
                  packets,
                }))}
              />
            )
          }
        </Answered>
      </Panel>
      <Grouped title="Services" by="service" page="/conversations" unit={unit} shown={SERVICES_SHOWN} />
      <Grouped title="What became of conversations" by="outcome" page="/conversations" unit={unit} />
      <Grouped title="Hosts that began" by="originator" unit={unit} />
      <Grouped title="Hosts most asked" by="responder" unit={unit} />
    </>
  );
}

function Grouped({
  title,
  by,
  page,
  unit,
  shown,
}: {
  readonly title: string;
  readonly by: string;
  /** Where its rows lead; to hosts where it is left out. */
  readonly page?: string;
  readonly unit: Unit;
  readonly shown?: number;
}) {
  const { address, scope } = useWorkplace();
  const groups = useGroups({ group_by: [by], order_by: unit, limit: TOP });
  return (
    <Panel title={title} id={by}>
      <Answered answer={groups} what={title.toLowerCase()}>
        {(data) => (
          <Ranking
            unit={unit}
            empty="No conversation matches."
            {...(shown === undefined ? {} : { limit: shown })}
            rows={data.groups.map(({ bytes, packets, conversations, ...group }) => {
              const text = String(group[by]);
              const label =
                page === undefined ? (
                  <HostLink host={text} />
                ) : (
                  <a href={address.href(page, { q: `(${scope.search}) and ${by} ${text}` })}>
                    {by === 'outcome' ? outcomeName(text) : text}
                  </a>
                );
              return { key: text, label, bytes, packets, hint: `${formatCount(conversations)} conversations` };
            })}
          />
        )}
      </Answered>
    </Panel>
  );
}
