/** Timestamps of capture files to µs since 1970-01-01 UTC, as doubles. */

/** Times before 1970 or beyond the year 2255, where a double no longer holds every µs, are those of a broken clock. */
export function plausibleTime(microseconds: number): number {
  if (microseconds < 0) return 0;
  return Math.min(microseconds, Number.MAX_SAFE_INTEGER);
}

/** The clock of a pcapng interface: `if_tsresol` and `if_tsoffset`. */
export class InterfaceClock {
  readonly resolution: string;
  private readonly offsetMicroseconds: number;
  /** Ticks a second, when they are neither micro- nor nanoseconds; those two are computed without BigInt. */
  private readonly ticksPerSecond: bigint;
  private readonly kind: 'microseconds' | 'nanoseconds' | 'other';

  /**
   * @param resolution the byte of `if_tsresol`: n for 10⁻ⁿ s, 0x80 | n for 2⁻ⁿ s
   * @param offsetSeconds added to every timestamp
   */
  constructor(resolution: number, offsetSeconds: number) {
    const exponent = resolution & 0x7f;
    const base = (resolution & 0x80) !== 0 ? 2 : 10;
    this.resolution = `${base}^-${exponent} s`;
    this.offsetMicroseconds = offsetSeconds * 1e6;
    this.ticksPerSecond = BigInt(base) ** BigInt(exponent);
    this.kind = resolution === 6 ? 'microseconds' : resolution === 9 ? 'nanoseconds' : 'other';
  }

  /** @param high @param low the two halves of the timestamp in ticks */
  microseconds(high: number, low: number): number {
    return plausibleTime(this.sinceOffset(high, low) + this.offsetMicroseconds);
  }

  private sinceOffset(high: number, low: number): number {
    switch (this.kind) {
      case 'microseconds':
        return high * 0x100000000 + low;
      case 'nanoseconds':
        // 2³² = 4294967 · 1000 + 296: the division stays exact although the nanoseconds exceed 2⁵³.
        return high * 4294967 + Math.floor((high * 296 + low) / 1000);
      default:
        return Number((((BigInt(high) << 32n) | BigInt(low)) * 1_000_000n) / this.ticksPerSecond);
    }
  }
}
