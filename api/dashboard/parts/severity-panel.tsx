/** Alerts over time by severity, over what they cover, with what each colour is. */
import { useMemo } from 'preact/hooks';
import type { AlertHistogram } from '../../routes/alert-histogram.js';
import { SEVERITIES } from '../words/alerts.js';
import { formatCount } from '../words/numbers.js';
import { Bars } from './bars.js';

const ignore = (): void => undefined;
const tick = (value: number): string => (Number.isInteger(value) ? formatCount(value) : '');

export function SeverityChart({ histogram, height }: { readonly histogram: AlertHistogram; readonly height: number }) {
  const { series, bucket_seconds: seconds } = histogram;
  const shown = useMemo(() => {
    const starts = series.map(({ time }) => Date.parse(time) / 1000);
    const from = Math.floor(Math.min(...starts) / seconds) * seconds;
    const to = Math.max(...starts.map((start) => start + seconds));
    const times: number[] = [];
    for (let time = from; time < to && times.length < 2000; time += seconds) times.push(time);
    if (times.length === 1) times.push(times[0]! + seconds);
    return {
      times,
      series: SEVERITIES.map(({ value, name }) => {
        const counts = new Map(
          series
            .filter(({ severity }) => severity === value)
            .map(({ time, alerts }) => [Date.parse(time) / 1000, alerts] as const),
        );
        return { name, color: `--severity-${value}`, values: times.map((time) => counts.get(time) ?? 0) };
      }),
    };
  }, [series, seconds]);
  const sums = SEVERITIES.map(({ value, name }) => ({
    value,
    name,
    sum: series.filter(({ severity }) => severity === value).reduce((all, { alerts }) => all + alerts, 0),
  }));
  return (
    <>
      <Bars
        label={`Alerts over time: ${sums.map(({ name, sum }) => `${sum} ${name}`).join(', ')}`}
        times={shown.times}
        bucketSeconds={seconds}
        series={shown.series}
        format={tick}
        height={height}
        onPoint={ignore}
      />
      <ul class="legend" aria-label="Alerts by severity">
        {sums.map(({ value, name, sum }) => (
          <li key={value}>
            <span class={`swatch severity-${value}`} />
            {name} <b>{formatCount(sum)}</b>
          </li>
        ))}
      </ul>
    </>
  );
}
