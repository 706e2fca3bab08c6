/**
 * How many observations a second of capture time are kept: one costs about as much on the topic as its packet, and a flood of
 * questions or echoes must not double the traffic. So many of each kind are far above what any rule needs to be sure, and
 * what comes beyond is left out and counted. By capture time, so that a replay leaves out what the live node did.
 */
import type { Observation, ObservationKind } from './observation.js';

/** Kept of each kind in a slot of time, and its length, µs. */
export const OBSERVATIONS_A_SLOT = 10_000;
const SLOT_MICROS = 1_000_000;
/** A clock that stands so far behind the slot at hand was set back, µs; packets that are a little late belong to it. */
const SET_BACK_MICROS = 10_000_000;

export class ObservationBudget {
  /** How many were left out. */
  leftOut = 0;
  /** Where the slot at hand ends, µs, and how many of each kind are in it. */
  private end = Number.NEGATIVE_INFINITY;
  private readonly counts = new Map<ObservationKind, number>();

  allows({ kind, time }: Observation): boolean {
    if (time >= this.end || time < this.end - SET_BACK_MICROS) {
      this.end = (Math.floor(time / SLOT_MICROS) + 1) * SLOT_MICROS;
      this.counts.clear();
    }
    const count = this.counts.get(kind) ?? 0;
    if (count >= OBSERVATIONS_A_SLOT) {
      this.leftOut++;
      return false;
    }
    this.counts.set(kind, count + 1);
    return true;
  }
}
