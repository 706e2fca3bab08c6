/** Traffic over time as the chart draws it: from the rollups, or where a search is in force from sums of conversations. Pure. */
import type { ConversationGroups } from '../../routes/conversations.js';
import type { Stats } from '../../routes/stats.js';

export type TrafficUnit = 'bits' | 'packets';

export interface TrafficSeries {
  readonly name: string;
  readonly color: string;
  /** A second, by bucket. */
  readonly values: readonly number[];
}

export interface Traffic {
  readonly times: readonly number[];
  readonly bucketSeconds: number;
  readonly series: readonly TrafficSeries[];
}

interface Point {
  readonly time: string;
  readonly protocols: Readonly<Record<string, { readonly packets: number; readonly bytes: number }>>;
}

const NAMED = 6;
const BUCKETS_MAX = 2_000;

/** The colour of a protocol, by its place among the busiest. */
export function seriesColor(name: string, order: readonly string[]): string {
  const index = order.indexOf(name);
  return name === 'other' || index < 0 || index >= NAMED ? '--series-other' : `--series-${index + 1}`;
}

function bucketsOf(from: number, to: number, seconds: number): number[] {
  const times: number[] = [];
  for (let time = Math.floor(from / seconds) * seconds; time < to && times.length < BUCKETS_MAX; time += seconds) {
    times.push(time);
  }
  // A chart needs two ends to have a width.
  if (times.length === 1) times.push(times[0]! + seconds);
  return times;
}

function trafficOf(
  points: readonly Point[],
  {
    from,
    to,
    seconds,
    order,
    unit,
    now,
  }: {
    readonly from: number;
    readonly to: number;
    readonly seconds: number;
    readonly order: readonly string[];
    readonly unit: TrafficUnit;
    readonly now: number;
  },
): Traffic {
  const byTime = new Map(points.map((point) => [Math.floor(Date.parse(point.time) / 1000), point]));
  const times = bucketsOf(from, to, seconds);
  const present = new Set(points.flatMap((point) => Object.keys(point.protocols)));
  const busiest = order.filter((name) => present.has(name) && name !== 'other').slice(0, NAMED);
  const names = [...busiest, ...([...present].some((name) => !busiest.includes(name)) ? ['other'] : [])];
  const series = names.map((name) => ({
    name,
    color: seriesColor(name, order),
    values: times.map((time) => {
      const volumes = Object.entries(byTime.get(time)?.protocols ?? {}).filter(([protocol]) =>
        name === 'other' ? !busiest.includes(protocol) : protocol === name,
      );
      // The bucket that is still running has lasted less than its width.
      const lasted = Math.min(seconds, Math.max(1, now - time), to > time ? Math.max(1, to - time) : seconds);
      const amount = volumes.reduce((sum, [, { bytes, packets }]) => sum + (unit === 'bits' ? bytes * 8 : packets), 0);
      return amount / lasted;
    }),
  }));
  return { times, bucketSeconds: seconds, series };
}

export function trafficOfStats(stats: Stats, unit: TrafficUnit, now: number): Traffic {
  if (stats.from === null || stats.to === null) return { times: [], bucketSeconds: stats.bucket_seconds, series: [] };
  return trafficOf(stats.series, {
    from: Date.parse(stats.from) / 1000,
    to: Date.parse(stats.to) / 1000,
    seconds: stats.bucket_seconds,
    order: stats.protocols.map(({ protocol }) => protocol),
    unit,
    now: now / 1000,
  });
}

export type TimeUnit = 'minute' | 'hour' | 'day';
const UNIT_SECONDS: Readonly<Record<TimeUnit, number>> = { minute: 60, hour: 3600, day: 86_400 };

/** The unit that cuts a span into a chart's worth of buckets. */
export function timeUnit(spanSeconds: number): TimeUnit {
  return spanSeconds <= 6 * 3600 ? 'minute' : spanSeconds <= 14 * 86_400 ? 'hour' : 'day';
}

/** @param groups by the unit of time and by service */
export function trafficOfGroups(
  { groups }: ConversationGroups,
  time: TimeUnit,
  span: { readonly from: number; readonly to: number },
  unit: TrafficUnit,
  now: number,
): Traffic {
  const points = new Map<string, Record<string, { packets: number; bytes: number }>>();
  const sums = new Map<string, number>();
  for (const { packets, bytes, ...group } of groups) {
    const at = String(group[time]);
    const name = String(group['service']);
    const point = points.get(at) ?? {};
    point[name] = { packets, bytes };
    points.set(at, point);
    sums.set(name, (sums.get(name) ?? 0) + bytes);
  }
  const order = [...sums].sort((a, b) => b[1] - a[1]).map(([name]) => name);
  return trafficOf(
    [...points].map(([at, protocols]) => ({ time: at, protocols })),
    { ...span, seconds: UNIT_SECONDS[time], order, unit, now: now / 1000 },
  );
}
