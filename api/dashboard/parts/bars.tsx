/** Amounts over time as stacked bars, a bar a bucket; a span that is drawn over becomes the time of the page. */
import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import uPlot from 'uplot';
import { rangeParameters } from '../data/scope.js';
import { useWorkplace } from '../data/workplace.js';
import type { Zone } from '../words/times.js';

export interface Series {
  readonly name: string;
  /** A custom property of the style sheet: "--series-1". */
  readonly color: string;
  /** One a bucket. */
  readonly values: readonly number[];
}

export interface BarsProperties {
  /** What it shows, for who does not see it. */
  readonly label: string;
  /** Starts of the buckets, seconds since the epoch. */
  readonly times: readonly number[];
  readonly bucketSeconds: number;
  /** The first stands at the bottom. */
  readonly series: readonly Series[];
  readonly format: (value: number) => string;
  readonly height: number;
  readonly onPoint: (index: number | null) => void;
}

/** What a canvas can draw with, which knows no custom properties. */
function resolved(property: string): string {
  const probe = document.createElement('span');
  probe.className = 'color-probe';
  probe.style.setProperty('color', `var(${property})`);
  document.body.append(probe);
  const { color } = getComputedStyle(probe);
  probe.remove();
  return color;
}

/** Series i shows the sum of itself and all below it; the highest is drawn first and the lower ones over it. */
function stacked(series: readonly Series[], buckets: number): number[][] {
  const sums = new Array<number>(buckets).fill(0);
  return series.map(({ values }) => {
    for (let at = 0; at < buckets; at++) sums[at]! += values[at] ?? 0;
    return [...sums];
  });
}

const LOW_PX = 140;
const AXIS_VALUES: uPlot.Axis.Values = [
  [86_400 * 365, '{YYYY}', null, null, null, null, null, null, 1],
  [86_400 * 28, '{MMM}', '\n{YYYY}', null, null, null, null, null, 1],
  [86_400, '{D} {MMM}', '\n{YYYY}', null, null, null, null, null, 1],
  [60, '{HH}:{mm}', '\n{D} {MMM} {YYYY}', null, '\n{D} {MMM}', null, null, null, 1],
  [1, '{HH}:{mm}:{ss}', '\n{D} {MMM} {YYYY}', null, '\n{D} {MMM}', null, null, null, 1],
];

interface Handlers {
  readonly onPoint: (index: number | null) => void;
  readonly onBrush: (from: number, to: number) => void;
}

function optionsFor(
  { series, bucketSeconds, format, height }: BarsProperties,
  width: number,
  zone: Zone,
  handlers: { readonly current: Handlers },
): uPlot.Options {
  const axis = {
    stroke: resolved('--muted'),
    grid: { stroke: resolved('--line'), width: 1 },
    ticks: { show: false },
    font: '12px system-ui, sans-serif',
  };
  return {
    width,
    height,
    legend: { show: false },
    padding: [10, 30, 0, 0],
    tzDate: (seconds) =>
      zone === 'utc' ? uPlot.tzDate(new Date(seconds * 1000), 'Etc/UTC') : new Date(seconds * 1000),
    cursor: { y: false, drag: { x: true, y: false, setScale: false }, points: { show: false } },
    scales: {
      // A bar stands to the right of its time: the latest needs a bucket of room.
      x: { time: true, range: (_, min, max) => [min, max + bucketSeconds] },
      y: { range: (_, __, max) => [0, max > 0 ? max * 1.08 : 1] },
    },
    axes: [
      { ...axis, space: 70, values: AXIS_VALUES },
      // A low chart has room for two numbers all the same.
      { ...axis, size: 74, space: height < LOW_PX ? 16 : 30, values: (_, splits) => splits.map(format) },
    ],
    series: [
      {},
      ...series.toReversed().map(({ name, color }) => ({
        label: name,
        fill: resolved(color),
        width: 0,
        points: { show: false },
        paths: (uPlot.paths.bars as uPlot.Series.BarsPathBuilderFactory)({
          size: [1, Number.POSITIVE_INFINITY, 1],
          align: 1,
          gap: 1,
        }),
      })),
    ],
    hooks: {
      setCursor: [(plot) => handlers.current.onPoint(plot.cursor.idx ?? null)],
      setSelect: [
        (plot) => {
          const { left, width: selected } = plot.select;
          if (selected > 3) handlers.current.onBrush(plot.posToVal(left, 'x'), plot.posToVal(left + selected, 'x'));
          plot.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
        },
      ],
    },
  };
}

/** Redrawn where the scheme of colours changes. */
function useScheme(): string {
  const [scheme, setScheme] = useState('');
  useEffect(() => {
    const queries = ['(prefers-color-scheme: dark)', '(forced-colors: active)'].map((query) => matchMedia(query));
    const follow = (): void => setScheme(queries.map(({ matches }) => matches).join());
    for (const query of queries) query.addEventListener('change', follow);
    follow();
    return () => {
      for (const query of queries) query.removeEventListener('change', follow);
    };
  }, []);
  return scheme;
}

export function Bars(properties: BarsProperties) {
  const { label, times, bucketSeconds, series, height, onPoint } = properties;
  const { address, preferences } = useWorkplace();
  const container = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const scheme = useScheme();
  const handlers = useRef<Handlers>({ onPoint, onBrush: () => undefined });
  handlers.current = {
    onPoint,
    onBrush: (from, to) => {
      const iso = (seconds: number): string => new Date(Math.floor(seconds) * 1000).toISOString();
      address.change(rangeParameters({ kind: 'between', from: iso(from), to: iso(Math.max(to, from + 1)) }));
    },
  };
  const data = useMemo(
    () => [[...times], ...stacked(series, times.length).toReversed()] as uPlot.AlignedData,
    [times, series],
  );
  const shape = `${series.map(({ name, color }) => name + color).join()} ${bucketSeconds} ${scheme} ${preferences.zone} ${preferences.theme}`;

  // Another shape needs another plot; other data alone does not.
  useEffect(() => {
    const box = container.current;
    if (box === null) return;
    const width = (): number => Math.max(200, box.clientWidth);
    const made = new uPlot(optionsFor(properties, width(), preferences.zone, handlers), data, box);
    plot.current = made;
    const resize = new ResizeObserver(() => made.setSize({ width: width(), height }));
    resize.observe(box);
    return () => {
      resize.disconnect();
      made.destroy();
      plot.current = null;
    };
  }, [shape, height]);
  useEffect(() => plot.current?.setData(data), [data]);

  return <div ref={container} class="chart" role="img" aria-label={label} />;
}
