import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { isoMicros, normaliseTime, resolveTimeRange } from '../../../api/queries/time-range.js';

describe('normaliseTime', () => {
  test.each([
    ['2026-01-02T03:04:05Z', '2026-01-02T03:04:05.000000Z'],
    ['2026-01-02T03:04:05.678901Z', '2026-01-02T03:04:05.678901Z'],
    ['2026-01-02T03:04:05.6789019Z', '2026-01-02T03:04:05.678901Z'],
    ['2026-01-02 03:04:05z', '2026-01-02T03:04:05.000000Z'],
    ['2026-01-02T03:04Z', '2026-01-02T03:04:00.000000Z'],
    ['2026-01-02', '2026-01-02T00:00:00.000000Z'],
    ['2026-01-02T03:04:05.5+02:00', '2026-01-02T01:04:05.500000Z'],
    ['2026-01-02T03:04:05-0530', '2026-01-02T08:34:05.000000Z'],
    // A plus that was not escaped in a query string.
    ['2026-01-02T03:04:05 02:00', '2026-01-02T01:04:05.000000Z'],
    ['1969-12-31T23:59:59Z', '1969-12-31T23:59:59.000000Z'],
    ['2024-02-29', '2024-02-29T00:00:00.000000Z'],
  ])('%s', (text, expected) => {
    expect(normaliseTime(text)).toBe(expected);
  });

  test.each([
    '',
    'now',
    '2026-01-02T03:04:05',
    '2026-13-01',
    '2026-02-29',
    '2026-01-02T25:00:00Z',
    '1767323045',
    '20260102',
    '2026-01-02T03:04:05+99:00',
    '0000-01-01',
    '0000-12-31T23:59:59Z',
    // Their zones move them out of the years of four digits.
    '0001-01-01T00:00:00+01:00',
    '9999-12-31T23:59:59-01:00',
  ])('refuses "%s"', (text) => {
    expect(normaliseTime(text)).toBeNull();
  });

  test('any instant comes back as itself, in any zone', () => {
    fc.assert(
      fc.property(
        fc.date({ min: new Date(0), max: new Date('2200-01-01'), noInvalidDate: true }),
        fc.integer({ min: -12 * 60, max: 14 * 60 }),
        (date, minutes) => {
          const shifted = new Date(date.getTime() + minutes * 60_000).toISOString().slice(0, -1);
          const sign = minutes < 0 ? '-' : '+';
          const pad = (value: number): string => String(Math.floor(Math.abs(value))).padStart(2, '0');
          expect(normaliseTime(`${shifted}${sign}${pad(Math.trunc(minutes / 60))}:${pad(minutes % 60)}`)).toBe(
            isoMicros(date.getTime()),
          );
        },
      ),
    );
  });
});

test('hours reach back from now and leave the end open', () => {
  const now = Date.parse('2026-01-02T12:00:00Z');
  expect(resolveTimeRange({ hours: 1.5 }, now)).toEqual({ from: '2026-01-02T10:30:00.000000Z', to: null });
  expect(resolveTimeRange({}, now)).toEqual({ from: null, to: null });
});
