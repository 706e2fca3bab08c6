/**
 * Keeps the busiest keys of a bucket and puts the rest in one row, so that the number of rows is bounded whatever the
 * traffic (a flood with spoofed sources has a source a packet), and they still add up to the total.
 */
import type { Tally } from './traffic-rollup.js';

export interface BoundedChange<K> {
  /** What to add to the rows of these keys, which are in the table or come in now. */
  readonly additions: Map<K, Tally>;
  /** Keys whose rows go; what they held is in `rest`. */
  readonly removals: K[];
  /** What to add to the row of the rest. */
  readonly rest: Tally;
}

/**
 * @param stored the rows in the table, without that of the rest; at most `limit`, unless the limit was lowered.
 * @param added what has come since.
 *
 * A key that is not in the table takes a free place, or that of the stored key with the fewest packets if it has more
 * (the replacement of Space-Saving, Metwally et al. 2005, but without inheriting the count: what is stored is never too high).
 */
export function boundKeys<K>(
  stored: ReadonlyMap<K, Tally>,
  added: ReadonlyMap<K, Tally>,
  limit: number,
): BoundedChange<K> {
  const additions = new Map<K, Tally>();
  const removals: K[] = [];
  const rest: Tally = { packets: 0, bytes: 0 };
  const newcomers: [K, Tally][] = [];
  for (const [key, tally] of added) {
    if (stored.has(key)) additions.set(key, tally);
    else newcomers.push([key, tally]);
  }
  if (newcomers.length === 0) return { additions, removals, rest };
  newcomers.sort(([, a], [, b]) => b.packets - a.packets);
  const evictable = [...stored].filter(([key]) => !additions.has(key)).sort(([, a], [, b]) => a.packets - b.packets);
  let free = limit - stored.size;
  let nextEvicted = 0;
  for (const [key, tally] of newcomers) {
    if (free > 0) {
      free--;
      additions.set(key, tally);
      continue;
    }
    const least = evictable[nextEvicted];
    if (least !== undefined && tally.packets > least[1].packets) {
      nextEvicted++;
      removals.push(least[0]);
      rest.packets += least[1].packets;
      rest.bytes += least[1].bytes;
      additions.set(key, tally);
    } else {
      rest.packets += tally.packets;
      rest.bytes += tally.bytes;
    }
  }
  return { additions, removals, rest };
}
