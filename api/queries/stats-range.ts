/**
 * Which rollup rows make up a range. Rollups exist by the minute and by the hour (`traffic_totals.resolution`): whole
 * hours are read from the hours, what sticks out on either side from the minutes, so that a week costs little more rows
 * than a day.
 */
import { LAST_MINUTE_MS } from './time-range.js';

const MINUTE_MS = 60_000;
const HOUR_MS = 3_600_000;

/** Milliseconds since the epoch, start inclusive, end exclusive. */
export interface Interval {
  readonly start: number;
  readonly end: number;
}

export interface Segment extends Interval {
  /** Minutes of a bucket. */
  readonly resolution: 1 | 60;
}

/** The whole minutes that a range touches. */
export function wholeMinutes({ start, end }: Interval): Interval {
  // The end of the last minute of all would be in a year of five digits, which no text of a time has.
  const last = Math.min(Math.ceil(end / MINUTE_MS) * MINUTE_MS, LAST_MINUTE_MS);
  return { start: Math.min(Math.floor(start / MINUTE_MS) * MINUTE_MS, last), end: last };
}

/** @param range in whole minutes. Every minute of it is in exactly one segment. */
export function segmentsOf({ start, end }: Interval): Segment[] {
  const firstHour = Math.ceil(start / HOUR_MS) * HOUR_MS;
  const lastHour = Math.floor(end / HOUR_MS) * HOUR_MS;
  if (firstHour >= lastHour) return [{ resolution: 1, start, end }];
  const segments: Segment[] = [
    { resolution: 1, start, end: firstHour },
    { resolution: 60, start: firstHour, end: lastHour },
    { resolution: 1, start: lastHour, end },
  ];
  return segments.filter((segment) => segment.start < segment.end);
}

/** How far back there are seconds, and how long a step may be asked for then. */
export const SECONDS_BACK_MS = HOUR_MS;
export const STEP_MAX = 86_400;
/** Most points that a step may make. */
export const POINTS_MAX = 3_700;

/**
 * What is wrong with a step for a range, or null.
 *
 * @param step seconds
 * @param range in whole minutes
 */
export function stepProblem(step: number, range: Interval, now: number): string | null {
  if (60 % step !== 0 && step % 60 !== 0) return 'must divide a minute, or be of whole minutes';
  if (step > 60 && 86_400 % step !== 0) return 'must divide a day';
  if (step < 60 && range.start < now - SECONDS_BACK_MS - MINUTE_MS) {
    return 'of less than 60 is for the last hour, which from or hours must not begin before';
  }
  const points = Math.ceil((range.end - range.start) / 1000 / step);
  return points > POINTS_MAX ? `makes ${points} points; at most ${POINTS_MAX} are given` : null;
}

/** Widths of a chart's buckets, seconds; all divide or are multiples of an hour, so that hourly rows fall into one bucket. */
const BUCKET_SECONDS = [60, 120, 300, 600, 900, 1800, 3600, 7200, 10_800, 21_600, 43_200, 86_400];

/** The narrowest width that needs at most `buckets` of them. */
export function bucketSeconds({ start, end }: Interval, buckets: number): number {
  const seconds = (end - start) / 1000;
  const width = BUCKET_SECONDS.find((candidate) => seconds / candidate <= buckets);
  return width ?? Math.ceil(seconds / buckets / 86_400) * 86_400;
}
