import fc from 'fast-check';
import { expect, test } from 'vitest';
import { formatPostgresTime } from '../../../api/pool.js';
import { decodeCursor, encodeCursor } from '../../../api/queries/cursor.js';

test('a cursor comes back as what it was made of', () => {
  fc.assert(
    fc.property(fc.string(), fc.string(), (time, id) => {
      expect(decodeCursor(encodeCursor([time, id]), ['string', 'string'])).toEqual([time, id]);
    }),
  );
});

test('anything else is null, never an error', () => {
  fc.assert(
    fc.property(fc.string(), (text) => {
      const position = decodeCursor(text, ['string', 'string']);
      expect(position === null || position.length === 2).toBe(true);
    }),
  );
  expect(decodeCursor(encodeCursor(['a', 1]), ['string', 'string'])).toBeNull();
  expect(decodeCursor(encodeCursor(['a']), ['string', 'string'])).toBeNull();
});

test.each([
  ['2026-01-02 03:04:05+00', '2026-01-02T03:04:05.000000Z'],
  ['2026-01-02 03:04:05.6789+00', '2026-01-02T03:04:05.678900Z'],
  ['infinity', 'infinity'],
])('formatPostgresTime("%s")', (text, expected) => {
  expect(formatPostgresTime(text)).toBe(expected);
});
