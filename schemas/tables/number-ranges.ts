/** Whole numbers and ranges of them as filters name them, "443" or "1000-2000", and what a column is compared with then. */
import { Refusal } from './field-values.js';
import type { SqlValues } from './sql-values.js';

export interface NumberRange {
  readonly low: number;
  readonly high: number;
}

/** @throws Refusal */
export function parseNumberRange(value: string, maximum: number): NumberRange {
  const match = /^(\d{1,15})(?:-(\d{1,15}))?$/.exec(value);
  const low = Number(match?.[1]);
  const high = Number(match?.[2] ?? match?.[1]);
  if (!match || low > high || high > maximum) {
    throw new Refusal(`"${value}" is no number from 0 to ${maximum}, and no range of them such as 1-10`);
  }
  return { low, high };
}

/**
 * What a number is then; comparing it with one takes less than with a list.
 *
 * @param type of the column in Postgres.
 */
export function rangeTests(
  ranges: readonly NumberRange[],
  sql: SqlValues,
  type: 'smallint' | 'integer' | 'bigint' = 'integer',
): string[] {
  const single = ranges.filter(({ low, high }) => low === high).map(({ low }) => low);
  const tests = ranges
    .filter(({ low, high }) => low !== high)
    .map(({ low, high }) => `BETWEEN ${sql.add(low, type)} AND ${sql.add(high, type)}`);
  if (single.length === 1) tests.push(`= ${sql.add(single[0], type)}`);
  else if (single.length > 1) tests.push(`= ANY(${sql.add(single, `${type}[]`)})`);
  return tests;
}
