/** Which segments are found for a filter, however common it is, over more of them than one look takes. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { SegmentSearch } from '../../../api/queries/segment-search.js';
import type { Condition } from '../../../schemas/tables/sql-values.js';
import { type ApiFixture, createApiFixture } from '../api-fixture.js';

const SEGMENTS = 12_000;
const START = Date.parse('2026-03-01T12:00:00Z') * 1000;
/** Two thousand segments in a row end at the same time. */
const END_OF_MANY = START + 5_000_000;

let api: ApiFixture;
beforeAll(async () => {
  api = await createApiFixture();
  // Of port 1 is every segment, of port 2 every second, of port 30 every thirtieth and so on.
  await api.pool.query(
    `INSERT INTO packet_segments
     SELECT first_at, first_at + interval '3 seconds', number, 1, 1, 60, '{}', '{}', '{}',
       ARRAY(SELECT every FROM unnest(ARRAY[1, 2, 30, 700, 11000]) AS every WHERE number % every = 0), '{}', '{}', '{}',
       '{0}', '{0}', '{0}', '{0}', '{0}', '{0}', '{60}', '{0}', '{0}'
     FROM generate_series(1, ${SEGMENTS}) AS number, LATERAL (
       SELECT timestamptz '2026-03-01T12:00:00Z' + interval '1 millisecond'
         * CASE WHEN number BETWEEN 2000 AND 4000 THEN 2000 ELSE number END AS first_at
     ) AS times`,
  );
  await api.pool.query('ANALYZE packet_segments');
});
afterAll(() => api.remove());

const portKey =
  (port: number): Condition =>
  (parameters) =>
    `destination_ports && ${parameters.add([port], 'integer[]')}`;

async function idsOf(port: number, from: number, to: number): Promise<number[]> {
  const { rows } = await api.pool.query<{ id: number }>(
    `SELECT first_id AS id FROM packet_segments
     WHERE first_id % $1 = 0 AND extract(epoch FROM first_at) * 1000000 < $3 AND extract(epoch FROM last_at) * 1000000 >= $2`,
    [port, from, to],
  );
  return rows.map(({ id }) => Number(id)).sort((a, b) => a - b);
}

describe.each([1, 2, 30, 700, 11_000, 13_000])('of one in %i', (port) => {
  test.each([
    ['any time', Number.NEGATIVE_INFINITY, Infinity],
    ['a range that cuts three thousand', START, START + 8_000_000],
    ['a range behind those that end together', START, END_OF_MANY + 1],
    ['a range of few', START + 10_000_000, START + 10_010_000],
  ])('%s', async (_, from, to) => {
    const search = new SegmentSearch(api.pool, port === 1 ? null : portKey(port), { from, to });
    const found: number[] = [];
    for (let looks = 0; search.knownFrom > from; looks++) {
      expect(looks).toBeLessThan(20);
      await search.more();
      // What is known is known whole.
      const known = search.found.filter(({ last }) => last >= search.knownFrom).map(({ id }) => Number(id));
      expect(known.sort((a, b) => a - b)).toEqual(
        await idsOf(port, Math.max(from, search.knownFrom, START), Math.min(to, START + 1e9)),
      );
      if (search.knownFrom === Number.NEGATIVE_INFINITY) found.push(...known);
    }
    if (Number.isFinite(search.knownFrom)) found.push(...search.found.map(({ id }) => Number(id)));
    expect(found.sort((a, b) => a - b)).toEqual(await idsOf(port, Math.max(from, START), Math.min(to, START + 1e9)));
  });
});
