/**
 * How long a live node gathers packets before it makes records of them. Records cost more than packets, here and in
 * every process after it, and longer gathering makes fewer: so the busier this process is, the longer it gathers. That
 * costs a fraction of a second of delay where falling behind would cost seconds, and then packets.
 */

/** While there is time to spare, milliseconds. */
export const FLUSH_INTERVAL_MIN_MS = 50;
/** On a machine that cannot keep up, milliseconds: alerts are to be there half a second after their packets. */
export const FLUSH_INTERVAL_MAX_MS = 250;
const STEP = 1.5;
/** Share of time in which the event loop is busy, by which the interval gets longer or shorter. */
const BUSY = 0.8;
const AT_EASE = 0.5;

/** The interval after one of `interval` milliseconds, of which the share `utilization` (0 to 1) was busy. */
export function nextFlushInterval(interval: number, utilization: number): number {
  if (utilization > BUSY) return Math.min(interval * STEP, FLUSH_INTERVAL_MAX_MS);
  if (utilization < AT_EASE) return Math.max(interval / STEP, FLUSH_INTERVAL_MIN_MS);
  return interval;
}
