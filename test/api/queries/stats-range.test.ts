import fc from 'fast-check';
import { expect, test } from 'vitest';
import { bucketSeconds, segmentsOf, wholeMinutes } from '../../../api/queries/stats-range.js';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

/** Ranges of up to 100 hours, in whole minutes. */
const range = fc
  .tuple(fc.integer({ min: 0, max: 50_000_000 }), fc.integer({ min: 1, max: 6000 }))
  .map(([start, minutes]) => ({ start: start * MINUTE, end: (start + minutes) * MINUTE }));

test('segments cover every minute of the range exactly once, hours only where they are whole', () => {
  fc.assert(
    fc.property(range, (wanted) => {
      const segments = segmentsOf(wanted);
      expect(segments[0]!.start).toBe(wanted.start);
      expect(segments.at(-1)!.end).toBe(wanted.end);
      for (const [index, { start, end, resolution }] of segments.entries()) {
        expect(start).toBeLessThan(end);
        if (index > 0) expect(start).toBe(segments[index - 1]!.end);
        if (resolution === 60) expect([start % HOUR, end % HOUR]).toEqual([0, 0]);
        else expect(end - start).toBeLessThan(2 * HOUR);
      }
    }),
  );
});

test('a chart has at most as many buckets as asked for, and hourly rows fall into one bucket each', () => {
  fc.assert(
    fc.property(range, fc.integer({ min: 1, max: 1000 }), (wanted, buckets) => {
      const seconds = bucketSeconds(wanted, buckets);
      expect((wanted.end - wanted.start) / 1000 / seconds).toBeLessThanOrEqual(buckets);
      expect(seconds >= 3600 ? seconds % 3600 : 3600 % seconds).toBe(0);
    }),
  );
});

test('wholeMinutes touches what the range touches', () => {
  expect(wholeMinutes({ start: 59_999, end: 60_001 })).toEqual({ start: 0, end: 120_000 });
  expect(wholeMinutes({ start: 60_000, end: 120_000 })).toEqual({ start: 60_000, end: 120_000 });
});
