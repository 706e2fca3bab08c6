/**
 * How much a key ordinarily holds within a window: what a busy server or a resolver gets day by day is no flood, though it would be
 * one of another host. Learned by event time, a window at a time: the mean of the most that each window held, over all
 * windows at first and over the last `MEMORY` later on, idle ones included. A window teaches what was asked for at most, so
 * that a flood becomes ordinary late if at all, and what is asked for has a bound, so that nobody can teach it any rate.
 *
 * Only of keys that have come near the threshold anything is learned, and it is forgotten when they are far from it again: a
 * state that has learned is kept in the changelog, and of all others there is nothing to be kept.
 */

/** Windows that the mean remembers, and those that have to be known before it counts. */
const MEMORY = 360;
const KNOWN_FROM = 30;
/** Parts of the threshold: where learning begins, and where it is forgotten. */
const BEGIN = 0.1;
const FORGET = 0.01;
/** The option of detectors that ask for so many times the usual. */
export const TIMES_USUAL = {
  kind: 'integer',
  default: 4,
  minimum: 1,
  maximum: 100,
  help: `times as much as the target ordinarily gets is asked for, where that is more than the threshold; learned over the last ${MEMORY} windows`,
} as const;

/** So many thresholds are asked for at most. */
const REQUIRED_MAX = 20;

/** Number of the window at hand, the most it held, the mean, and windows known, the one at hand among them. */
export type SavedUsualRate = readonly [number, number, number, number];

export class UsualRate {
  private window = 0;
  private most = 0;
  private mean = 0;
  private windows = 0;

  constructor(
    private readonly windowMicros: number,
    private readonly threshold: number,
    /** How many times the usual is asked for. */
    private readonly times: number,
  ) {}

  /** What a window has to hold to be full: the threshold, or more where more is usual. */
  get required(): number {
    if (this.windows <= KNOWN_FROM) return this.threshold;
    return Math.min(Math.max(this.threshold, this.times * this.mean), REQUIRED_MAX * this.threshold);
  }

  /** Takes note of what the window holds now and gives it back when that is more than is usual, else 0. */
  measure(time: number, value: number): number {
    const window = Math.floor(time / this.windowMicros);
    if (this.windows === 0) {
      if (value >= BEGIN * this.threshold) this.begin(window);
    } else if (window > this.window) this.close(window);
    const { required } = this;
    if (this.windows > 0 && window === this.window) this.most = Math.max(this.most, Math.min(value, required));
    return value >= required ? value : 0;
  }

  /** Whether there is anything to be kept. */
  get hasLearned(): boolean {
    return this.windows > 0;
  }

  save(): SavedUsualRate {
    return [this.window, this.most, this.mean, this.windows];
  }

  restore([window, most, mean, windows]: SavedUsualRate): this {
    this.window = window;
    this.most = most;
    this.mean = mean;
    this.windows = windows;
    return this;
  }

  private begin(window: number): void {
    this.window = window;
    this.most = 0;
    this.mean = 0;
    this.windows = 1;
  }

  /** Learns of the window that ends, and of idle ones up to `next`. */
  private close(next: number): void {
    const learned = this.windows;
    const idle = next - this.window - 1;
    this.mean += (this.most - this.mean) / Math.min(learned, MEMORY);
    this.mean *= learned + idle <= MEMORY ? learned / (learned + idle) : (1 - 1 / MEMORY) ** idle;
    this.windows += 1 + idle;
    this.window = next;
    this.most = 0;
    if (this.mean < FORGET * this.threshold) this.windows = 0;
  }
}
