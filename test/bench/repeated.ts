/** Repeated measurements of one figure. */
import { median } from './statistics.js';

/** The median of several runs, with the runs. */
export async function repeated(
  times: number,
  measure: () => number | Promise<number>,
): Promise<{ readonly value: number; readonly runs: readonly number[] }> {
  const runs: number[] = [];
  for (let run = 0; run < times; run++) {
    globalThis.gc?.();
    runs.push(await measure());
  }
  return { value: median(runs), runs };
}
