/** What became of the attempts that a window holds: noted in the cells of their sightings, and summed up for a verdict. */
import type { WindowOutcomes } from '../contract/evidence.js';
import {
  CELL_ANSWERED,
  CELL_FAILED,
  CELL_HALF_OPEN,
  CELL_UNSEEN,
  OUTCOME_FLAGS,
  type WindowShape,
} from './window-shape.js';
import type { WindowStore } from './window-store.js';

const NONE = -1;

/**
 * Notes what became of an attempt of this value and time.
 *
 * @returns false when the window does not hold it
 */
export function markOutcome(
  store: WindowStore,
  window: number,
  shape: WindowShape,
  value: number,
  time: number,
  flag: number,
): boolean {
  for (let cell = store.tail[window]!; cell !== NONE; cell = store.cellBefore[cell]!) {
    if (store.cellTime[cell]! < time) return false;
    if (shape.distinct) {
      if (store.cellValue[cell] !== value) continue;
    } else if (store.cellTime[cell]! !== time || (store.cellTag[cell]! & flag) !== 0) continue;
    store.cellTag[cell]! |= flag;
    return true;
  }
  return false;
}

/** What became of the attempts in the window that ends at `end`, µs. */
export function outcomesOf(store: WindowStore, window: number, shape: WindowShape, end: number): WindowOutcomes {
  const flags = new Map<number, number>();
  const failedAt = new Map<number, number>();
  const targets = new Map<number, number>();
  for (let cell = store.tail[window]!; cell !== NONE; cell = store.cellBefore[cell]!) {
    const time = store.cellTime[cell]!;
    if (time < end - shape.window) break;
    if (time > end) continue;
    const key = shape.distinct ? store.cellValue[cell]! : cell;
    flags.set(key, (flags.get(key) ?? 0) | (store.cellTag[cell]! & OUTCOME_FLAGS));
    if (!targets.has(key)) targets.set(key, store.cellTarget[cell]!);
  }
  let failed = 0;
  let answered = 0;
  let halfOpen = 0;
  let unseen = 0;
  let failedAtOne = 0;
  for (const [key, flag] of flags) {
    if ((flag & CELL_HALF_OPEN) !== 0) halfOpen++;
    if ((flag & CELL_ANSWERED) !== 0) answered++;
    else if ((flag & CELL_FAILED) !== 0) {
      failed++;
      const target = targets.get(key)!;
      const there = (failedAt.get(target) ?? 0) + 1;
      failedAt.set(target, there);
      if (there > failedAtOne) failedAtOne = there;
    } else if ((flag & CELL_UNSEEN) !== 0) unseen++;
  }
  return { failed, answered, halfOpen, unseen, failedAtOne, failedTargets: failedAt.size };
}
