/** Seeded pseudo-random numbers: the same seed gives the same traffic on every machine. */

/** sfc32 (Chris Doty-Humphrey, PractRand), a small fast generator of good quality. */
export class Random {
  private a: number;
  private b: number;
  private c: number;
  private counter = 1;

  constructor(seed: number) {
    this.a = seed | 0;
    this.b = 0x9e3779b9 | 0;
    this.c = (seed ^ 0x5851f42d) | 0;
    for (let i = 0; i < 12; i++) this.uint32();
  }

  /** 0 … 2³² − 1. */
  uint32(): number {
    const sum = (this.a + this.b + this.counter) | 0;
    this.counter = (this.counter + 1) | 0;
    this.a = this.b ^ (this.b >>> 9);
    this.b = (this.c + (this.c << 3)) | 0;
    this.c = (((this.c << 21) | (this.c >>> 11)) + sum) | 0;
    return sum >>> 0;
  }

  /** 0 ≤ value < 1. */
  unit(): number {
    return this.uint32() / 0x100000000;
  }

  /** An integer, 0 ≤ value < limit; limit at most 2³². */
  below(limit: number): number {
    return Math.floor(this.unit() * limit);
  }

  /** An integer, low ≤ value ≤ high. */
  between(low: number, high: number): number {
    return low + this.below(high - low + 1);
  }

  /** Index 0 … count − 1, where index i comes about 1/(i + 1) as often as index 0 (Zipf's law, exponent 1). */
  zipf(count: number): number {
    return Math.min(count - 1, Math.floor((count + 1) ** this.unit()) - 1);
  }

  /** A waiting time with the given mean, never below 1: packets of independent origin arrive like this. */
  exponential(mean: number): number {
    return Math.max(1, Math.round(-Math.log(1 - this.unit()) * mean));
  }

  pick<Item>(items: readonly Item[]): Item {
    return items[this.below(items.length)]!;
  }
}
