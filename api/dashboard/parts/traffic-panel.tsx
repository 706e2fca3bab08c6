/** The chart of traffic over time, with what each colour is and how much of it there was. */
import { useMemo, useState } from 'preact/hooks';
import { useWorkplace } from '../data/workplace.js';
import { formatBitRate, formatCount, formatPacketRate } from '../words/numbers.js';
import type { Traffic, TrafficUnit } from '../words/traffic.js';
import { Bars } from './bars.js';
import { Empty } from './states.js';

const HEIGHT = 220;

const mean = (values: readonly number[]): number =>
  values.length === 0 ? 0 : values.reduce((sum, value) => sum + value, 0) / values.length;

export function TrafficChart({
  traffic,
  unit,
  empty,
}: {
  readonly traffic: Traffic;
  readonly unit: TrafficUnit;
  readonly empty: string;
}) {
  const { times: words } = useWorkplace();
  const [point, setPoint] = useState<number | null>(null);
  const format = unit === 'bits' ? formatBitRate : formatPacketRate;
  const tick = useMemo(
    () =>
      unit === 'bits'
        ? formatBitRate
        : (value: number) => `${value < 10 ? Number(value.toPrecision(2)) : formatCount(value)}/s`,
    [unit],
  );
  if (traffic.series.length === 0) return <Empty title={empty} />;
  const at = point === null ? undefined : traffic.times[point];
  const when = at === undefined ? 'mean' : words.time(new Date(at * 1000).toISOString());
  const label = `Traffic over time, mean ${traffic.series.map(({ name, values }) => `${name} ${format(mean(values))}`).join(', ')}`;
  return (
    <>
      <Bars
        label={label}
        times={traffic.times}
        bucketSeconds={traffic.bucketSeconds}
        series={traffic.series}
        format={tick}
        height={HEIGHT}
        onPoint={setPoint}
      />
      <ul class="legend" aria-label={`Rates, ${when}`}>
        <li class="when">{when}</li>
        {traffic.series.map(({ name, color, values }) => (
          <li key={name}>
            <span class="swatch" style={{ background: `var(${color})` }} />
            {name} <b>{format((point === null ? mean(values) : values[point]) ?? 0)}</b>
          </li>
        ))}
        <li class="hint brush-hint">drag over the chart to look at that time</li>
      </ul>
    </>
  );
}
