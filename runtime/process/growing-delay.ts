/** Pauses between attempts: doubled each time, with jitter, so that many processes do not come back at once. */
export class GrowingDelay {
  private delayMs: number;

  constructor(
    private readonly firstMs: number,
    private readonly longestMs: number,
  ) {
    this.delayMs = firstMs;
  }

  /** The next pause, milliseconds: three to five quarters of what it has grown to. */
  next(): number {
    const pause = this.delayMs * (0.75 + Math.random() / 2);
    this.delayMs = Math.min(2 * this.delayMs, this.longestMs);
    return pause;
  }

  reset(): void {
    this.delayMs = this.firstMs;
  }
}
