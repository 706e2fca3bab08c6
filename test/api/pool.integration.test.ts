/** Statements that a connection keeps. */
import type pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createApiPool, KEPT_MAX, query, queryKept } from '../../api/pool.js';
import { type ApiFixture, createApiFixture } from './api-fixture.js';

let api: ApiFixture;
let pool: pg.Pool;
beforeAll(async () => {
  api = await createApiFixture();
  pool = createApiPool({ ...api.database.settings, dbMaxConn: 1 }, 10_000, () => undefined);
});
afterAll(async () => {
  await pool.end();
  await api.remove();
});

test('are parsed once whatever their values, and are not without number', async () => {
  const answers: number[] = [];
  for (let round = 0; round < 3; round++) {
    for (let shape = 0; shape < 40; shape++) {
      const text = `SELECT $1::integer + ${shape} AS sum`;
      const { rows } = await queryKept<{ sum: number }>(pool, { text, values: [100 * round] });
      answers.push(rows[0]!.sum);
    }
  }
  expect(answers).toEqual([0, 100, 200].flatMap((from) => Array.from({ length: 40 }, (_, shape) => from + shape)));
  const { rows } = await query<{ statement: string }>(
    pool,
    'SELECT statement FROM pg_prepared_statements ORDER BY name',
  );
  expect(rows.length).toBe(KEPT_MAX);
  expect(new Set(rows.map(({ statement }) => statement)).size).toBe(KEPT_MAX);
});
