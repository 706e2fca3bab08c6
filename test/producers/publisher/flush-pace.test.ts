import { expect, it } from 'vitest';
import {
  FLUSH_INTERVAL_MAX_MS,
  FLUSH_INTERVAL_MIN_MS,
  nextFlushInterval,
} from '../../../producers/publisher/flush-pace.js';

function after(intervals: number, start: number, utilization: number): number {
  let interval = start;
  for (let i = 0; i < intervals; i++) interval = nextFlushInterval(interval, utilization);
  return interval;
}

it('gathers longer while the process is busy, up to a bound', () => {
  expect(after(1, FLUSH_INTERVAL_MIN_MS, 0.95)).toBeGreaterThan(FLUSH_INTERVAL_MIN_MS);
  expect(after(50, FLUSH_INTERVAL_MIN_MS, 1)).toBe(FLUSH_INTERVAL_MAX_MS);
});

it('comes back to the shortest interval when there is time to spare', () => {
  expect(after(50, FLUSH_INTERVAL_MAX_MS, 0.1)).toBe(FLUSH_INTERVAL_MIN_MS);
});

it('stays where the load is neither', () => {
  expect(after(50, 100, 0.65)).toBe(100);
});
