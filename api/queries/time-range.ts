/**
 * Times of requests and answers: ISO 8601 in UTC with six fractional digits. A range is `from` (inclusive) to `to`
 * (exclusive), or `hours` back from now by the wall clock; packets of a replayed capture keep their capture times, so
 * old ones are found by `from` and `to` or by no range at all.
 */
import { z } from '@hono/zod-openapi';

const ISO_8601 = /^(\d{4}-\d{2}-\d{2})(?:[T ](\d{2}:\d{2})(?::(\d{2})(?:\.(\d{1,9}))?)?(Z|[+-]\d{2}:?\d{2}))?$/i;

const EARLIEST_MS = Date.parse('0001-01-01T00:00:00Z');
/** The last whole minute of the year 9999 begins then. */
export const LAST_MINUTE_MS = Date.parse('9999-12-31T23:59:00Z');
const LATEST_MS = LAST_MINUTE_MS + 59_999;

/**
 * "2026-01-02T03:04:05.678901Z" in the one form that Postgres gets and gives; null when it is no time. A bare date is
 * its midnight in UTC; digits past the microsecond are cut.
 */
export function normaliseTime(text: string): string | null {
  // In a query string an unescaped "+02:00" arrives as a space.
  const match = ISO_8601.exec(text.trim().replace(/ (?=\d{2}:?\d{2}$)(?<=T.*)/i, '+'));
  if (!match) return null;
  const [, date, clock = '00:00', seconds = '00', fraction = '', zone = 'Z'] = match;
  const offset = zone.toUpperCase() === 'Z' ? 'Z' : zone.replace(/^([+-]\d{2}):?(\d{2})$/, '$1:$2');
  const milliseconds = Date.parse(`${date}T${clock}:${seconds}${offset}`);
  // Date.parse takes 31 February for 3 March.
  const [year, month, day] = date!.split('-').map(Number) as [number, number, number];
  if (Number.isNaN(milliseconds) || day > new Date(Date.UTC(year, month, 0)).getUTCDate()) return null;
  // Its zone may move it into a year of another length, and Postgres has no year 0.
  if (milliseconds < EARLIEST_MS || milliseconds > LATEST_MS) return null;
  return `${new Date(milliseconds).toISOString().slice(0, 19)}.${fraction.slice(0, 6).padEnd(6, '0')}Z`;
}

export const timeSchema = z
  .string()
  .max(64)
  .transform((text, context) => {
    const time = normaliseTime(text);
    if (time === null) {
      context.addIssue({
        code: 'custom',
        message:
          'must be a time in ISO 8601 with its zone, such as 2026-01-02T03:04:05Z, or a date, of the years 0001 to 9999',
      });
      return z.NEVER;
    }
    return time;
  });

/** A time as answers carry it. */
export const timestampSchema = z.string().openapi({ format: 'date-time', example: '2026-01-02T03:04:05.678901Z' });

/** Longest relative range: ten years. */
export const HOURS_MAX = 87_600;

export const hoursSchema = z.coerce
  .number('must be a number of hours')
  .gt(0, 'must be more than 0')
  .max(HOURS_MAX, `must be at most ${HOURS_MAX}`);

/** The parameters of a range, for query strings; bodies have the same with `hours` as a number. */
export const timeRangeShape = {
  from: timeSchema.optional().openapi({
    param: { description: 'First time of the range, inclusive; ISO 8601 with its zone.' },
    example: '2026-01-02T03:04:05Z',
  }),
  to: timeSchema.optional().openapi({
    param: { description: 'End of the range, exclusive; ISO 8601 with its zone.' },
    example: '2026-01-02T04:04:05Z',
  }),
  hours: hoursSchema.optional().openapi({
    param: { description: 'Instead of from and to: this many hours back from now, by the wall clock.' },
    type: 'number',
  }),
};

export interface TimeRangeInput {
  readonly from?: string | undefined;
  readonly to?: string | undefined;
  readonly hours?: number | undefined;
}

/** Normalised times; null is unbounded. */
export interface TimeRange {
  readonly from: string | null;
  readonly to: string | null;
}

/** What is wrong with a range as a whole, for `superRefine`. */
export function refineTimeRange(range: TimeRangeInput, context: z.RefinementCtx): void {
  if (range.hours !== undefined && (range.from !== undefined || range.to !== undefined)) {
    context.addIssue({
      code: 'custom',
      path: ['hours'],
      message: 'cannot stand beside from or to; give one or the other',
    });
  }
  if (range.from !== undefined && range.to !== undefined && range.from >= range.to) {
    context.addIssue({ code: 'custom', path: ['to'], message: 'must be later than from' });
  }
}

/** @param now milliseconds since the epoch. */
export function resolveTimeRange(range: TimeRangeInput, now: number): TimeRange {
  if (range.hours !== undefined) {
    // No upper bound: a capture node whose clock is a little ahead of ours still shows its latest packets.
    return { from: isoMicros(now - range.hours * 3_600_000), to: null };
  }
  return { from: range.from ?? null, to: range.to ?? null };
}

/** µs since the epoch of a normalised time. */
export function microsOf(time: string): number {
  return Date.parse(`${time.slice(0, 19)}Z`) * 1000 + Number(time.slice(20, 26));
}

/** @param milliseconds since the epoch. */
export function isoMicros(milliseconds: number): string {
  return `${new Date(Math.max(milliseconds, 0)).toISOString().slice(0, -1)}000Z`;
}
