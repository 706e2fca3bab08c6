/** Statistics of repeated measurements. */

/**
 * The value that a share `q` of the samples does not exceed (nearest rank), so that it is always a value that was measured.
 *
 * @throws RangeError without samples, since there is no honest answer.
 */
export function quantile(samples: readonly number[], q: number): number {
  if (samples.length === 0) throw new RangeError('no samples');
  const sorted = Float64Array.from(samples).sort();
  return sorted[Math.max(0, Math.ceil(q * sorted.length) - 1)]!;
}

/** The middle value; of an even number of samples the mean of the two in the middle. */
export function median(samples: readonly number[]): number {
  if (samples.length === 0) throw new RangeError('no samples');
  const sorted = Float64Array.from(samples).sort();
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/** (largest − smallest) / median: how far apart the runs were. */
export function spread(samples: readonly number[]): number {
  const middle = median(samples);
  return middle === 0 ? 0 : (Math.max(...samples) - Math.min(...samples)) / middle;
}

/** A cumulative count at a time. */
export interface Progress {
  /** `performance.now()`, milliseconds. */
  readonly at: number;
  readonly count: number;
}

/**
 * Counts a second between the first and the last change: what comes before the first change (starting, joining a group)
 * and after the last one (waiting) is left out. The first change itself is not counted, since its beginning is unknown.
 * Null with fewer than two changes.
 */
export function rateOfProgress(samples: readonly Progress[]): number | null {
  const changes = samples.filter((sample, index) => index > 0 && sample.count !== samples[index - 1]!.count);
  const first = changes[0];
  const last = changes.at(-1);
  if (first === undefined || last === undefined || last.at <= first.at) return null;
  return ((last.count - first.count) * 1000) / (last.at - first.at);
}
