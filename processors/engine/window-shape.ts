/** How long a window is and what it is held to, and who says whether state may grow. */

/** What may grow a pool, or frees entries of it by evicting. */
export interface StateBudget {
  /** Whether so many more bytes fit. When they do not, it has evicted something; false for `grow` with nothing evicted means: grow. */
  mayGrow(bytes: number): boolean;
  /** Evicts the least recently active key; false when there is none but the one at work. */
  evict(): boolean;
}

/** The length of a window and the threshold it is held to. */
export interface WindowShape {
  readonly distinct: boolean;
  readonly threshold: number;
  /** µs. */
  readonly window: number;
  /** Disorder, µs. */
  readonly lateness: number;
  /** Counting cells to keep. */
  readonly most: number;
}

export function windowShape(distinct: boolean, threshold: number, window: number, lateness: number): WindowShape {
  // N for each W that the newest window and the disorder span; past 8 of them (a window far shorter than the
  // disorder) memory matters more than a crossing that only disorder could show
  const most = threshold * Math.min(8, 1 + Math.ceil(lateness / window));
  return { distinct, threshold, window, lateness, most };
}

/** What became of the attempt of a cell; none of these: not known yet. */
export const CELL_FAILED: number = 1 << 21;
export const CELL_ANSWERED: number = 1 << 22;
export const CELL_HALF_OPEN: number = 1 << 23;
export const CELL_UNSEEN: number = 1 << 24;
export const OUTCOME_FLAGS: number = CELL_FAILED | CELL_ANSWERED | CELL_HALF_OPEN | CELL_UNSEEN;
