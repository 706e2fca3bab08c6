/** When to try again after failures in a row: after growing pauses, and not before the receiver asks for it. */
import { GrowingDelay } from '../../runtime/process/growing-delay.js';

const FIRST_DELAY_MS = 500;
const LONGEST_DELAY_MS = 60_000;

export class Backoff {
  private readonly delay = new GrowingDelay(FIRST_DELAY_MS, LONGEST_DELAY_MS);
  private until = 0;
  private failingSince = 0;

  /** Milliseconds until the next attempt; 0 when it may be made now. `now` is of a monotonic clock. */
  remaining(now: number): number {
    return Math.max(0, this.until - now);
  }

  /** Milliseconds since the first of the failures in a row. */
  failingFor(now: number): number {
    return this.failingSince === 0 ? 0 : now - this.failingSince;
  }

  /** @param atLeast what the receiver asked for; null when it asked for nothing. */
  fail(now: number, atLeast: number | null): void {
    if (this.failingSince === 0) this.failingSince = now;
    this.until = now + Math.max(this.delay.next(), atLeast ?? 0);
  }

  succeed(): void {
    this.delay.reset();
    this.until = 0;
    this.failingSince = 0;
  }
}
