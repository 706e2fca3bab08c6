/** Pauses between attempts: doubled each time, with jitter, so that many processes do not come back at once. */
import { setTimeout as sleep } from 'node:timers/promises';

export class GrowingDelay {
  private delayMs: number;

  /** @param stableAfterMs what lasted this long failed for another reason than the time before: the first pause follows. */
  constructor(
    private readonly firstMs: number,
    private readonly longestMs: number,
    private readonly stableAfterMs = Number.POSITIVE_INFINITY,
  ) {
    this.delayMs = firstMs;
  }

  /**
   * The next pause, milliseconds: three to five quarters of what it has grown to.
   *
   * @param lastedMs how long that went well which has failed now.
   */
  next(lastedMs = 0): number {
    if (lastedMs > this.stableAfterMs) this.reset();
    const pause = this.delayMs * (0.75 + Math.random() / 2);
    this.delayMs = Math.min(2 * this.delayMs, this.longestMs);
    return pause;
  }

  /** Waits for the next pause; not to its end when the signal aborts. */
  async wait(signal?: AbortSignal): Promise<void> {
    await pause(this.next(), signal);
  }

  reset(): void {
    this.delayMs = this.firstMs;
  }
}

/** Resolves after so many milliseconds, or when the signal aborts. */
export async function pause(milliseconds: number, signal?: AbortSignal): Promise<void> {
  await sleep(milliseconds, undefined, signal ? { signal } : {}).catch(() => undefined);
}
