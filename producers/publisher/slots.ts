/** Slots of hash tables of numbered entries: open addressing, of which as many are in use as the entries need. */

const EMPTY = -1;
/**
 * Slots that are in use at first, and two an entry at least from there on: of few entries all stay in the processor's caches, where of
 * as many as there can be each one looked at would be waited for.
 */
export const SLOTS_MIN = 4096;

export function enter(slots: Int32Array, mask: number, hash: number, entry: number): void {
  let slot = hash & mask;
  while (slots[slot] !== EMPTY) slot = (slot + 1) & mask;
  slots[slot] = entry;
}

/** Takes twice the slots into use, as far as there are any, and gives each entry its own anew; returns how many there are, less one. */
export function widen(slots: Int32Array, mask: number, hashes: Int32Array, count: number): number {
  const wider = Math.min(2 * mask + 1, slots.length - 1);
  slots.fill(EMPTY, 0, wider + 1);
  for (let entry = 0; entry < count; entry++) enter(slots, wider, hashes[entry]!, entry);
  return wider;
}

/** Empties the slots in use, and returns how many to use for a next flush like this one, less one. */
export function emptied(slots: Int32Array, mask: number, count: number): number {
  slots.fill(EMPTY, 0, mask + 1);
  let next = SLOTS_MIN;
  while (next < 2 * count) next *= 2;
  return Math.min(next, slots.length) - 1;
}
